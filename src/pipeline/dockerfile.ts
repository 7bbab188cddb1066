// The images that a Dockerfile begins from or copies from, as far as its text alone tells. Pure. It decides only what is in
// the key of a build: where it cannot tell, the build is simply run.

/** What is known of the build beside the text. */
export interface DockerfileFacts {
  readonly args: Readonly<Record<string, string>>;
  /** Names that are contexts of their own: images of the project, additional contexts. */
  readonly contexts: ReadonlySet<string>;
}

/** Words that a builder defines itself, with values that the text does not have. */
const AUTOMATIC = /^(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)$/;

/**
 * References of images outside of the project, each once; undefined where the text does not tell: a variable without a
 * value, a file that is fetched, another escape character.
 */
export function imagesOf(text: string, facts: DockerfileFacts): readonly string[] | undefined {
  if (/^\s*#\s*escape\s*=\s*`/im.test(text)) return undefined;
  const reader = new Reader(facts);
  for (const line of logicalLines(text)) reader.read(line);
  return reader.isClear ? [...reader.images] : undefined;
}

/** Lines without comments, continued ones joined. */
function logicalLines(text: string): readonly string[] {
  const lines: string[] = [];
  let open = '';
  for (const raw of text.split(/\r?\n/)) {
    if (/^\s*#/.test(raw) || (open !== '' && raw.trim() === '')) continue;
    const isContinued = /\\\s*$/.test(raw);
    open += raw.replace(/\\\s*$/, ' ');
    if (isContinued) continue;
    lines.push(open.trim());
    open = '';
  }
  if (open !== '') lines.push(open.trim());
  return lines;
}

class Reader {
  readonly images = new Set<string>();
  isClear = true;
  readonly #facts: DockerfileFacts;
  /** Values of ARG before the first FROM, the only ones that FROM sees. */
  readonly #values = new Map<string, string>();
  readonly #stages = new Set<string>();
  #stageCount = 0;

  constructor(facts: DockerfileFacts) {
    this.#facts = facts;
  }

  read(line: string): void {
    const [, word = '', rest = ''] = /^([A-Za-z]+)\s+(.*)$/s.exec(line) ?? [];
    switch (word.toUpperCase()) {
      case 'ARG':
        if (this.#stageCount === 0) this.#arg(rest);
        break;
      case 'FROM':
        this.#from(rest);
        break;
      case 'COPY':
        for (const [, from = ''] of rest.matchAll(/(?:^|\s)--from=(\S+)/g)) this.#name(from);
        break;
      case 'ADD':
        // What is fetched may be another thing tomorrow.
        if (/(?:^|[\s"'])(?:https?:\/\/|git@|git:\/\/)/.test(rest)) this.isClear = false;
        break;
      case 'RUN':
        for (const [, mount = ''] of rest.matchAll(/(?:^|\s)--mount=(\S+)/g)) this.#mount(mount);
        break;
    }
  }

  #arg(rest: string): void {
    for (const [, name = '', value] of rest.matchAll(
      /([A-Za-z_]\w*)(?:=("[^"]*"|'[^']*'|\S*))?/g,
    )) {
      const given = Object.hasOwn(this.#facts.args, name) ? this.#facts.args[name] : undefined;
      const found = given ?? (value === undefined ? undefined : this.#expand(unquoted(value)));
      if (found !== undefined) this.#values.set(name, found);
    }
  }

  #from(rest: string): void {
    const words = rest.split(/\s+/).filter((word) => !word.startsWith('--'));
    const [image = '', as = '', stage] = words;
    this.#name(image);
    if (as.toLowerCase() === 'as' && stage !== undefined) this.#stages.add(stage.toLowerCase());
    this.#stageCount += 1;
  }

  #mount(mount: string): void {
    const from = mount.split(',').find((part) => part.startsWith('from='));
    if (from !== undefined) this.#name(from.slice('from='.length));
  }

  #name(text: string): void {
    const name = this.#expand(unquoted(text));
    if (name === undefined || name === '') {
      this.isClear = false;
      return;
    }
    const isStage = this.#stages.has(name.toLowerCase()) || /^\d+$/.test(name);
    if (name === 'scratch' || isStage || this.#facts.contexts.has(name)) return;
    this.images.add(name);
  }

  /** `$X`, `${X}`, `${X:-default}`, `${X:+other}`; undefined where a value is not known. */
  #expand(text: string): string | undefined {
    let isKnown = true;
    const expanded = text.replace(
      /\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))/g,
      (_, braced?: string, operator?: string, operand: string = '', bare?: string) => {
        const name = braced ?? bare ?? '';
        const value = this.#values.get(name) ?? '';
        if (operator === '-') return value === '' ? operand : value;
        if (operator === '+') return value === '' ? '' : operand;
        if (value === '' || AUTOMATIC.test(name)) isKnown = false;
        return value;
      },
    );
    return isKnown && !expanded.includes('$') ? expanded : undefined;
  }
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}
