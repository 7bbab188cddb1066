// The cache: fetched once, read by all, believed by nobody.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interruption } from '../../src/core/context.ts';
import { LayerCache } from '../../src/transport/cache.ts';
import { layerOpener } from '../../src/transport/layer-opener.ts';
import { openLayoutSink } from '../../src/transport/layout-sink.ts';
import type { SpoolMode } from '../../src/transport/spool-mode.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, type Workplace, workplace } from '../operations/workplace.ts';
import { ociArchive } from '../support/archives.ts';
import { flattenTars } from '../support/flatten.ts';
import { type FakeBlob, fakeBlob, flatOf, streamedImage } from '../support/streamed.ts';
import { entry, tar } from '../support/tar-builder.ts';

const ctx = testContext();
const MAX = 1_000_000_000;

function layerOf(...names: string[]): FakeBlob {
  const bodies = names.map((name) => ({ name, type: 'file', body: name.repeat(900) }) as const);
  return fakeBlob(tar(bodies.map(entry)));
}

/** A run with a cache of its own, as another process has it. */
function run(place: Workplace, blobs: readonly FakeBlob[], spool: SpoolMode = 'auto', max = MAX) {
  const cache = new LayerCache(place.system, place.path('cache'), max);
  const image = streamedImage(layerOpener(place.system, { spool, cache }), blobs);
  return flatOf(ctx, image);
}

/** Files of the cache, below its folders. */
function kept(place: Workplace): string[] {
  return place.names().filter((name) => /^cache\/.*\/.*[0-9a-f]{32}/.test(name));
}

