// What `verify` sees between two images, path by path, and what `inspect` counts.
import { describe, expect, it } from 'vitest';
import { archive, Blobs, type ImageSpec, legacyArchive, ociArchive } from '../support/archives.ts';
import { workplace } from './workplace.ts';

async function differences(a: ImageSpec, b: ImageSpec): Promise<readonly string[]> {
  using place = workplace();
  place.write('a.tar', legacyArchive([a]));
  place.write('b.tar', ociArchive([b]));
  const report = await place.verify('a.tar', 'b.tar');
  const [platform] = report.platforms;
  expect(report.same).toBe(platform?.differences.length === 0);
  expect(place.leftovers()).toEqual([]);
  return (platform?.differences ?? []).map(({ path, what }) => `${path}: ${what}`);
}

describe('verify of root file systems', () => {
  const ROWS: readonly (readonly [a: string, b: string, ...found: string[]])[] = [
    ['a=1', 'a=1'],
    ['a=1 | b=2 | -a', 'b=2'],
    ['d/ d/x=1', 'd/x=1[0:0]', '/d: mtime 0 in A, 0 in B'].slice(0, 2) as [string, string],
    ['a=1', 'b=1', '/a: only in A', '/b: only in B'],
    ['a=1', 'a/', '/a: type file in A, directory in B'],
    ['a->x', 'a=x', '/a: type symlink in A, file in B'],
    ['a=1[644]', 'a=1[4755]', '/a: mode 0644 in A, 4755 in B'],
    ['a=1[1:2]', 'a=1[3:4]', '/a: uid 1 in A, 3 in B; gid 2 in A, 4 in B'],
    ['a=1[@5]', 'a=1[@5.25]', '/a: mtime 5 in A, 5.25 in B'],
    ['a=1', 'a=12', '/a: size 1 in A, 2 in B'],
    ['a=hello', 'a=help!', '/a: content differs at byte 3'],
    ['a->x', 'a->y', '/a: target x in A, y in B'],
    ['a=char:1,3', 'a=char:1,5', '/a: device 1:3 in A, 1:5 in B'],
    ['a=char:1,3', 'a=block:1,3', '/a: type char in A, block in B'],
    ['a=1[user.x=1]', 'a=1', '/a: attribute user.x only in A'],
    [
      'a=1[user.x=1]',
      'a=1[user.x=2,user.y=3]',
      '/a: attribute user.x differs; attribute user.y only in B',
    ],
    ['a=1 b=>a', 'a=1 b=1', '/b: type link in A, file in B'],
    [
      'a=1 b=>a c=1',
      'a=1 b=1 c=>a',
      '/b: type link in A, file in B',
      '/c: type file in A, link in B',
    ],
    ['x\\xff=1', 'x\\xfe=1', '/x\\xfe: only in B', '/x\\xff: only in A'],
    ['a/ a/b=1 a-b=1', 'a/ a-b=1', '/a/b: only in A'],
    ['./[700]', 'z=1', '/: only in A', '/z: only in B'],
    ['__proto__=1', 'constructor=1', '/__proto__: only in A', '/constructor: only in B'],
  ];
  it.each(ROWS)('%s against %s', async (a, b, ...found) => {
    expect(await differences({ layers: a }, { layers: b })).toEqual(found);
  });

  it('finds the first byte of a difference in a large file', async () => {
    const body = 'x'.repeat(600_000);
    expect(await differences({ layers: `a=${body}1` }, { layers: `a=${body}2` })).toEqual([
      '/a: content differs at byte 600000',
    ]);
  });

  it('counts all differences and lists a thousand', async () => {
    using place = workplace();
    const files = (n: number) => Array.from({ length: 1500 }, (_, i) => `f${i}=${n}`).join(' ');
    place.write('a.tar', legacyArchive([{ layers: files(1) }]));
    place.write('b.tar', legacyArchive([{ layers: files(2) }]));
    const [platform] = (await place.verify('a.tar', 'b.tar')).platforms;
    expect([platform?.differenceCount, platform?.differences.length]).toEqual([1500, 1000]);
  });
});

