// Layers that are only given as streams: the same flat layer in every mode, nothing on the disk where that is said, and no
// byte of a second reading that is not one of the first.
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { layerOpener } from '../../src/transport/layer-opener.ts';
import { SPOOL_MODES, type SpoolMode } from '../../src/transport/spool-mode.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, type Workplace, workplace } from '../operations/workplace.ts';
import { amount } from '../support/amount.ts';
import { zstdStored } from '../support/archives.ts';
import { flattenTars } from '../support/flatten.ts';
import { randomStack } from '../support/random-stack.ts';
import { fakeBlob, flatOf, streamedImage } from '../support/streamed.ts';
import { entry, sparse10, tar } from '../support/tar-builder.ts';

const ctx = testContext();

function opener({ system }: Workplace, spool: SpoolMode) {
  return layerOpener(system, { spool });
}

/** Files of `size` random-looking bytes, in the order of `names`. */
function filesOf(names: readonly string[], size: number): Uint8Array {
  return tar(names.map((name) => entry({ name, type: 'file', body: bodyOf(name, size) })));
}

function bodyOf(name: string, size: number): string {
  return `${name}:${'abcdefghij'.repeat(Math.ceil(size / 10))}`.slice(0, size);
}

const NAMES = Array.from({ length: 40 }, (_, i) => `f${String(i).padStart(2, '0')}`);
const REVERSED = filesOf([...NAMES].reverse(), 5000);

describe('a streamed image', () => {
  it.each(SPOOL_MODES)('is flattened to the same bytes with --spool %s', async (mode) => {
    using place = workplace();
    const wraps = [undefined, (bytes: Uint8Array) => zstdStored(bytes), (b: Uint8Array) => b];
    for (let seed = 1; seed <= amount(5, 25); seed += 1) {
      const { layers } = randomStack(seed);
      const { tar: expected } = await flattenTars(layers);
      const blobs = layers.map((layer, i) => fakeBlob(layer, wraps[(seed + i) % 3]));
      const image = streamedImage(opener(place, mode), blobs);
      const flat = await flatOf(ctx, image, { stashBytes: 2_000_000 }, 2);
      expect(Buffer.compare(flat, expected), `seed ${seed}`).toBe(0);
      expect(blobs.map(({ open }) => open)).toEqual(blobs.map(() => 0));
      expect(readdirSync(place.tmp)).toEqual([]);
    }
    await place.system.threads.close();
  }, 120_000);

  it('makes no file with --spool none, and fetches again only what survives', async () => {
    using place = workplace({ files: undefined as never });
    const hidden = fakeBlob(tar([entry({ name: 'a', type: 'file', body: '1' })]));
    const kept = fakeBlob(
      tar([
        entry({ name: 'a', type: 'file', body: '2' }),
        sparse10('s', 9000, [{ offset: 10, data: 'x' }]),
      ]),
    );
    const image = streamedImage(opener(place, 'none'), [hidden, kept]);
    const { tar: expected } = await flattenTars([hidden.tar, kept.tar]);
    expect(Buffer.compare(await flatOf(ctx, image), expected)).toBe(0);
    expect([hidden.fetches, kept.fetches]).toEqual([1, 2]);
  });

  it('keeps what comes too early in memory, and what is over the budget in a file', async () => {
    using place = workplace();
    const { tar: expected } = await flattenTars([REVERSED]);
    for (const stashBytes of [1_000_000, 30_000, 0]) {
      const image = streamedImage(opener(place, 'compressed'), [fakeBlob(REVERSED)]);
      expect(Buffer.compare(await flatOf(ctx, image, { stashBytes }, 2), expected)).toBe(0);
    }
    expect(readdirSync(place.tmp)).toEqual([]);
  });

  it('is refused where the budget is used up and no file may be made', async () => {
    using place = workplace({ files: undefined as never });
    const blobs = [fakeBlob(filesOf(['a'], 10)), fakeBlob(REVERSED)];
    const image = streamedImage(opener(place, 'none'), blobs);
    const error = await refusalOf(() => flatOf(ctx, image, { stashBytes: 30_000 }));
    expect([error.code, error.details.layer]).toEqual(['LIMIT_EXCEEDED', 1]);
    expect(error.hint).toContain('--spool');
    expect(blobs.map(({ open }) => open)).toEqual([0, 0]);
  });

  it('reads more layers side by side than it holds open', async () => {
    using place = workplace();
    const layers = Array.from({ length: 30 }, (_, i) =>
      filesOf([`a${i % 7}-${i}`, `m${i}`, `z${(i * 11) % 30}-${i}`], 200_000),
    );
    const blobs = layers.map((layer) => fakeBlob(layer));
    let most = 0;
    for (const blob of blobs)
      blob.answer = () => {
        most = Math.max(most, blobs.filter(({ open }) => open > 0).length);
        return blob.stored;
      };
    const { tar: expected } = await flattenTars(layers);
    const image = streamedImage(opener(place, 'none'), blobs);
    expect(Buffer.compare(await flatOf(ctx, image), expected)).toBe(0);
    expect(most).toBeLessThanOrEqual(6);
  });
});