describe('a cache', () => {
  it('is filled by the first run, and serves the next ones in every mode', async () => {
    using place = workplace();
    const blobs = [layerOf('a', 'b'), layerOf('b', 'c')];
    const { tar: expected } = await flattenTars(blobs.map((blob) => blob.tar));
    for (const mode of ['auto', 'none', 'compressed', 'tar'] as const)
      expect(Buffer.compare(await run(place, blobs, mode), expected)).toBe(0);
    expect(blobs.map(({ fetches }) => fetches)).toEqual([1, 1]);
    expect(kept(place).length).toBe(4);
    expect(place.leftovers()).toEqual([]);
    await place.system.threads.close();
  });

  it('gives its bytes for a look without hashing them, and checks them for a copy', async () => {
    using place = workplace();
    const blob = layerOf('a', 'b');
    await run(place, [blob], 'none');
    const cache = new LayerCache(place.system, place.path('cache'), MAX);
    const [layer] = streamedImage(layerOpener(place.system, { cache }), [blob]).layers;
    const [file = ''] = kept(place).filter((name) => !name.endsWith('.tape') && /blobs/.test(name));
    const path = place.path(file);
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes.subarray(0, -1), Buffer.from([0xff])]));
    for (const [use, fetches] of [
      ['look', 1],
      [undefined, 2],
    ] as const) {
      await using stored = await layer?.openStored(ctx, use);
      expect(stored?.size).toBe(bytes.length);
      expect(blob.fetches).toBe(fetches);
    }
    await place.system.threads.close();
  });

  it('shares its files with a layout that is private to a run, and with no other', async () => {
    using place = workplace();
    const blob = layerOf('a', 'b');
    const cache = new LayerCache(place.system, place.path('cache'), MAX);
    const [layer] = streamedImage(layerOpener(place.system, { cache }), [blob]).layers;
    if (layer === undefined) throw new Error('no layer');
    const links: number[] = [];
    for (const isPrivate of [true, false]) {
      const folder = place.path(`lay-${isPrivate}`);
      const options = { jobs: 1, family: 'oci', isPrivate } as const;
      await using sink = await openLayoutSink(place.system, folder, `oci:${folder}`, options);
      await sink.copyLayer(ctx, layer);
      const [name = ''] = readdirSync(join(folder, 'blobs/sha256'));
      const path = join(folder, 'blobs/sha256', name);
      expect(readFileSync(path)).toEqual(Buffer.from(blob.stored));
      links.push(statSync(path).nlink);
    }
    expect(links).toEqual([2, 1]);
    expect(place.leftovers()).toEqual([]);
    await place.system.threads.close();
  });

  it('lets runs side by side share one fetch', async () => {
    using place = workplace();
    const blob = layerOf('a');
    const cache = new LayerCache(place.system, place.path('cache'));
    const images = Array.from({ length: 6 }, () =>
      streamedImage(layerOpener(place.system, { cache }), [blob]),
    );
    const flat = await Promise.all(images.map((image) => flatOf(ctx, image)));
    expect(new Set(flat.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(1);
    expect(blob.fetches).toBe(1);
    await place.system.threads.close();
  });

  it('goes on with a fetch of its own when the shared one was cancelled', async () => {
    using place = workplace();
    const blob = layerOf('a');
    const cache = new LayerCache(place.system, place.path('cache'));
    const descriptor = streamedImage(layerOpener(place.system), [blob]).layers[0]?.descriptor;
    if (descriptor === undefined) throw new Error('no layer');
    const gone = new AbortController();
    async function* stuck() {
      yield blob.stored.subarray(0, 10);
      await new Promise(() => undefined);
    }
    const first = cache.blob({ ...ctx, signal: gone.signal }, descriptor, stuck);
    const second = cache.blob(ctx, descriptor, async function* () {
      yield blob.stored;
    });
    setTimeout(() => gone.abort(interruption(undefined)), 50);
    expect((await refusalOf(() => first)).code).toBe('INTERRUPTED');
    await using opened = await second;
    expect(opened.region.size).toBe(blob.stored.length);
    await place.system.threads.close();
  });

  const damages: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
    'one other byte': (bytes) => {
      bytes[bytes.length >> 1] = 255 - (bytes[bytes.length >> 1] ?? 0);
      return bytes;
    },
    'a cut': (bytes) => bytes.subarray(0, bytes.length - 1),
    'nothing in it': () => new Uint8Array(),
    'a tail': (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]),
  };
  it.each(
    Object.entries(damages),
  )('throws away files with %s, and fetches again', async (_, damage) => {
    using place = workplace();
    const blob = layerOf('a', 'b');
    const { tar: expected } = await flattenTars([blob.tar]);
    await run(place, [blob]);
    for (const [at, name] of kept(place).entries()) {
      const whole = place.read(name);
      writeFileSync(place.path(name), damage(Buffer.from(whole)));
      expect(Buffer.compare(await run(place, [blob]), expected)).toBe(0);
      expect(place.read(name).equals(whole)).toBe(true);
      expect(blob.fetches, `${at}`).toBe(name.includes('tapes') ? blob.fetches : 2);
    }
    expect(blob.fetches).toBe(2);
    await place.system.threads.close();
  });

  it('follows no link out of its folder', async () => {
    using place = workplace();
    const blob = layerOf('a');
    await run(place, [blob]);
    const name = kept(place).find((each) => each.includes('blobs')) ?? '';
    place.write('elsewhere', readFileSync(place.path(name)));
    await place.system.files.remove(place.path(name));
    symlinkSync(place.path('elsewhere'), place.path(name));
    await run(place, [blob]);
    expect(blob.fetches).toBe(2);
    await place.system.threads.close();
  });

  it('keeps nothing of bytes that are wrong', async () => {
    using place = workplace();
    const blob = { ...layerOf('a'), answer: () => layerOf('b').stored };
    expect((await refusalOf(() => run(place, [blob]))).code).toBe('DIGEST_MISMATCH');
    expect([kept(place), place.leftovers()]).toEqual([[], []]);
  });

  it('does not take the headers of another layer for those of one with the same diff_id', async () => {
    using place = workplace();
    const good = layerOf('a', 'b');
    await run(place, [good]);
    const lying = { ...layerOf('x', 'y'), tar: good.tar, fetches: 0 };
    expect((await refusalOf(() => run(place, [lying]))).code).toBe('DIGEST_MISMATCH');
    await place.system.threads.close();
  });

  it('lets what was not used for the longest time go past its size', async () => {
    using place = workplace();
    const blobs = Array.from({ length: 6 }, (_, i) => layerOf(`a${i}`, `b${i}`));
    const [first] = blobs;
    if (first === undefined) throw new Error('no blob');
    const max = 4 * (first.stored.length + 700);
    for (const blob of blobs) {
      await run(place, [blob], 'auto', max);
      await run(place, [first], 'auto', max);
    }
    const bytes = kept(place).reduce((sum, name) => sum + place.read(name).length, 0);
    expect(bytes).toBeLessThanOrEqual(max);
    expect(bytes).toBeGreaterThan(0);
    expect(first.fetches).toBe(1);
    await place.system.threads.close();
  });

  it('says where it cannot be written', async () => {
    using place = workplace();
    place.write('cache', 'a file');
    const error = await refusalOf(() => run(place, [layerOf('a')]));
    expect(error.message).toContain(place.path('cache'));
  });
});

