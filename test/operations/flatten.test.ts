// What a flatten reports, what it changes, and what it refuses by policy.
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-code.ts';
import { createdTime } from '../../src/operations/created.ts';
import type { FlattenRequest } from '../../src/operations/flatten-types.ts';
import {
  archive,
  attestation,
  Blobs,
  type DescriptorSpec,
  type ImageSpec,
  legacyArchive,
  ociArchive,
  sha256,
} from '../support/archives.ts';
import { type Workplace, workplace } from './workplace.ts';

const STACK = 'bin/ bin/sh=shell[755] etc/ etc/a=1 etc/b=22 | -etc/a etc/b=333 | opt/ opt/c=4444';

type Json = Readonly<Record<string, unknown>>;

/** Configuration, manifest and index of a layout's only image. */
function read(place: Workplace, layout: string): { config: Json; manifest: Json; index: Json } {
  const blob = (digest: string): Json =>
    JSON.parse(place.read(`${layout}/blobs/${digest.replace(':', '/')}`).toString());
  const index = JSON.parse(place.read(`${layout}/index.json`).toString()) as {
    manifests: DescriptorSpec[];
  };
  const manifest = blob(index.manifests[0]?.digest ?? '') as Json & { config: DescriptorSpec };
  return { config: 'config' in manifest ? blob(manifest.config.digest) : {}, manifest, index };
}

async function flattened(spec: ImageSpec, request: Partial<FlattenRequest> = {}) {
  using place = workplace();
  place.write('x.tar', legacyArchive([spec]));
  const report = await place.flatten({ source: 'x.tar', outputs: ['oci:out'], ...request });
  return { report, ...read(place, 'out') };
}

describe('the report of a flatten', () => {
  it('counts what was, what is and what went', async () => {
    const { report } = await flattened({ layers: STACK });
    const [image] = report.images;
    expect(image).toMatchObject({
      platform: { os: 'linux', architecture: 'amd64' },
      alreadyFlat: false,
      layersBefore: 3,
      layersAfter: 1,
      bytesBefore: 5120 + 2560 + 2560,
      entriesBefore: 9,
      entriesAfter: 6,
      removed: { paths: 2, bytes: 3 },
      warnings: [],
    });
    expect(image?.removed.largest.map(({ path }) => path)).toEqual(['etc/b', 'etc/a']);
    expect(report).toMatchObject({
      source: 'x.tar',
      outputs: ['oci:out'],
      tags: ['app:1-flat'],
      dropped: [],
      dryRun: false,
      verified: undefined,
      indexDigest: undefined,
    });
    expect(report.remarks).toEqual([
      'The 3 layers could be shared with other images and pulled side by side; the flat one cannot',
    ]);
  });

  it('says where flattening was no use', async () => {
    const one = await flattened({ layers: 'b=1 a=2' });
    expect(one.report.remarks).toEqual([
      'The image has a single layer already: flattening only rewrote it in canonical order',
    ]);
    const { report } = await flattened({ layers: `a=${'x'.repeat(200_000)} | b=1` });
    expect(report.remarks.join()).toMatch(/^Flattening saves 0\.\d %/);
  });

  it('dry: says the same and writes nothing', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{ layers: STACK }]));
    const dry = await place.flatten({ source: 'x.tar', dryRun: true });
    const real = await place.flatten({ source: 'x.tar', outputs: ['y.tar'] });
    expect(dry).toMatchObject({ dryRun: true, outputs: ['x-flat.tar'] });
    expect({ ...dry.images[0], ...real.images[0] }).toEqual(real.images[0]);
    expect(dry.images[0]?.diffId).toBeUndefined();
    expect(place.names()).toEqual(['x.tar', 'y.tar']);
  });

  it('an image without layers becomes one with an empty one', async () => {
    const { report, config } = await flattened({ layers: '' });
    expect(report.images[0]).toMatchObject({ layersBefore: 0, entriesAfter: 0, bytesAfter: 1024 });
    expect(config['rootfs']).toEqual({ type: 'layers', diff_ids: [sha256(new Uint8Array(1024))] });
  });
});

