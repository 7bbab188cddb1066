// What the library says to a call that the compiler would have refused: the option, what is expected, what came.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  copy,
  flatten,
  inspect,
  moveServices,
  planShip,
  pruneEnvironment,
  resume,
  rollback,
  rollout,
  shipProject,
  tag,
  unlockEnvironment,
  verify,
} from '../src/index.ts';
import { workplace } from './operations/workplace.ts';
import { legacyArchive } from './support/archives.ts';

/** Past the compiler. */
type Loose = (...args: readonly unknown[]) => Promise<unknown>;
const loose = {
  flatten: flatten as unknown as Loose,
  verify: verify as unknown as Loose,
  copy: copy as unknown as Loose,
  tag: tag as unknown as Loose,
  inspect: inspect as unknown as Loose,
  shipProject: shipProject as unknown as Loose,
  planShip: planShip as unknown as Loose,
  moveServices: moveServices as unknown as Loose,
  pruneEnvironment: pruneEnvironment as unknown as Loose,
  resume: resume as unknown as Loose,
  rollback: rollback as unknown as Loose,
  rollout: rollout as unknown as Loose,
  unlockEnvironment: unlockEnvironment as unknown as Loose,
};

async function complaint(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'none',
    (error: Error) => `${error.constructor.name}: ${error.message}`,
  );
}

const SOURCE = { source: 'x.tar' };
type Row = readonly [what: string, request: unknown, says: string];

const TYPES: readonly Row[] = [
  ['nothing', undefined, 'the request: it must be an object, not undefined'],
  ['null', null, 'the request: it must be an object, not null'],
  ['a string', 'x.tar', 'the request: it must be an object, not "x.tar" (string)'],
  ['an array', ['x.tar'], 'the request: it must be an object, not an array of 1'],
  ['no source', {}, 'the request: source is missing'],
  ['a number as the source', { source: 5 }, 'source: it must be a string, not 5 (number)'],
  [
    'an unknown name',
    { ...SOURCE, outputz: [] },
    'the request: there is no option "outputz", did you mean outputs?',
  ],
  [
    'the name of the flag',
    { ...SOURCE, 'max-size': 1 },
    'the request: there is no option "max-size", did you mean maxSizeBytes?',
  ],
  [
    'one output without its list',
    { ...SOURCE, outputs: 'y.tar' },
    'outputs: it must be an array, not "y.tar" (string)',
  ],
  [
    'a hole in a list',
    { ...SOURCE, tags: [undefined] },
    'tags[0]: it must be a string, not undefined',
  ],
  [
    'an object in a list',
    { ...SOURCE, tags: ['a:1', {}] },
    'tags[1]: it must be a string, not an object',
  ],
  [
    'a word for a flag',
    { ...SOURCE, dryRun: 'no' },
    'dryRun: it must be true or false, not "no" (string)',
  ],
  ['null for a flag', { ...SOURCE, inPlace: null }, 'inPlace: it must be true or false, not null'],
  [
    'text for a size',
    { ...SOURCE, maxSizeBytes: '10MB' },
    'maxSizeBytes: it must be a whole number from 1 up, not "10MB" (string)',
  ],
  [
    'a bigint for a size',
    { ...SOURCE, maxSizeBytes: 10n },
    'maxSizeBytes: it must be a whole number from 1 up, not 10 (bigint)',
  ],
  [
    'a word for the compression',
    { ...SOURCE, compression: 'gzip' },
    'compression: it must be an object as { kind: \'gzip\', level: 6 }, not "gzip" (string)',
  ],
  ['no level', { ...SOURCE, compression: { kind: 'gzip' } }, 'compression: level is missing'],
  [
    'a level for none',
    { ...SOURCE, compression: { kind: 'none', level: 1 } },
    'compression: there is no option "level", it takes kind',
  ],
  [
    'a list of labels',
    { ...SOURCE, labels: ['a=b'] },
    'labels: it must be an object, not an array of 1',
  ],
  [
    'a number as a label',
    { ...SOURCE, labels: { a: 1 } },
    'labels["a"]: it must be a string, not 1 (number)',
  ],
  [
    'an unknown policy',
    { ...SOURCE, policy: { whiteout: 'oci' } },
    'policy: there is no option "whiteout", did you mean whiteouts?',
  ],
  [
    'a function as the host',
    { ...SOURCE, host: () => 1 },
    'host: it must be a string, not a function',
  ],
  [
    'a symbol as the platform',
    { ...SOURCE, platform: Symbol('x') },
    'platform: it must be a string, not Symbol(x) (symbol)',
  ],
];