describe('a second reading', () => {
  const good = fakeBlob(filesOf(NAMES, 3000));
  const lies: Readonly<Record<string, (stored: Uint8Array) => Uint8Array>> = {
    'is cut': (stored) => stored.subarray(0, stored.length - 9),
    'is cut early': (stored) => stored.subarray(0, 40),
    'is empty': () => new Uint8Array(),
    'is longer': (stored) => Buffer.concat([stored, Buffer.alloc(9)]),
    'is another tar': () => gzipSync(filesOf(NAMES, 2999), { level: 1 }),
    'has other content of the same size': () =>
      gzipSync(filesOf([...NAMES].reverse(), 3000), { level: 1 }),
    'differs behind the last piece': (stored) => {
      const changed = Uint8Array.from(stored);
      changed[changed.length - 6] = 255 - (changed[changed.length - 6] ?? 0);
      return changed;
    },
  };
  it.each(Object.entries(lies))('that %s is refused', async (_, lie) => {
    using place = workplace();
    for (const mode of ['none', 'auto'] as const) {
      const blob = {
        ...good,
        fetches: 0,
        answer: (n: number) => (n > 1 ? lie(good.stored) : good.stored),
      };
      const isTwice = mode === 'none';
      const image = streamedImage(opener(place, mode), [blob]);
      if (!isTwice) await flatOf(ctx, image);
      else {
        const error = await refusalOf(() => flatOf(ctx, image));
        expect([error.code, error.details.layer]).toEqual(['SOURCE_CHANGED', 0]);
      }
      expect([blob.open, readdirSync(place.tmp)]).toEqual([0, []]);
    }
    await place.system.threads.close();
  });
});

describe('a first reading', () => {
  it.each(SPOOL_MODES)('of wrong bytes is refused with --spool %s', async (mode) => {
    using place = workplace();
    const good = fakeBlob(filesOf(NAMES, 3000));
    const other = fakeBlob(filesOf(NAMES, 2990));
    const cases: [string, Uint8Array][] = [
      ['DIGEST_MISMATCH', other.stored],
      ['DIGEST_MISMATCH', Buffer.concat([good.stored, Buffer.alloc(1)])],
    ];
    for (const [code, bytes] of cases) {
      const blob = { ...good, answer: () => bytes };
      const image = streamedImage(opener(place, mode), [blob]);
      expect((await refusalOf(() => flatOf(ctx, image))).code).toBe(code);
    }
    const wrongDiffId = { ...good, tar: other.tar };
    const lying = streamedImage(opener(place, mode), [wrongDiffId]);
    expect((await refusalOf(() => flatOf(ctx, lying))).code).toBe('DIGEST_MISMATCH');
    expect(readdirSync(place.tmp)).toEqual([]);
    await place.system.threads.close();
  });

  it('of a bomb is stopped at its cap', async () => {
    using place = workplace({ files: undefined as never });
    const image = streamedImage(opener(place, 'none'), [fakeBlob(new Uint8Array(5_000_000))]);
    const [layer] = image.layers;
    const error = await refusalOf(async () => layer?.open(ctx, { maxBytes: 1_000_000 }));
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });
});