describe('a flatten changes of the configuration', () => {
  const source: ImageSpec = {
    layers: STACK,
    config: {
      config: { Env: ['A=b'], Labels: { old: '1' } },
      'moby.buildkit.cache.v0': { x: [1.5] },
      history: [
        { created_by: 'a' },
        { created_by: 'b', empty_layer: true },
        { created_by: 'c' },
        { created_by: 'd' },
      ],
    },
  };
  const CREATED = '2024-01-02T03:04:05Z';
  const LINE = { created: CREATED, created_by: 'shipper flatten' };

  it('the layers and the history, and nothing else', async () => {
    const { config } = await flattened(source);
    expect(config).toMatchObject({
      created: CREATED,
      config: { Env: ['A=b'], Labels: { old: '1' } },
      'moby.buildkit.cache.v0': { x: [1.5] },
      history: [LINE],
    });
  });

  it.each([
    ['summary', [LINE]],
    [
      'keep',
      [
        { created_by: 'a', empty_layer: true },
        { created_by: 'b', empty_layer: true },
        { created_by: 'c', empty_layer: true },
        { created_by: 'd', empty_layer: true },
        LINE,
      ],
    ],
    ['none', undefined],
  ] as const)('--history %s', async (history, expected) => {
    expect((await flattened(source, { history })).config['history']).toEqual(expected);
  });

  it('--label and --timestamp', async () => {
    const { config } = await flattened(source, {
      labels: { old: '2', new: '' },
      timestamp: '86400',
    });
    expect(config).toMatchObject({
      created: '1970-01-02T00:00:00Z',
      config: { Labels: { old: '2', new: '' } },
      history: [{ created: '1970-01-02T00:00:00Z', created_by: 'shipper flatten' }],
    });
  });

  it('SOURCE_DATE_EPOCH, which --timestamp overrides; a mtime never', async () => {
    using place = workplace({ env: { SOURCE_DATE_EPOCH: '1000000000' } });
    place.write('x.tar', legacyArchive([source]));
    const a = await place.flatten({ source: 'x.tar', outputs: ['oci:a'] });
    const b = await place.flatten({
      source: 'x.tar',
      outputs: ['oci:b'],
      timestamp: '2001-02-03T04:05:06+01:00',
    });
    expect([read(place, 'a').config['created'], read(place, 'b').config['created']]).toEqual([
      '2001-09-09T01:46:40Z',
      '2001-02-03T03:05:06Z',
    ]);
    expect(a.images[0]?.diffId).toBe(b.images[0]?.diffId);
  });

  it.each([
    'x',
    '-1',
    '2020-01-01',
    '1e3',
    '99999999999999',
    ' 1',
  ])('refuses the time %j', (text) => {
    expect(() => createdTime(text, undefined)).toThrow(
      `Cannot use --timestamp ${JSON.stringify(text)}`,
    );
    expect(() => createdTime(undefined, text)).toThrow(
      `Cannot use SOURCE_DATE_EPOCH ${JSON.stringify(text)}`,
    );
  });

  it('createdTime() is nothing without either', () => {
    expect([createdTime(undefined, undefined), createdTime(undefined, '')]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('the origin, the annotations that were there, and those that were asked for', async () => {
    using place = workplace();
    const blobs = new Blobs();
    const image = blobs.image(
      { layers: STACK },
      {
        annotations: {
          keep: '1',
          'org.opencontainers.image.base.name': 'gone',
          'org.opencontainers.image.base.digest': 'gone',
        },
      },
    );
    place.write('x.tar', archive(blobs.members([image])));
    await place.flatten({
      source: 'x.tar',
      outputs: ['oci:out'],
      annotations: { mine: 'x', __proto__: 'no' },
    });
    expect(read(place, 'out').manifest['annotations']).toEqual({
      keep: '1',
      mine: 'x',
      'dev.shipper.origin.digest': image.digest,
    });
    // Flattened again, the origin is still the origin.
    await place.flatten({ source: 'oci:out', outputs: ['oci:again'], labels: { a: 'b' } });
    expect(read(place, 'again').manifest['annotations']).toMatchObject({
      'dev.shipper.origin.digest': image.digest,
    });
  });

  it('nothing where it is flat already, byte for byte', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([source]));
    await place.flatten({ source: 'x.tar', outputs: ['a.tar', 'oci:a'] });
    const again = await place.flatten({ source: 'a.tar', outputs: ['b.tar', 'oci:b:app:1-flat'] });
    await place.flatten({ source: 'oci:a', outputs: ['oci:c'] });
    expect(again.images[0]?.alreadyFlat).toBe(true);
    expect(place.read('b.tar').equals(place.read('a.tar'))).toBe(true);
    const files = (folder: string) =>
      new Map(
        place
          .names()
          .filter((name) => name.startsWith(`${folder}/`))
          .map((name) => [
            name.slice(2),
            /[0-9a-f]{64}$|json$/.test(name) ? place.read(name).toString('latin1') : '',
          ]),
      );
    expect(files('c')).toEqual(files('a'));
  });

  it('nothing of the layer where it is flat already but called what it is not', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{ layers: STACK }]));
    const { images } = await place.flatten({ source: 'x.tar', outputs: ['flat.tar', 'oci:flat'] });
    const id = images[0]?.diffId ?? '';
    const flat = place
      .read('flat.tar')
      .subarray(1024 + 512, 1024 + 512 + (images[0]?.bytesAfter ?? 0));
    expect(sha256(flat)).toBe(id);
    const LIES: readonly ImageSpec[] = [
      { layers: [flat], wrap: 'gzip' },
      { layers: [flat], wrap: 'zstd' },
      { layers: [flat], mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
      { layers: [flat], wrap: 'gzip', mediaType: 'application/vnd.oci.image.layer.v1.tar' },
      { layers: [flat], wrap: 'zstd', mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
    ];
    for (const [i, lie] of LIES.entries()) {
      place.write('lie.tar', i < 2 ? legacyArchive([lie]) : ociArchive([lie]));
      for (const output of [`${i}.tar`, `oci:${i}`, `oci-archive:${i}-oci.tar`]) {
        const report = await place.flatten({ source: 'lie.tar', outputs: [output], verify: true });
        expect([report.verified, report.images[0]?.diffId, report.images[0]?.alreadyFlat]).toEqual([
          true,
          id,
          true,
        ]);
      }
      const { manifest } = read(place, `${i}`);
      const [layer] = manifest['layers'] as DescriptorSpec[];
      const bytes = place.read(`${i}/blobs/${layer?.digest.replace(':', '/')}`);
      expect([layer?.mediaType, bytes.subarray(0, 2).toString('hex'), layer?.digest]).toEqual([
        'application/vnd.oci.image.layer.v1.tar+gzip',
        '1f8b',
        sha256(bytes),
      ]);
    }
  });
});

