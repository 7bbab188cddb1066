// Text with variables: `{git.sha}`, `{env.X}`, `{date}` of shipper and `$X`, `${X:-default}` of Compose (compose-spec
// `12-interpolation.md`). Pure: what a variable means is asked of the caller.

/** A piece of a template. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** `{git.sha}`. */
  | { readonly kind: 'fact'; readonly name: string }
  | {
      readonly kind: 'variable';
      readonly name: string;
      /** `:-` `-` otherwise, `:?` `?` refuse, `:+` `+` instead; the colon says that empty counts as not set. */
      readonly operator?: '-' | '?' | '+';
      readonly emptyIsUnset: boolean;
      readonly operand: readonly Piece[];
    };

/** What is wrong with a template: a state, for a message. */
export interface TemplateFault {
  readonly fault: string;
  readonly hint?: string;
}

/** Nesting of defaults. */
const DEPTH = 20;

/** Divides `text`; `undefined` where it has no variable at all, so that most texts cost nothing. */
export function parseTemplate(text: string): readonly Piece[] | TemplateFault | undefined {
  if (!/[${]/.test(text)) return undefined;
  const parser = new Parser(text);
  const pieces = parser.pieces(false, 0);
  if (parser.fault !== undefined) return parser.fault;
  return pieces.every(({ kind }) => kind === 'text') && !text.includes('$$') ? undefined : pieces;
}

class Parser {
  fault: TemplateFault | undefined;
  readonly #text: string;
  /** The last place at which `{{` can still be closed. */
  readonly #lastBraces: number;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lastBraces = text.lastIndexOf('}}') - 2;
  }

  /** Up to the end, or to the `}` that closes an operand. */
  pieces(isOperand: boolean, depth: number): readonly Piece[] {
    const found: Piece[] = [];
    let plain = '';
    const keep = (piece: Piece) => {
      if (plain !== '') found.push({ kind: 'text', text: plain });
      plain = '';
      found.push(piece);
    };
    while (this.fault === undefined && this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? '';
      if (isOperand && character === '}') break;
      if (character === '$') {
        const piece = this.#dollar(depth);
        if (typeof piece === 'string') plain += piece;
        else if (piece !== undefined) keep(piece);
        continue;
      }
      const fact = character === '{' ? this.#fact() : undefined;
      if (fact !== undefined) {
        keep(fact);
        continue;
      }
      const braces = this.#braces();
      plain += braces ?? character;
      if (braces === undefined) this.#at += 1;
    }
    if (plain !== '') found.push({ kind: 'text', text: plain });
    return found;
  }

  /** `{{…}}` is a template of docker's and stays as it is. */
  #braces(): string | undefined {
    if (this.#at > this.#lastBraces || !this.#text.startsWith('{{', this.#at)) return undefined;
    const end = this.#text.indexOf('}}', this.#at + 2) + 2;
    const braces = this.#text.slice(this.#at, end);
    this.#at = end;
    return braces;
  }

  #fact(): Piece | undefined {
    if (this.#text.startsWith('{{', this.#at)) return undefined;
    const [, name] = this.#match(/\{((?:git|env)\.\w*|date|project)\}/y) ?? [];
    return name === undefined ? undefined : { kind: 'fact', name };
  }

  #dollar(depth: number): Piece | string | undefined {
    if (this.#match(/\$\$/y) !== null) return '$';
    const [, bare] = this.#match(/\$([A-Za-z_]\w*)/y) ?? [];
    if (bare !== undefined) {
      return { kind: 'variable', name: bare, emptyIsUnset: false, operand: [] };
    }
    const [, name, colon, operator] = this.#match(/\$\{([A-Za-z_]\w*)(?:(:?)([-?+]))?/y) ?? [];
    if (name === undefined) {
      return this.#refuse('"$" begins no variable', 'write $$ for a "$" that is meant');
    }
    if (depth >= DEPTH) return this.#refuse('defaults are nested too deep');
    const operand = operator === undefined ? [] : this.pieces(true, depth + 1);
    if (this.fault === undefined && this.#match(/\}/y) === null) {
      return this.#refuse(
        `"\${${name}" is not closed`,
        `write \${${name}} or \${${name}:-default}`,
      );
    }
    return {
      kind: 'variable',
      name,
      ...(operator === '-' || operator === '?' || operator === '+' ? { operator } : {}),
      emptyIsUnset: colon === ':',
      operand,
    };
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at += found[0].length;
    return found;
  }

  #refuse(fault: string, hint?: string): undefined {
    this.fault = hint === undefined ? { fault } : { fault, hint };
  }
}