const RANGES: readonly Row[] = [
  [
    'an empty source',
    { source: '' },
    'source: it must be a string that is not empty, not "" (string)',
  ],
  [
    'a NUL in a path',
    { source: 'a\0b' },
    'source: it must be a string without NUL, not "a\\u0000b" (string)',
  ],
  [
    'a long word',
    { ...SOURCE, history: 'x'.repeat(100) },
    `history: it must be one of summary, keep, none, not "${'x'.repeat(59)}... (string)`,
  ],
  [
    'a near word',
    { ...SOURCE, history: 'sumary' },
    'history: it must be one of summary, keep, none, not "sumary" (string), did you mean summary?',
  ],
  [
    'no size',
    { ...SOURCE, maxSizeBytes: 0 },
    'maxSizeBytes: it must be a whole number from 1 up, not 0 (number)',
  ],
  [
    'half a byte',
    { ...SOURCE, maxSizeBytes: 1.5 },
    'maxSizeBytes: it must be a whole number from 1 up, not 1.5 (number)',
  ],
  [
    'NaN',
    { ...SOURCE, maxSizeBytes: Number.NaN },
    'maxSizeBytes: it must be a whole number from 1 up, not NaN (number)',
  ],
  [
    'a percentage',
    { ...SOURCE, minSavingPercent: 101 },
    'minSavingPercent: it must be a number from 0 to 100, not 101 (number)',
  ],
  [
    'no jobs',
    { ...SOURCE, jobs: 0 },
    'jobs: it must be a whole number from 1 to 1024, not 0 (number)',
  ],
  [
    'endless jobs',
    { ...SOURCE, jobs: Number.POSITIVE_INFINITY },
    'jobs: it must be a whole number from 1 to 1024, not Infinity (number)',
  ],
  [
    'a level of gzip',
    { ...SOURCE, compression: { kind: 'gzip', level: 10 } },
    'compression.level: it must be a whole number from 1 to 9, not 10 (number)',
  ],
  [
    'a level of zstd',
    { ...SOURCE, compression: { kind: 'zstd', level: 0 } },
    'compression.level: it must be a whole number from 1 to 22, not 0 (number)',
  ],
  [
    'another compression',
    { ...SOURCE, compression: { kind: 'gzp', level: 1 } },
    'compression.kind: it must be one of none, gzip, zstd, not "gzp" (string), did you mean gzip?',
  ],
  [
    'entries',
    { ...SOURCE, policy: { maxEntries: -1 } },
    'policy.maxEntries: it must be a whole number from 1 up, not -1 (number)',
  ],
  ['a label without a name', { ...SOURCE, labels: { '': 'x' } }, 'labels: it has an empty name'],
];

describe('flatten() refuses', () => {
  it.each(TYPES)('%s by a TypeError', async (_what, request, says) => {
    expect(await complaint(loose.flatten(request))).toBe(`TypeError: Cannot use ${says}`);
  });

  it.each(RANGES)('%s by a RangeError', async (_what, request, says) => {
    expect(await complaint(loose.flatten(request))).toBe(`RangeError: Cannot use ${says}`);
  });

  it('what is no signal, report or machine', async () => {
    const says = (options: unknown) => complaint(loose.flatten(SOURCE, options));
    expect(await says({ signal: true })).toBe(
      'TypeError: Cannot use signal: it must be an AbortSignal, not true (boolean)',
    );
    expect(await says({ report: {} })).toBe(
      'TypeError: Cannot use report: it must be a function, not an object',
    );
    expect(await says({ system: {} })).toBe(
      'TypeError: Cannot use system: it must be a System, not an object',
    );
    expect(await says(null)).toBe(
      'TypeError: Cannot use the options: it must be an object, not null',
    );
    expect(await says({ sginal: 1 })).toContain(
      'there is no option "sginal", did you mean signal?',
    );
  });

  it('a name that every object has, and one that is inherited is not seen', async () => {
    const own = JSON.parse('{"source":"x.tar","__proto__":{},"constructor":1}');
    expect(await complaint(loose.flatten(own))).toContain('there is no option "__proto__"');
    expect(await complaint(loose.flatten({ ...SOURCE, toString: 1 }))).toContain('"toString"');
  });

  it('before anything is touched', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    const request = { source: 'x.tar', outputs: ['y.tar'], jobs: '2' };
    const { system } = place;
    expect(await complaint(loose.flatten(request, { system }))).toContain('TypeError');
    expect(readdirSync(place.folder)).toEqual(['x.tar']);
  });
});