describe('gates', () => {
  it.each([
    [
      { maxSizeBytes: 5000 },
      /^Cannot pass x\.tar \(linux\/amd64\): the flat layer has \d+ bytes, over --max-size 5000$/,
    ],
    [
      { minSavingPercent: 90 },
      /^Cannot pass x\.tar \(linux\/amd64\): flattening saves [\d.]+ %, under --min-saving 90$/,
    ],
  ])('%j is not met: exit code 4', async (gate, line) => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{ layers: STACK }]));
    for (const dryRun of [false, true]) {
      const error = await place.refusal({ source: 'x.tar', dryRun, ...gate });
      expect([error.code, exitCodeOf(error, 'flatten')]).toEqual(['POLICY', 4]);
      expect(error.message).toMatch(line);
    }
  });

  it('are met', async () => {
    const { report } = await flattened(
      { layers: STACK },
      { maxSizeBytes: 100_000, minSavingPercent: 5 },
    );
    expect(report.images.length).toBe(1);
  });

  it('limits: entries and output', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{ layers: STACK }]));
    const entries = await place.refusal({ source: 'x.tar', policy: { maxEntries: 5 } });
    const output = await place.refusal({ source: 'x.tar', policy: { maxOutputBytes: 2000 } });
    expect([entries.code, output.code]).toEqual(['LIMIT_EXCEEDED', 'LIMIT_EXCEEDED']);
  });
});