describe('verify of configurations', () => {
  const ROWS: readonly (readonly [what: string, a: unknown, b: unknown, ...found: string[]])[] = [
    ['nothing', {}, null],
    ['empty values', { Env: [], Labels: {}, WorkingDir: '', Tty: false, Volumes: null }, {}],
    ['members in another order', { Env: ['a'], User: 'x' }, { User: 'x', Env: ['a'] }],
    [
      'another order in a list',
      { Env: ['a', 'b'] },
      { Env: ['b', 'a'] },
      'config.Env: ["a","b"] in A, ["b","a"] in B',
    ],
    ['a user', { User: 'root' }, {}, 'config.User: "root" in A, nothing in B'],
    [
      'a port',
      { ExposedPorts: { '80/tcp': {} } },
      {},
      'config.ExposedPorts.80/tcp: {} in A, nothing in B',
    ],
    [
      'another port',
      { ExposedPorts: { '80/tcp': {} } },
      { ExposedPorts: { '81/tcp': {} } },
      'config.ExposedPorts.80/tcp: {} in A, nothing in B',
      'config.ExposedPorts.81/tcp: nothing in A, {} in B',
    ],
    ['a volume', {}, { Volumes: { '/data': {} } }, 'config.Volumes./data: nothing in A, {} in B'],
    [
      'an empty label',
      { Labels: { a: '' } },
      { Labels: {} },
      'config.Labels.a: "" in A, nothing in B',
    ],
    [
      'a label',
      { Labels: { a: '1', b: '2' } },
      { Labels: { a: '1', b: '3' } },
      'config.Labels.b: "2" in A, "3" in B',
    ],
    [
      'a health check',
      { Healthcheck: { Test: ['x'], Interval: 0 } },
      { Healthcheck: { Test: ['x'] } },
    ],
    [
      'another health check',
      { Healthcheck: { Interval: 5 } },
      {},
      'config.Healthcheck.Interval: 5 in A, nothing in B',
    ],
    [
      'an entry point that is not there and one that is empty',
      { Entrypoint: null },
      { Entrypoint: [] },
    ],
    [
      'a list in the place of a text',
      { Cmd: 'x' },
      { Cmd: ['x'] },
      'config.Cmd: "x" in A, ["x"] in B',
    ],
  ];
  it.each(ROWS)('%s', async (_what, a, b, ...found) => {
    expect(await differences({ config: { config: a } }, { config: { config: b } })).toEqual(found);
  });

  it('layers, history and time are not compared, unknown members are', async () => {
    const other = { created: '2000-01-01T00:00:00Z', history: [], 'x.y': 1 };
    expect(await differences({}, { config: other })).toEqual(['x.y: nothing in A, 1 in B']);
  });
});

