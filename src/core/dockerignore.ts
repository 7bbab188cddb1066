// The patterns of `.dockerignore`, as Docker matches them (moby/patternmatcher): the last pattern that matches wins, `!`
// takes back, `**` is any number of folders, and what lies below a folder that matches goes with it.
import { ShipperError } from './errors.ts';

/** How one pattern stands to one path. */
interface Rule {
  readonly takesBack: boolean;
  matches(path: string): boolean;
}

/** What every pattern said of a folder; the names in it are asked with that. */
export type FolderMatch = readonly boolean[];

/** Whether a path is ignored, and what to ask the names below it with. */
export interface PathMatch {
  readonly isIgnored: boolean;
  readonly below: FolderMatch;
}

/** Compiled patterns. Paths are clean: components joined by `/`, no slash at either end. */
export class IgnoreRules {
  readonly #rules: readonly Rule[];

  /** Throws `USAGE` for a pattern that is not well formed. Empty patterns are skipped. */
  constructor(patterns: readonly string[]) {
    this.#rules = patterns.flatMap(ruleOf);
  }

  /** Whether any pattern takes back what an earlier one ignores. */
  get takesBack(): boolean {
    return this.#rules.some((rule) => rule.takesBack);
  }

  /** Asks for a path in the folder that `parent` was given for; undefined for names in the root. */
  match(path: string, parent?: FolderMatch): PathMatch {
    let isIgnored = false;
    const below = this.#rules.map((rule, at) => {
      const isMatched =
        parent?.[at] === true || (rule.takesBack === isIgnored && rule.matches(path));
      if (isMatched) isIgnored = !rule.takesBack;
      return isMatched;
    });
    return { isIgnored, below };
  }

  /** Whether a path is ignored, itself or with a folder above it. */
  ignores(path: string): boolean {
    let found: PathMatch = { isIgnored: false, below: [] };
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      found = this.match(path.slice(0, slash), found.below);
    }
    return this.match(path, found.below).isIgnored;
  }
}

function ruleOf(text: string): readonly Rule[] {
  const trimmed = text.trim();
  const takesBack = trimmed.startsWith('!');
  const pattern = takesBack ? trimmed.slice(1).trim() : trimmed;
  if (pattern === '' && !takesBack) return [];
  if (pattern === '') throw malformed(text, 'there is nothing behind the !');
  const clean = cleanPattern(pattern);
  return [{ takesBack, matches: matcherOf(clean, text) }];
}

/** `./a`, `/a`, `a//b`, `a/`, `x/../a` as Go's path.Clean writes them, relative to the root. */
function cleanPattern(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.length === 0 ? '.' : parts.join('/');
}

/** Docker takes three forms out of the general one; they are not only faster: `**x` matches any end of a path. */
function matcherOf(pattern: string, text: string): (path: string) => boolean {
  const tokens = tokensOf(pattern, text);
  const [first] = tokens;
  const isPlain = (some: readonly Token[]) => some.every(({ kind }) => kind === 'literal');
  if (isPlain(tokens)) return (path) => path === pattern;
  if (first?.kind === 'folders' && isPlain(tokens.slice(1))) {
    const end = pattern.slice(2);
    return (path) => path.endsWith(end) || (end.startsWith('/') && path === end.slice(1));
  }
  if (tokens.at(-1)?.kind === 'rest' && isPlain(tokens.slice(0, -1))) {
    const start = pattern.replace(/\*\*$/, '');
    return (path) => path.startsWith(start);
  }
  const expression = new RegExp(`^${tokens.map(({ source }) => source).join('')}$`, 'u');
  return (path) => expression.test(path);
}

/** A piece of a pattern: a character that stands for itself, `**` in front of more or at the end, or another wildcard. */
interface Token {
  readonly kind: 'literal' | 'folders' | 'rest' | 'wild';
  /** As a regular expression. */
  readonly source: string;
}

function tokensOf(pattern: string, text: string): readonly Token[] {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; ) {
    const { token, next } = tokenAt(chars, at, text);
    tokens.push(token);
    at = next;
  }
  return tokens;
}

function tokenAt(
  chars: readonly string[],
  at: number,
  text: string,
): { readonly token: Token; readonly next: number } {
  const char = chars[at] ?? '';
  if (char === '*' && chars[at + 1] === '*') return starsAt(chars, at);
  if (char === '*') return { token: { kind: 'wild', source: '[^/]*' }, next: at + 1 };
  if (char === '?') return { token: { kind: 'wild', source: '[^/]' }, next: at + 1 };
  if (char === '[') return classAt(chars, at, text);
  if (char !== '\\') return { token: { kind: 'literal', source: escaped(char) }, next: at + 1 };
  const literal = chars[at + 1];
  if (literal === undefined) throw malformed(text, 'it ends with a backslash');
  return { token: { kind: 'wild', source: escaped(literal) }, next: at + 2 };
}

/** `**`, and a slash behind it. */
function starsAt(chars: readonly string[], at: number): { token: Token; next: number } {
  const next = chars[at + 2] === '/' ? at + 3 : at + 2;
  const isLast = next >= chars.length;
  const token: Token = isLast
    ? { kind: 'rest', source: '[^]*' }
    : { kind: 'folders', source: '(?:[^]*\\/)?' };
  return { token, next };
}

/** `[abc]`, `[a-z]`, `[^a]`, with `\` in front of what stands for itself. */
function classAt(
  chars: readonly string[],
  start: number,
  text: string,
): { token: Token; next: number } {
  let at = start + 1;
  const isNegated = chars[at] === '^';
  if (isNegated) at += 1;
  let source = '';
  while (chars[at] !== ']' || source === '') {
    const low = memberAt(chars, at, text);
    at = low.next;
    source += escapedInClass(low.char);
    if (chars[at] !== '-') continue;
    const high = memberAt(chars, at + 1, text);
    at = high.next;
    if (high.char < low.char) throw malformed(text, 'a range runs backwards');
    source += `-${escapedInClass(high.char)}`;
  }
  return { token: { kind: 'wild', source: `[${isNegated ? '^' : ''}${source}]` }, next: at + 1 };
}

function memberAt(
  chars: readonly string[],
  at: number,
  text: string,
): { readonly char: string; readonly next: number } {
  const isEscaped = chars[at] === '\\';
  const char = chars[isEscaped ? at + 1 : at];
  if (char === undefined) throw malformed(text, 'a [ is not closed');
  if (!isEscaped && (char === ']' || char === '-')) throw malformed(text, `a ${char} stands alone`);
  return { char, next: isEscaped ? at + 2 : at + 1 };
}

function escaped(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

function escapedInClass(char: string): string {
  return char === '-' ? '\\-' : escaped(char);
}

function malformed(text: string, reason: string): ShipperError {
  return new ShipperError('USAGE', `Cannot use the pattern ${JSON.stringify(text)}: ${reason}`, {
    hint: 'Patterns are those of .dockerignore: *, ?, [a-z], **, and ! to take back',
  });
}
