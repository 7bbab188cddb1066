// A file of variables as docker compose reads it (compose-go dotenv/parser.go): `KEY=VALUE` lines, quotes, comments, `export`; values
// outside of single quotes have variables of their own, and a `KEY` alone is had from outside.
import { ShipperError } from '../core/errors.ts';
import { type Piece, parseTemplate } from './template.ts';

/** What a file of variables is read with. */
export interface DotenvReading {
  /** For messages. */
  readonly path: string;
  /** What variables mean outside of the file; that comes before what the file says of them. */
  readonly variable: (name: string) => string | undefined;
  /** From files that were read before. */
  readonly earlier?: ReadonlyMap<string, string>;
  /** Told the name of a variable that nobody has: it is empty. Default: nothing is done. */
  readonly onMissing?: (name: string) => void;
}

const LINE =
  /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.]*)[ \t]*(?:([=:])[ \t]*(?:'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|([^\n]*))|$)/gm;

/**
 * Variables by name; of two with one name the later one counts. Lines that are none are passed over. `BAD_CONFIG` for a "$" that
 * begins no variable, and for one that is refused where it is not set (`${X:?why}`).
 */
export function parseDotenv(text: string, reading: DotenvReading): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const plainText = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  for (const { 0: line, index, ...groups } of plainText.matchAll(LINE)) {
    const { 1: key = '', 2: sign, 3: single, 4: double, 5: bare = '' } = groups;
    const at = index + (line.length - line.trimStart().length);
    const expand = (value: string) => expanded(value, found, reading, lineAt(plainText, at));
    if (sign === undefined) {
      const value = reading.variable(key);
      if (value !== undefined) found.set(key, value);
    } else if (single !== undefined) found.set(key, single);
    else found.set(key, expand(double === undefined ? plain(bare) : unescaped(double)));
  }
  return found;
}

/** Without a comment, which begins after a blank. */
function plain(text: string): string {
  return text.replace(/(?:^|[ \t])#.*$/, '').trim();
}

/** `\$` becomes `$$`, which begins no variable. */
function unescaped(text: string): string {
  return text.replace(/\\([nrt"\\$])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', $: '$$' };

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

function expanded(
  value: string,
  found: ReadonlyMap<string, string>,
  { path, variable, earlier, onMissing }: DotenvReading,
  line: number,
): string {
  const refuse = (fault: string, hint?: string): never => {
    const more = hint === undefined ? {} : { hint };
    const problems = [{ file: path, line, column: 1, message: fault, ...more }];
    throw new ShipperError('BAD_CONFIG', `Cannot read ${path}: line ${line}: ${fault}`, {
      problems,
      ...more,
    });
  };
  const known = (name: string) => variable(name) ?? found.get(name) ?? earlier?.get(name);
  const join = (pieces: readonly Piece[]): string => pieces.map(valueIn).join('');
  const valueIn = (piece: Piece): string => {
    if (piece.kind === 'text') return piece.text;
    // Shipper's own words mean nothing here.
    if (piece.kind === 'fact') return `{${piece.name}}`;
    const { name, operator, emptyIsUnset, operand } = piece;
    const there = known(name);
    const isSet = there !== undefined && !(emptyIsUnset && there === '');
    if (operator === '+') return isSet ? join(operand) : '';
    if (isSet) return there;
    if (operator === '-') return join(operand);
    if (operator === '?') return refuse(`the variable ${name} is not set: ${join(operand)}`);
    onMissing?.(name);
    return '';
  };
  const pieces = parseTemplate(value);
  if (pieces === undefined) return value;
  return 'fault' in pieces
    ? refuse(pieces.fault, `${pieces.hint ?? 'mend it'}, or put it in single quotes`)
    : join(pieces);
}
