// Kept layers from end to end: the same blobs, the configuration, the refusals, every destination; and `--exclude`.
import { statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FlattenRequest } from '../../src/operations/flatten-types.ts';
import {
  hybridArchive,
  type ImageSpec,
  legacyArchive,
  ociArchive,
  sha256,
} from '../support/archives.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { layers } from '../support/layers.ts';
import { type Workplace, workplace } from './workplace.ts';

const STACK = 'bin/ bin/sh=shell[755] etc/ etc/a=1 | etc/b=22 | -etc/a etc/b=333 | opt/ opt/c=4';
const BASE = 'bin/ bin/sh=shell[755] etc/ etc/a=1 | etc/b=22';
const HISTORY = [
  { created_by: 'ADD base' },
  { created_by: 'CMD', empty_layer: true },
  { created_by: 'RUN b' },
  { created_by: 'ENV', empty_layer: true },
  { created_by: 'RUN c' },
  { created_by: 'RUN d' },
];
const SPEC: ImageSpec = { layers: STACK, wrap: 'gzip', config: { history: HISTORY } };

interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly mediaType: string }[];
  readonly config: { readonly digest: string };
  readonly annotations: Readonly<Record<string, string>>;
}

/** Manifest and configuration of a layout's only image. */
function read(place: Workplace, layout: string) {
  const blob = (digest: string) =>
    JSON.parse(place.read(`${layout}/blobs/${digest.replace(':', '/')}`).toString());
  const index = JSON.parse(place.read(`${layout}/index.json`).toString());
  const manifest = blob(index.manifests.at(-1).digest) as Manifest;
  return { manifest, config: blob(manifest.config.digest) };
}

function gzipDigest(tar: Uint8Array): string {
  return sha256(gzipSync(tar));
}

/** What changes when a file is written again. */
function statOf(place: Workplace, name: string): string {
  const { ino, mtimeMs } = statSync(place.path(name));
  return `${ino} ${mtimeMs}`;
}

async function kept(request: Partial<FlattenRequest>, spec: ImageSpec = SPEC) {
  using place = workplace();
  place.write('x.tar', ociArchive([spec]));
  place.write('base.tar', ociArchive([{ layers: BASE, wrap: 'gzip' }]));
  const report = await place.flatten({
    source: 'x.tar',
    outputs: ['oci:out'],
    verify: true,
    ...request,
  });
  return { report, image: report.images[0], ...read(place, 'out') };
}

