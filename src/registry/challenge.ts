// The `WWW-Authenticate` of a 401 (RFC 9110, 11.6.1): what the server wants to see before it answers. It comes from
// another machine: whatever cannot be read is left out, and the reading takes no longer than the text is long.

/** One way to be let in. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case; the first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** No server needs more; what is longer is not read at all. */
const CHALLENGE_CHARACTERS = 65_536;
const CHALLENGES = 16;

/**
 * The challenges of all headers, in order. A broken one ends the reading of its header; those before it count. Values
 * without quotes may hold any character but comma and blank, as some servers send URLs so.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  const total = headers.reduce((sum, header) => sum + header.length, 0);
  if (total > CHALLENGE_CHARACTERS) return [];
  return headers.flatMap((header) => new ChallengeReader(header).all()).slice(0, CHALLENGES);
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const BLANKS = /[ \t]+/y;
const SEPARATORS = /[ \t,]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const BARE_VALUE = /[^\s",]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/** Reads one header from left to right. */
class ChallengeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): readonly Challenge[] {
    const found: Challenge[] = [];
    this.#take(SEPARATORS);
    while (this.#at < this.#text.length && found.length < CHALLENGES) {
      const challenge = this.#challenge();
      if (challenge === undefined) break;
      found.push(challenge);
    }
    return found;
  }

  /** One challenge and the separators behind it; undefined where it is broken. */
  #challenge(): Challenge | undefined {
    const scheme = this.#take(TOKEN)?.toLowerCase();
    if (scheme === undefined) return undefined;
    const isEnd = this.#at === this.#text.length || this.#text[this.#at] === ',';
    if (!isEnd && this.#take(BLANKS) === undefined) return undefined;
    const parameters = isEnd || this.#take(TOKEN68) !== undefined ? new Map() : this.#parameters();
    if (parameters === undefined) return undefined;
    this.#take(SEPARATORS);
    return { scheme, parameters };
  }

  /** Parameters up to the next scheme, which is a token without `=` behind it. */
  #parameters(): Map<string, string> | undefined {
    const parameters = new Map<string, string>();
    while (true) {
      this.#take(SEPARATORS);
      const start = this.#at;
      const name = this.#take(TOKEN)?.toLowerCase();
      if (name === undefined) return this.#at === this.#text.length ? parameters : undefined;
      if (this.#take(EQUALS) === undefined) {
        this.#at = start;
        return parameters;
      }
      const value = this.#text[this.#at] === '"' ? this.#quoted() : this.#take(BARE_VALUE);
      if (value === undefined || !this.#isAtBorder()) return undefined;
      if (!parameters.has(name)) parameters.set(name, value);
    }
  }

  /** A quoted string, without quotes and escapes; undefined where it does not end. */
  #quoted(): string | undefined {
    let value = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const character = this.#text.charAt(at);
      if (character === '"') {
        this.#at = at + 1;
        return value;
      }
      if (character === '\\') at += 1;
      value += this.#text.charAt(at);
    }
    return undefined;
  }

  #isAtBorder(): boolean {
    return this.#at === this.#text.length || /[ \t,]/.test(this.#text.charAt(this.#at));
  }

  /** What `pattern` (sticky) matches here, passed over; undefined where it does not. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }
}