describe('verify of platforms', () => {
  const of = (architecture: string, layers: string): ImageSpec => ({
    layers,
    platform: { os: 'linux', architecture },
  });
  function index(...specs: readonly ImageSpec[]): Uint8Array {
    const blobs = new Blobs();
    return archive(blobs.members([blobs.index(specs.map((spec) => blobs.image(spec)))]));
  }

  it('a platform of one side is a difference', async () => {
    using place = workplace();
    place.write('a.tar', index(of('amd64', 'a=1'), of('arm64', 'a=1')));
    place.write('b.tar', index(of('amd64', 'a=1'), of('s390x', 'a=1')));
    const report = await place.verify('a.tar', 'b.tar');
    const lines = report.platforms.flatMap(({ differences }) =>
      differences.map(({ path, what }) => `${path} ${what}`),
    );
    expect([report.same, lines]).toEqual([
      false,
      ['linux/arm64 only in A', 'linux/s390x only in B'],
    ]);
    expect((await place.verify('a.tar', 'b.tar', { platform: 'linux/amd64' })).same).toBe(true);
  });

  it('one image each is compared whatever its platform is called', async () => {
    using place = workplace();
    const image = (variant?: string): ImageSpec => ({
      platform: { os: 'linux', architecture: 'arm64', ...(variant ? { variant } : {}) },
      config: { os: 'linux', architecture: 'arm64', variant: undefined },
    });
    place.write('plain.tar', index(image()));
    for (const variant of ['v8', 'v9']) {
      place.write('variant.tar', index(image(variant)));
      const report = await place.verify('variant.tar', 'plain.tar');
      expect([report.same, report.platforms.length]).toEqual([true, 1]);
    }
    place.write('v8.tar', index(image('v8')));
    const report = await place.verify('v8.tar', 'variant.tar');
    expect([report.same, report.platforms[0]?.differences]).toEqual([
      false,
      [
        {
          kind: 'platform',
          path: 'platform',
          what: 'linux/arm64/v8 in A, linux/arm64/v9 in B',
        },
      ],
    ]);
  });

  it('platforms of one name are told apart by os.version, then by their order', async () => {
    using place = workplace();
    const image = (version: string, layers: string): ImageSpec => ({
      layers,
      platform: { os: 'linux', architecture: 'amd64', 'os.version': version },
      config: { 'os.version': version },
    });
    const [a, b, c] = [image('10.1', 'a=1'), image('10.2', 'b=2'), image('10.2', 'c=3')];
    place.write('abc.tar', index(a, b, c));
    place.write('bca.tar', index(b, c, a));
    place.write('acb.tar', index(a, c, b));
    const same = await place.verify('abc.tar', 'bca.tar');
    expect([same.same, same.platforms.length]).toEqual([true, 3]);
    const other = await place.verify('abc.tar', 'acb.tar');
    expect(other.platforms.map(({ same }) => same)).toEqual([true, false, false]);
  });

  it('an image that cannot be read is an error and no difference', async () => {
    using place = workplace();
    place.write('a.tar', legacyArchive([{}]));
    place.write(
      'b.tar',
      legacyArchive([{ diffIds: [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`] }]),
    );
    await expect(place.verify('a.tar', 'b.tar')).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(place.verify('-', '-')).rejects.toMatchObject({ code: 'USAGE' });
    expect(place.leftovers()).toEqual([]);
  });
});

describe('inspect', () => {
  it('counts what each layer adds, hides and duplicates', async () => {
    using place = workplace();
    const history = [
      { created_by: 'FROM  base' },
      { created_by: 'ENV', empty_layer: true },
      { created_by: 'RUN\n chown' },
      { created_by: 'RUN rm' },
    ];
    const config = { history };
    place.write(
      'x.tar',
      ociArchive([
        { layers: 'a/ a/x=12345 a/y=1 | a/x=12345[1:1] b=22 | -a/y', wrap: 'gzip', config },
      ]),
    );
    const report = await place.inspect('x.tar');
    const [platform] = report.platforms;
    expect(report).toMatchObject({
      image: 'x.tar',
      resolvedImage: 'x.tar',
      tags: ['app:1'],
      attestations: [],
    });
    expect(platform).toMatchObject({
      entries: 3,
      created: '2024-01-02T03:04:05Z',
      removed: { paths: 2, bytes: 6 },
    });
    expect(platform?.layers).toMatchObject([
      {
        index: 0,
        entries: 3,
        addedPaths: 3,
        addedBytes: 6,
        hiddenPaths: 0,
        hiddenBytes: 0,
        replacingBytes: 0,
        tarBytes: 3584,
        createdBy: 'FROM base',
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      },
      {
        index: 1,
        entries: 2,
        addedPaths: 2,
        addedBytes: 7,
        hiddenPaths: 1,
        hiddenBytes: 5,
        replacingBytes: 5,
        createdBy: 'RUN chown',
      },
      {
        index: 2,
        entries: 1,
        addedPaths: 0,
        addedBytes: 0,
        hiddenPaths: 1,
        hiddenBytes: 1,
        replacingBytes: 0,
        createdBy: 'RUN rm',
      },
    ]);
    expect(platform?.layerBytes).toBe(
      platform?.layers.reduce((sum, { tarBytes }) => sum + tarBytes, 0),
    );
    const flat = await place.flatten({ source: 'x.tar' });
    expect(platform?.flatBytes).toBe(flat.images[0]?.bytesAfter);
    expect(place.leftovers()).toEqual([]);
  });

  it('names no history where its lines do not fit the layers', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{ config: { history: [{ created_by: 'one' }] } }]));
    const [platform] = (await place.inspect('x.tar')).platforms;
    expect(platform?.layers.map(({ createdBy }) => createdBy)).toEqual([undefined, undefined]);
  });
});
