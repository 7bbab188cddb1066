// R6: challenges as servers send them, and as they should not.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../src/registry/challenge.ts';

type Plain = readonly [scheme: string, parameters: Readonly<Record<string, string>>];

function parsed(...headers: readonly string[]): readonly Plain[] {
  return parseChallenges(headers).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

const HUB =
  'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/app:pull"';

type Row = readonly [what: string, headers: readonly string[], ...expected: Plain[]];

const ROWS: readonly Row[] = [
  [
    'the Hub',
    [HUB],
    [
      'bearer',
      {
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:library/app:pull',
      },
    ],
  ],
  ['htpasswd', ['Basic realm="Registry Realm"'], ['basic', { realm: 'Registry Realm' }]],
  ['a scheme alone', ['Negotiate'], ['negotiate', {}]],
  ['a token68', ['Negotiate YII=', 'Basic realm=x'], ['negotiate', {}], ['basic', { realm: 'x' }]],
  [
    'several in one header',
    ['Digest realm="a", nonce="b,c", Bearer realm="https://a/t" , service="s", Basic realm="x"'],
    ['digest', { realm: 'a', nonce: 'b,c' }],
    ['bearer', { realm: 'https://a/t', service: 's' }],
    ['basic', { realm: 'x' }],
  ],
  [
    'several headers',
    ['Basic realm="a"', 'BEARER Realm="https://a/t"'],
    ['basic', { realm: 'a' }],
    ['bearer', { realm: 'https://a/t' }],
  ],
  [
    'schemes alone between commas',
    ['NTLM, Negotiate,,Basic realm="a",'],
    ['ntlm', {}],
    ['negotiate', {}],
    ['basic', { realm: 'a' }],
  ],
  ['escapes', ['Basic realm="a\\"b\\\\c"'], ['basic', { realm: 'a"b\\c' }]],
  [
    'scopes with commas',
    ['Bearer realm="https://a/t",scope="repository:a:pull,push repository:b:pull"'],
    ['bearer', { realm: 'https://a/t', scope: 'repository:a:pull,push repository:b:pull' }],
  ],
  [
    'values without quotes, even URLs',
    ['Bearer realm=https://a.example/t?x=1,service=s error=insufficient_scope'],
    ['bearer', { realm: 'https://a.example/t?x=1', service: 's', error: 'insufficient_scope' }],
  ],
  ['blanks about the equals sign', ['Basic realm = "a"'], ['basic', { realm: 'a' }]],
  ['an empty value', ['Bearer realm="",service="s"'], ['bearer', { realm: '', service: 's' }]],
  ['a parameter twice', ['Bearer realm="a",realm="b"'], ['bearer', { realm: 'a' }]],
  [
    'a name of Object',
    ['Basic __proto__="a"'],
    ['basic', Object.fromEntries([['__proto__', 'a']])],
  ],
  ['nothing', ['']],
  ['no header', []],
  ['commas', [' , ,']],
  ['a quote that does not end', ['Bearer realm="https://a/t']],
  [
    'a broken one after a good one',
    ['Basic realm="a", Bearer realm="x'],
    ['basic', { realm: 'a' }],
  ],
  ['garbage behind a quote', ['Bearer realm="a"b']],
  ['a scheme with a bad character', ['Bea(rer realm="a"']],
  ['a value that is not there', ['Bearer service="s",realm=,a="b"']],
  ['what may be a token68', ['Bearer realm=,'], ['bearer', {}]],
  ['only parameters', ['="a"']],
  ['one header broken, the other not', ['"', 'Basic realm="a"'], ['basic', { realm: 'a' }]],
];

describe('R6: parseChallenges()', () => {
  const rows = ROWS.map(([what, headers, ...expected]) => ({ what, headers, expected }));
  it.each(rows)('reads $what', ({ headers, expected }) => {
    expect(parsed(...headers)).toEqual(expected);
  });

  it('does not read a challenge of 1 MiB', () => {
    expect(parsed(`Bearer realm="${'x'.repeat(1_048_576)}"`)).toEqual([]);
    expect(parsed(HUB, 'x'.repeat(1_048_576))).toEqual([]);
  });

  it('reads no more than 16', () => {
    expect(parsed('Basic realm=a,'.repeat(1000))).toHaveLength(16);
  });

  it.each([
    '"',
    '\\',
    ',',
    '=',
    ' ',
    'a',
    'a=',
    'a="',
    'a ',
    'a=b,',
    '"\\',
  ])('takes no time for many %j', (piece) => {
    const started = performance.now();
    parsed('Bearer '.concat(piece.repeat(60_000 / piece.length)));
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('never throws, and gives tokens as schemes', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab", =\\\t(é') });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), (headers) => {
        for (const { scheme } of parseChallenges(headers)) expect(scheme).toMatch(/^[ab]+$/);
      }),
    );
  });

  it('reads what it is given in quotes', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (realm, service) => {
        const quote = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`;
        const header = `Bearer realm=${quote(realm)}, service=${quote(service)}`;
        expect(parsed(header)).toEqual([['bearer', { realm, service }]]);
      }),
    );
  });
});