describe('an index', () => {
  /** Two platforms and the attestation of one. */
  function index(): Uint8Array {
    const blobs = new Blobs();
    const amd = blobs.image({
      layers: 'a=amd | b=1',
      platform: { os: 'linux', architecture: 'amd64' },
    });
    const arm = blobs.image({
      layers: 'a=arm | b=1',
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    const whole = blobs.index([amd, attestation(blobs, amd), arm], {
      annotations: { of: 'index' },
    });
    return archive(
      blobs.members([{ ...whole, annotations: { 'org.opencontainers.image.ref.name': 'app:1' } }]),
    );
  }

  it('keeps every platform, and names what is dropped', async () => {
    using place = workplace();
    place.write('x.tar', index());
    const report = await place.flatten({ source: 'x.tar', outputs: ['oci:out'], verify: true });
    expect(report.images.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
    expect(
      report.dropped.map(({ kind, subject }) => [kind, subject?.startsWith('sha256:')]),
    ).toEqual([['attestation', true]]);
    expect([report.verified, report.indexDigest?.startsWith('sha256:')]).toEqual([true, true]);
    expect(read(place, 'out').manifest).toMatchObject({
      annotations: { of: 'index' },
      manifests: [
        { platform: { architecture: 'amd64' } },
        { platform: { architecture: 'arm64', variant: 'v8' } },
      ],
    });
  });

  it('becomes one image with --platform', async () => {
    using place = workplace();
    place.write('x.tar', index());
    const report = await place.flatten({
      source: 'x.tar',
      outputs: ['oci:out'],
      platform: 'linux/arm64',
    });
    expect([
      report.images.length,
      report.images[0]?.platform.architecture,
      report.indexDigest,
    ]).toEqual([1, 'arm64', undefined]);
    const missing = await place.refusal({ source: 'x.tar', platform: 'linux/s390x' });
    expect([missing.code, missing.message]).toEqual([
      'NOT_FOUND',
      'Cannot open x.tar: it has no image for that platform',
    ]);
  });

  it('--attestations fail', async () => {
    using place = workplace();
    place.write('x.tar', index());
    const error = await place.refusal({ source: 'x.tar', attestations: 'fail' });
    expect([error.code, exitCodeOf(error)]).toEqual(['POLICY', 4]);
    expect(error.message).toMatch(
      /^Cannot flatten x\.tar: 1 attestations or signatures would be dropped: attestation sha256:/,
    );
  });

  it('variants that only the index names are kept apart', async () => {
    using place = workplace();
    const blobs = new Blobs();
    const of = (variant: string) => ({
      ...blobs.image({ layers: `v=${variant}`, config: { os: 'linux', architecture: 'arm' } }),
      platform: { os: 'linux', architecture: 'arm', variant },
    });
    place.write('x.tar', archive(blobs.members([blobs.index([of('v6'), of('v7')])])));
    const all = await place.flatten({ source: 'x.tar', outputs: ['oci:out'], verify: true });
    expect([all.images.map(({ platform }) => platform.variant), all.verified]).toEqual([
      ['v6', 'v7'],
      true,
    ]);
    const one = await place.flatten({
      source: 'x.tar',
      outputs: ['one.tar'],
      platform: 'linux/arm/v7',
    });
    expect(one.images.map(({ platform }) => platform.variant)).toEqual(['v7']);
  });
});

describe('non-distributable layers', () => {
  const spec: ImageSpec = {
    layers: STACK,
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  };
  it('are only carried along where that is said', async () => {
    using place = workplace();
    place.write('x.tar', ociArchive([spec]));
    expect(await place.refusal({ source: 'x.tar' })).toMatchObject({ code: 'UNSUPPORTED' });
    const report = await place.flatten({
      source: 'x.tar',
      allowNondistributable: true,
      verify: true,
    });
    expect(report.verified).toBe(true);
  });
});