describe('kept layers', () => {
  it.each([{ from: 2 }, { keepBase: 'base.tar' }])('are the same blobs: %j', async (request) => {
    const { report, image, manifest, config } = await kept(request);
    const blobs = layers(BASE).map(gzipDigest);
    expect(manifest.layers.slice(0, 2).map(({ digest }) => digest)).toEqual(blobs);
    expect(manifest.layers).toHaveLength(3);
    expect(config.rootfs.diff_ids.slice(0, 2)).toEqual(layers(BASE).map(sha256));
    expect(config.rootfs.diff_ids[2]).toBe(image?.diffId);
    expect(report.verified).toBe(true);
    expect(image).toMatchObject({ layersBefore: 4, layersAfter: 3, layersKept: 2 });
    expect(image).toMatchObject({ baseNamesHidden: 1, removed: { paths: 0 } });
  });

  it('keep their lines of history; the others become one', async () => {
    const summary = { created: '2024-01-02T03:04:05Z', created_by: 'shipper flatten' };
    const { config } = await kept({ from: 2 });
    expect(config.history).toEqual([...HISTORY.slice(0, 3), summary]);
    const all = await kept({ from: 2, history: 'keep' });
    const empty = HISTORY.slice(3).map((line) => ({ ...line, empty_layer: true }));
    expect(all.config.history).toEqual([...HISTORY.slice(0, 3), ...empty, summary]);
    expect((await kept({ from: 2, history: 'none' })).config).not.toHaveProperty('history');
    const crooked = await kept({ from: 2 }, { ...SPEC, config: { history: HISTORY.slice(1) } });
    expect(crooked.config).not.toHaveProperty('history');
  });

  it('name the base that was named', async () => {
    const { manifest } = await kept({ keepBase: 'base.tar' });
    expect(manifest.annotations['org.opencontainers.image.base.digest']).toMatch(/^sha256:/);
    const counted = await kept({ from: 2 });
    expect(Object.keys(counted.manifest.annotations)).toEqual(['dev.shipper.origin.digest']);
  });

  it('all of them: nothing is merged, and the image is passed on as it is', async () => {
    const { report, image, manifest } = await kept({ from: 4 });
    expect(image).toMatchObject({ alreadyFlat: true, layersAfter: 4, newLayerBytes: 0 });
    expect(report.remarks).toEqual([
      'The image has no layers above the 4 that are kept: there is nothing to merge, and it is passed on as it is',
    ]);
    expect(manifest.layers).toHaveLength(4);
    expect(image?.configDigest).toBe(image?.sourceConfigDigest);
  });

  it('and one canonical layer: the image is passed on as it is', async () => {
    using place = workplace();
    place.write('x.tar', ociArchive([SPEC]));
    const first = await place.flatten({ source: 'x.tar', outputs: ['oci:out:a'], from: 2 });
    const again = await place.flatten({ source: 'oci:out:a', outputs: ['oci:two:a'], from: 2 });
    expect(again.images[0]).toMatchObject({ alreadyFlat: true, layersAfter: 3 });
    expect(again.images[0]?.manifestDigest).toBe(first.images[0]?.manifestDigest);
    const whole = await place.flatten({ source: 'oci:out:a', outputs: ['oci:whole:a'] });
    const direct = await place.flatten({ source: 'x.tar', outputs: ['oci:direct:a'] });
    expect(whole.images[0]?.diffId).toBe(direct.images[0]?.diffId);
  });

  it('none of them: a whole flatten', async () => {
    const { image } = await kept({ from: 0 });
    expect(image).toMatchObject({ layersAfter: 1, layersKept: 0 });
  });

  it('are stored as the destination wants where the source has tars alone', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{ layers: STACK }]));
    const report = await place.flatten({
      source: 'x.tar',
      outputs: ['oci:out'],
      from: 2,
      verify: true,
    });
    const { manifest, config } = read(place, 'out');
    const types = manifest.layers.map(({ mediaType }) => mediaType);
    expect(new Set(types).size).toBe(1);
    expect(types[0]).toMatch(/gzip$/);
    expect(config.rootfs.diff_ids.slice(0, 2)).toEqual(layers(BASE).map(sha256));
    expect(report.verified).toBe(true);
  });

  it.each([
    'flat.tar',
    'oci-archive:flat.tar',
    'docker-archive:flat.tar',
  ])('into %s', async (output) => {
    using place = workplace();
    for (const source of [
      legacyArchive([SPEC]),
      hybridArchive([SPEC]),
      ociArchive([{ ...SPEC, wrap: 'zstd' }]),
    ]) {
      place.write('x.tar', source);
      const report = await place.flatten({
        source: 'x.tar',
        outputs: [output],
        from: 3,
        verify: true,
      });
      expect(report).toMatchObject({ verified: true, images: [{ layersAfter: 4 }] });
      expect(place.leftovers()).toEqual([]);
    }
  });

  it('of a layout are left alone in it', async () => {
    using place = workplace();
    place.write('x.tar', ociArchive([SPEC]));
    await place.flatten({ source: 'x.tar', outputs: ['oci:out:a'], from: 4 });
    const before = new Map(place.names().map((name) => [name, statOf(place, name)]));
    const report = await place.flatten({
      source: 'oci:out:a',
      outputs: ['oci:out:b'],
      from: 2,
      verify: true,
    });
    expect(report.verified).toBe(true);
    const blobs = [...before].filter(([name]) => name.startsWith('out/blobs/sha256/'));
    expect(blobs.length).toBeGreaterThan(5);
    for (const [name, facts] of blobs) expect(statOf(place, name)).toBe(facts);
  });
});

