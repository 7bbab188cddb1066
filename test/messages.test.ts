// The grammar of messages (docs/architecture.md, "Errors"): "Cannot <verb> <thing>: <state>", no final dot, no contraction.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../src/index.ts';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

const texts = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => [file, readFileSync(`${SRC}/${file}`, 'utf8')] as const);

/**
 * Messages that are no literal where the error is made. The functions that make them are held to the grammar by the
 * literal that they begin with, or pass on a message that was made here before.
 */
const MADE_ELSEWHERE: readonly (readonly [file: string, start: string])[] = [
  ['cli/session.ts', 'reason.message'],
  ['core/words.ts', 'message'],
  ['core/errors.ts', 'text'],
  ['engine/container-request.ts', 'error.message'],
  ['engine/failures.ts', 'sentence(doing'],
  ['engine/image-calls.ts', 'error.message'],
  ['registry/upload.ts', 'error.message'],
  ['system/spool.ts', 'message'],
  ['tasks/failure-place.ts', '`$'],
  // A state that should be impossible: for the one who mends it, not for the one who meets it.
  ['core/errors.ts', 'message'],
  // The caller puts "Cannot open NAME: " in front.
  ['transport/archive.ts', '`it has more than '],
  ['transport/archive.ts', '`the member "'],
];

const LITERAL = String.raw`'(?:\\.|[^'\\])*'|${'`'}(?:\\.|[^${'`'}\\])*${'`'}`;

interface Message {
  readonly file: string;
  readonly expression: string;
}

/** First or second arguments of calls, as written. */
function argumentsOf(call: string, before: string): readonly Message[] {
  const pattern = new RegExp(`${call}\\(\\s*${before}(${LITERAL}|[^,;]+?)\\s*[,)]`, 'g');
  return texts.flatMap(([file, text]) =>
    [...text.matchAll(pattern)].map(([, expression = '']) => ({ file, expression })),
  );
}

const thrown = argumentsOf('new ShipperError', '(?:[^,(]+),\\s*');
const usages = argumentsOf('(?<!function |\\.)\\busage', '');
const drafts = texts.flatMap(([file, text]) =>
  [...text.matchAll(new RegExp(`const message = (${LITERAL});`, 'g'))].map(
    ([, expression = '']) => ({ file, expression }),
  ),
);
const isLiteral = ({ expression }: Message) => /^['`]/.test(expression);
const rewordings = argumentsOf('(?<!function )\\breworded', '\\w+,\\s*').filter(isLiteral);
/** `const message = …` beside it is held to the grammar by itself. */
const isDraft = ({ file, expression }: Message) =>
  expression === 'message' && drafts.some((draft) => draft.file === file);
const isKnown = ({ file, expression }: Message) =>
  isDraft({ file, expression }) ||
  MADE_ELSEWHERE.some(([where, what]) => where === file && expression.startsWith(what));
const show = ({ file, expression }: Message) => `${file}: ${expression}`;

const CONTRACTION = /\b(?:\w+n't|(?:it|that|there|what|let)'s|\w+'(?:re|ve|ll))\b/i;

describe('messages of errors', () => {
  it('are found', () => {
    expect(thrown.filter(isLiteral).length).toBeGreaterThan(100);
    expect(usages.filter(isLiteral).length).toBeGreaterThan(15);
    expect(rewordings.length).toBeGreaterThan(0);
    const made = texts.flatMap(([, text]) => text.match(/new ShipperError\(/g) ?? []);
    expect(thrown.length).toBe(made.length);
    const found = thrown.map(show);
    const gone = MADE_ELSEWHERE.map(([file, what]) => `${file}: ${what}`);
    expect(gone.filter((what) => !found.some((each) => each.startsWith(what)))).toEqual([]);
  });

  it('begin with "Cannot" and a verb', () => {
    const all = [...thrown, ...usages, ...drafts, ...rewordings].filter((each) => !isKnown(each));
    const wrong = all.filter(({ expression }) => !/^['`]Cannot (?:\$\{|[a-z])/.test(expression));
    expect(wrong.map(show)).toEqual([]);
  });

  it('have no dot at the end, and no exclamation mark', () => {
    const wrong = [...thrown, ...usages, ...drafts, ...rewordings].filter(({ expression }) =>
      /[.!]['`]$/.test(expression),
    );
    expect(wrong.map(show)).toEqual([]);
  });

  it('have no contractions, nor have hints and help', () => {
    const wrong = texts.flatMap(([file, text]) =>
      [...text.matchAll(/"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|'(?:\\.|[^'\\\n])*'/g)]
        .filter(([literal]) => literal.includes(' ') && CONTRACTION.test(literal.slice(1, -1)))
        .map(([literal]) => `${file}: ${literal}`),
    );
    expect(wrong).toEqual([]);
  });

  it('have codes that exist, and every code is used', () => {
    const used = texts.flatMap(([, text]) =>
      [...text.matchAll(/'([A-Z][A-Z_]+)'/g)].map(([, code = '']) => code),
    );
    expect(Object.keys(ERROR_CODES).filter((code) => !used.includes(code))).toEqual([]);
  });
});
