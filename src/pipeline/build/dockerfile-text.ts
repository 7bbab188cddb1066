// How the text of a Dockerfile is cut into instructions, and what its arguments are in front of the first stage (Dockerfile
// reference; moby builder/dockerfile/parser). Pure.

/** Arguments that a builder defines itself, with values that the text does not have. */
const AUTOMATIC = /^(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)$/;

/** Instructions with their continuation lines, and comments and empty lines, each with its line end. */
export function instructionsOf(dockerfile: string): readonly string[] {
  const mark = hasOtherEscape(dockerfile) ? '`' : '\\';
  const continues = new RegExp(`\\${mark}[ \\t]*\\r?\\n?$`);
  const found: string[] = [];
  let current = '';
  for (const line of dockerfile.split(/(?<=\n)/)) {
    const isComment = /^\s*#/.test(line);
    if (current === '' && isComment) {
      found.push(line);
      continue;
    }
    current += line;
    // Comments and empty lines inside an instruction do not end it.
    const isInside = current !== line && (isComment || line.trim() === '');
    if (isInside || continues.test(line)) continue;
    found.push(current);
    current = '';
  }
  return current === '' ? found : [...found, current];
}

/** Whether the lines at the top say that a backtick continues a line, and not a backslash. */
export function hasOtherEscape(dockerfile: string): boolean {
  const directives = /^(?:\s*#[^\n]*\n)*/.exec(dockerfile.replace(/^\ufeff/, ''))?.[0] ?? '';
  return /^\s*#\s*escape\s*=\s*`/im.test(directives);
}

/** The first word of an instruction, in capitals; undefined for comments and empty lines. */
export function keywordOf(instruction: string): string | undefined {
  return /^\s*(\w+)/.exec(instruction)?.[1]?.toUpperCase();
}

/** A text with its variables filled in. */
export interface Expanded {
  readonly text: string;
  /** False where a variable has no value here: a builder may have one. */
  readonly isKnown: boolean;
}

/** What `ARG` says in front of the first stage: all that `FROM` sees. */
export class GlobalArguments {
  readonly #given: Readonly<Record<string, string>>;
  readonly #values = new Map<string, Expanded>();

  /** `given` are values from outside, which win over defaults. */
  constructor(given: Readonly<Record<string, string>>) {
    this.#given = given;
  }

  /** Takes `ARG A=b C="d"`. */
  declare(instruction: string): void {
    for (const [, name = '', value] of instruction
      .replace(/^\s*\w+\s+/, '')
      .matchAll(/(\w+)(?:=("[^"]*"|'[^']*'|\S*))?/g)) {
      const given = Object.hasOwn(this.#given, name) ? this.#given[name] : undefined;
      if (given !== undefined) this.#values.set(name, { text: given, isKnown: true });
      else if (value !== undefined) this.#values.set(name, this.expand(value));
    }
  }

  /** Fills in `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`, as the builder does: what has no value is empty. */
  expand(quoted: string): Expanded {
    let isKnown = true;
    const text = unquoted(quoted).replace(
      /\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g,
      (_, plain: string | undefined, braced: string | undefined, sign, other) => {
        const name = plain ?? braced ?? '';
        const found = this.#values.get(name);
        const value = found?.text ?? '';
        if (sign === '-') return value === '' ? other : value;
        if (sign === '+') return value === '' ? '' : other;
        if (value === '' || found?.isKnown === false || AUTOMATIC.test(name)) isKnown = false;
        return value;
      },
    );
    return { text, isKnown };
  }
}

/** Without the quotes around it. */
export function unquoted(text: string): string {
  return /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;
}