describe('an engine with a graph driver', () => {
  it('is given kept layers that it has as empty members', async () => {
    using place = workplace();
    const loads: number[] = [];
    await using engine = await startFakeEngine({
      load(tar, images) {
        loads.push(tar.length);
        return images.load(tar);
      },
    });
    const big = `big=${'x'.repeat(100_000)} | a=1 | -a b=2`;
    place.write('x.tar', legacyArchive([{ layers: big }]));
    const request = {
      source: 'x.tar',
      outputs: ['docker-daemon:app:1'],
      from: 1,
      host: engine.host,
    };
    const report = await place.flatten({ ...request, verify: true });
    expect(report.verified).toBe(true);
    // The engine did not have it; now it does.
    expect(loads.map((bytes) => bytes > 100_000)).toEqual([false, true]);
    await place.flatten({ ...request, outputs: ['docker-daemon:app:2'], timestamp: '7' });
    expect(loads.map((bytes) => bytes > 100_000)).toEqual([false, true, false]);
    const names = [...engine.images.images.values()].flatMap(({ tags }) => tags);
    expect(names.sort()).toEqual(['app:1', 'app:2']);
    expect(place.leftovers()).toEqual([]);
    // A base in the engine is not saved, only looked at.
    const kept = await place.flatten({
      source: 'docker-daemon:app:2',
      outputs: ['docker-daemon:app:3'],
      keepBase: 'docker-daemon:app:1',
      host: engine.host,
    });
    expect(kept.images[0]).toMatchObject({ layersKept: 2, alreadyFlat: true });
  });
});

describe('what cannot be kept', () => {
  it.each([
    [{ from: 5 }, 'USAGE', 'Cannot keep the first 5 layers of x.tar (linux/amd64): it has 4'],
    [{ from: 1.5 }, 'USAGE', 'Cannot keep 1.5 layers: it is not a count'],
    [
      { from: 1, keepBase: 'base.tar' },
      'USAGE',
      'Cannot combine --keep-base with --from: each says which layers are kept',
    ],
    [
      { keepBase: 'base.tar' },
      'UNSUPPORTED',
      'Cannot keep the base base.tar of x.tar (linux/amd64): only the first 1 of the 3 layers of the base are its own',
    ],
    [
      { keepBase: 'other.tar' },
      'UNSUPPORTED',
      'Cannot keep the base other.tar of x.tar (linux/amd64): it does not begin with any layer of it',
    ],
    [
      { keepBase: 'arm.tar' },
      'UNSUPPORTED',
      'Cannot keep the base arm.tar for linux/amd64: it is there for linux/arm64',
    ],
    [{ exclude: ['a['] }, 'USAGE', 'Cannot use the pattern "a[": a [ is not closed'],
  ])('%j', async (request, code, message) => {
    using place = workplace();
    place.write('x.tar', ociArchive([SPEC]));
    place.write('base.tar', ociArchive([{ layers: `${BASE.split('|')[0]} | z=1 | y=1` }]));
    place.write('other.tar', ociArchive([{ layers: 'other=1' }]));
    const platform = { os: 'linux', architecture: 'arm64' };
    place.write('arm.tar', ociArchive([{ layers: BASE, platform }]));
    const error = await place.refusal({ source: 'x.tar', outputs: ['out.tar'], ...request });
    expect([error.code, error.message]).toEqual([code, message]);
  });
});

describe('--exclude', () => {
  it('is verified but for what it leaves out', async () => {
    const { report, image } = await kept({ exclude: ['etc/b'] });
    expect(report.verified).toBe(true);
    // etc/a was deleted, etc/b replaced, and what replaced it excluded.
    expect(image?.removed).toMatchObject({ paths: 3, bytes: 6 });
  });

  it('gives a layer of whiteouts where all layers are kept', async () => {
    const { report, image, manifest } = await kept({ exclude: ['bin'], from: 4 });
    expect(report.verified).toBe(true);
    expect(image).toMatchObject({ alreadyFlat: false, layersAfter: 5, baseNamesHidden: 1 });
    expect(manifest.layers).toHaveLength(5);
  });
});