describe('verify() and inspect() refuse', () => {
  it('what is no image', async () => {
    expect(await complaint(loose.verify('x.tar'))).toBe(
      'TypeError: Cannot use the image B: it must be a string, not undefined',
    );
    expect(await complaint(loose.verify('', 'x.tar'))).toContain(
      'RangeError: Cannot use the image A',
    );
    expect(await complaint(loose.inspect({ source: 'x.tar' }))).toBe(
      'TypeError: Cannot use the image: it must be a string, not an object',
    );
  });

  it('options of flatten', async () => {
    const says = 'TypeError: Cannot use the options: there is no option "verify"';
    expect(await complaint(loose.verify('a', 'b', { verify: true }))).toContain(says);
    expect(await complaint(loose.inspect('a', { policy: { whiteouts: 'aufs' } }))).toContain(
      'RangeError: Cannot use policy.whiteouts: it must be one of auto, oci, overlay',
    );
  });
});

describe('copy() and tag() refuse', () => {
  const COPY = { source: 'a', destination: 'b' };
  it.each([
    [
      'no destination',
      { source: 'a' },
      'TypeError: Cannot use the request: destination is missing',
    ],
    [
      'an option of flatten',
      { ...COPY, inPlace: true },
      'TypeError: Cannot use the request: there is no option "inPlace"',
    ],
    [
      'an unknown choice',
      { ...COPY, attestations: 'fail' },
      'RangeError: Cannot use attestations: it must be one of copy, drop, not "fail" (string)',
    ],
    [
      'no job at all',
      { ...COPY, jobs: 0 },
      'RangeError: Cannot use jobs: it must be a whole number from 1 to 1024, not 0 (number)',
    ],
  ])('%s', async (_what, request, says) => {
    expect(await complaint(loose.copy(request))).toContain(says);
  });

  it('names that are no list, and none', async () => {
    expect(await complaint(loose.tag({ source: 'a', names: 'b' }))).toBe(
      'TypeError: Cannot use names: it must be an array, not "b" (string)',
    );
    expect(await complaint(loose.tag({ source: 'a', names: [] }))).toBe(
      'ShipperError: Cannot name "a": no name is given',
    );
  });
});

describe('what is undefined', () => {
  it('counts as left out', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    const request = { source: 'x.tar', outputs: ['y.tar'], tags: undefined, jobs: undefined };
    const { system } = place;
    const options = { system, signal: undefined, report: undefined };
    expect(await complaint(loose.flatten(request, options))).toBe('none');
  });

  it('is passed by a null-prototype object as well', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    const request = Object.assign(Object.create(null), { source: 'x.tar', dryRun: true });
    expect(await complaint(loose.flatten(request, { system: place.system }))).toBe('none');
  });
});

describe('shipProject() and planShip()', () => {
  it.each<readonly [unknown, string]>([
    [{ names: 'api' }, 'TypeError: Cannot use names: it must be an array, not "api" (string)'],
    [
      { jobs: 0 },
      'RangeError: Cannot use jobs: it must be a whole number from 1 to 1024, not 0 (number)',
    ],
    [
      { until: 'deploy' },
      'RangeError: Cannot use until: it must be one of build, push, ship, not "deploy" (string)',
    ],
    [
      { keepgoing: true },
      'TypeError: Cannot use the request: there is no option "keepgoing", did you mean keepGoing?',
    ],
    [{ atomic: 'no' }, 'TypeError: Cannot use atomic: it must be true or false, not "no" (string)'],
  ])('%j', async (request, says) => {
    expect(await complaint(loose.shipProject(request))).toBe(says);
    expect(await complaint(loose.planShip(request))).toBe(says);
  });
});

describe('what is asked about an environment', () => {
  const ENV = { environment: 'staging' };
  it.each<readonly [keyof typeof loose, unknown, string]>([
    ['rollout', {}, 'TypeError: Cannot use the request: environment is missing'],
    [
      'rollout',
      { ...ENV, services: 'api' },
      'TypeError: Cannot use services: it must be an array, not "api" (string)',
    ],
    ['rollout', { ...ENV, lockWait: 5 }, 'TypeError: Cannot use the request: there is no option'],
    ['rollback', { ...ENV, force: true }, 'TypeError: Cannot use the request: there is no option'],
    ['resume', { ...ENV, version: 'x' }, 'TypeError: Cannot use the request: there is no option'],
    [
      'pruneEnvironment',
      { ...ENV, skipUnreachable: -1 },
      'RangeError: Cannot use skipUnreachable: it must be a whole number from 0 up',
    ],
    ['unlockEnvironment', ENV, 'TypeError: Cannot use the request: tokens is missing'],
    ['moveServices', { from: 'dev' }, 'TypeError: Cannot use the request: to is missing'],
    [
      'moveServices',
      { from: 'dev', to: 'staging', hosts: ['a'] },
      'TypeError: Cannot use the request: there is no option "hosts"',
    ],
  ])('%s(%j)', async (name, request, says) => {
    expect(await complaint(loose[name](request))).toContain(says);
  });
});