describe('flatten with --spool and --cache', () => {
  const layers = 'a/b=1 c=2 z=9 | a/d=3 -c | a/b=4 y=>z';

  it.each(['gzip', 'zstd'] as const)('gives the same for an archive of %s layers', async (wrap) => {
    using place = workplace();
    place.write('in.tar', ociArchive([{ layers, wrap }]));
    const runs = [
      ...(['auto', 'tar', 'compressed', 'none'] as const).map((spool) => ({ spool })),
      ...([1, 2] as const).map(() => ({ cache: 'cache' })),
      { cache: 'cache', spool: 'none' as const },
    ];
    const outputs = new Set<string>();
    for (const [i, options] of runs.entries()) {
      await place.flatten({ source: 'in.tar', outputs: [`o${i}.tar`], ...options });
      outputs.add(place.read(`o${i}.tar`).toString('hex'));
    }
    expect(outputs.size).toBe(1);
    expect(place.leftovers()).toEqual([]);
    expect(readdirSync(place.path('cache'))).toEqual(['tapes']);
  });

  it('makes no file with --spool none', async () => {
    let made: string[] = [];
    using place = workplace();
    const { files } = place.system;
    const watched: typeof files = {
      ...files,
      create: (path, mode) => {
        made.push(path);
        return files.create(path, mode);
      },
    };
    using other = workplace({ files: watched });
    other.write('in.tar', ociArchive([{ layers, wrap: 'gzip' }]));
    await other.flatten({ source: 'in.tar', outputs: ['o.tar'], spool: 'none' });
    expect(made.filter((path) => path.startsWith(other.tmp))).toEqual([]);
    made = [];
    await other.inspect('in.tar');
    expect(made).toEqual([]);
  });

  it('refuses a layer whose stored bytes change between the two readings', async () => {
    using place = workplace();
    place.write('in.tar', ociArchive([{ layers, wrap: 'gzip' }]));
    mkdirSync(place.path('keep'));
    const { files } = place.system;
    let isRead = false;
    const flipping: typeof files = {
      ...files,
      create: (path, mode) => {
        // The output is made when the first reading is done.
        if (!isRead) {
          isRead = true;
          const bytes = place.read('in.tar');
          const at = bytes.indexOf(Buffer.of(0x1f, 0x8b, 8)) + 14;
          bytes[at] = 255 - (bytes[at] ?? 0);
          writeFileSync(join(place.folder, 'in.tar'), bytes);
        }
        return files.create(path, mode);
      },
    };
    using other = workplace({ files: flipping, cwd: place.folder });
    const error = await refusalOf(() =>
      other.flatten({ source: 'in.tar', outputs: ['o.tar'], spool: 'none' }),
    );
    expect(error.code).toBe('SOURCE_CHANGED');
    expect(place.names().filter((name) => name.startsWith('o.tar'))).toEqual([]);
  });

  it('refuses to compare without a file', async () => {
    using place = workplace();
    place.write('in.tar', ociArchive([{ layers, wrap: 'gzip' }]));
    const error = await place.refusal({ source: 'in.tar', verify: true, spool: 'none' });
    expect(error.code).toBe('USAGE');
  });
});
