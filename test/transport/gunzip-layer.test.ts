// Large gzip layers are decompressed by threads: what comes out, what is refused, and how soon.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { createSpool } from '../../src/system/spool.ts';
import type { Codecs } from '../../src/system/system.ts';
import { type Gunzipped, gunzipInto, gunzipPast } from '../../src/transport/gunzip-layer.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, workplace } from '../operations/workplace.ts';
import { noise } from '../registry/client-support.ts';

const place = workplace();
const ctx = testContext();
const codecs = place.system.threads.codecs as Codecs;
const tooLong = () => new Error('too long');

afterAll(async () => {
  await place.system.threads.close();
  place[Symbol.dispose]();
});

async function* inChunks(bytes: Uint8Array, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const claim = { digest: undefined, diffId: digestOf(new Uint8Array()) };
const NO_CAP = Number.POSITIVE_INFINITY;

async function past(
  stored: AsyncIterable<Uint8Array>,
  maxBytes = NO_CAP,
): Promise<Gunzipped & { tar: Buffer }> {
  const parts: Uint8Array[] = [];
  const look = (piece: Uint8Array) => void parts.push(Uint8Array.from(piece));
  const read = await gunzipPast(codecs, ctx, stored, claim, { tooLong }, maxBytes, look);
  return { ...read, tar: Buffer.concat(parts) };
}

async function into(
  stored: AsyncIterable<Uint8Array>,
  maxBytes = NO_CAP,
): Promise<Gunzipped & { tar: Buffer }> {
  await using spool = await createSpool(place.system);
  const read = await gunzipInto(
    place.system,
    codecs,
    ctx,
    stored,
    claim,
    { tooLong },
    maxBytes,
    spool,
  );
  return { ...read, tar: readFileSync(spool.file.path) };
}

const CONTENT = Buffer.concat([Buffer.alloc(3_000_000), noise(1_400_000)]);
const STORED = gzipSync(CONTENT);

describe.each([
  ['in memory', past],
  ['in a file', into],
])('a thread that decompresses, %s', (_, read) => {
  it.each([
    ['one member', STORED],
    [
      'two members and padding',
      Buffer.concat([
        gzipSync(CONTENT.subarray(0, 1000)),
        gzipSync(CONTENT.subarray(1000)),
        Buffer.alloc(700),
      ]),
    ],
  ])('gives the tar and both digests: %s', async (_name, stored) => {
    for (const length of [1_000_003, 65_536, 997]) {
      const { tar, ...rest } = await read(inChunks(stored, length));
      expect(tar.equals(CONTENT)).toBe(true);
      expect(rest).toEqual({
        digest: digestOf(stored),
        storedSize: stored.length,
        diffId: digestOf(CONTENT),
        size: CONTENT.length,
      });
    }
  });

  it.each([
    ['is cut', STORED.subarray(0, -9)],
    ['is cut in its trailer', STORED.subarray(0, -3)],
    ['has a wrong checksum', Buffer.concat([STORED.subarray(0, -8), Buffer.alloc(8)])],
    ['has garbage behind it', Buffer.concat([STORED, Buffer.from('garbage')])],
    ['is broken inside', Buffer.concat([STORED.subarray(0, 20_000), noise(20_000)])],
  ])('refuses what %s', async (_name, stored) => {
    const refusal = await refusalOf(() => read(inChunks(stored, 65_536)));
    expect(refusal.code).toBe('BAD_COMPRESSION');
    expect(refusal.message).toMatch(/^Cannot decompress gzip: /);
  });

  it('refuses what becomes more than the cap, and a bomb', async () => {
    const refusal = await refusalOf(() => read(inChunks(STORED, 65_536), CONTENT.length - 1));
    expect(refusal).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect((await read(inChunks(STORED, 65_536), CONTENT.length)).size).toBe(CONTENT.length);
  });

  it('refuses a broken stream while its writer is silent, and lets go of it', async () => {
    let isReleased = false;
    let give: (() => void) | undefined;
    const broken = Buffer.concat([STORED.subarray(0, 20_000), noise(20_000)]);
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise((resolve) => {
            if (give === undefined) resolve({ done: false, value: broken });
            give = () => resolve({ done: true, value: undefined });
          }),
        async return() {
          isReleased = true;
          return { done: true, value: undefined };
        },
      }),
    };
    expect((await refusalOf(() => read(silent))).code).toBe('BAD_COMPRESSION');
    expect(isReleased).toBe(true);
  });

  it('passes on what goes wrong with the source', async () => {
    async function* failing() {
      yield STORED.subarray(0, 70_000);
      throw new Error('the cable is cut');
    }
    await expect(read(failing())).rejects.toThrow('the cable is cut');
  });
});

describe('deflating by threads', () => {
  it('gives what zlib gives on this thread', async () => {
    const { GzipCompressor } = await import('../../src/blob/gzip.ts');
    const hashes = [undefined, (job: Parameters<Codecs['deflate']>[0]) => codecs.deflate(job)].map(
      async (deflate) => {
        const hash = createHash('sha256');
        const compressor = new GzipCompressor(
          6,
          2,
          async (bytes) => void hash.update(bytes),
          deflate,
        );
        await compressor.take(CONTENT);
        await compressor.finish();
        return hash.digest('hex');
      },
    );
    expect(await hashes[0]).toBe(await hashes[1]);
  });
});
