// C1-C5 of `faults.md` on bare streams: bombs, windows, cut and corrupt streams, members and frames in a row.
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decompress, hasNativeZstd } from '../../src/blob/decompress.ts';
import { ShipperError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { refusalOf } from '../operations/workplace.ts';
import { amount, isAll } from '../support/amount.ts';
import { zstdRepeated, zstdSkippable, zstdStored } from '../support/archives.ts';

const MIB = 1_048_576;
const TEXT = Buffer.from('the quick brown fox '.repeat(5000));

type Kind = 'gzip' | 'zstd';

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function plain(bytes: Uint8Array, kind: Kind, chunk = 65_536, max?: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const part of decompress(inChunks(bytes, chunk), kind, max)) chunks.push(part);
  return Buffer.concat(chunks);
}

/** How a stream is refused, and what it took: nothing is kept of what comes out. */
async function refused(bytes: Uint8Array, kind: Kind): Promise<ShipperError> {
  const started = performance.now();
  let peak = 0;
  const before = process.memoryUsage().rss;
  const error = await refusalOf(async () => {
    for await (const _ of decompress(inChunks(bytes, MIB), kind))
      peak = Math.max(peak, process.memoryUsage().rss);
  });
  expect(peak - before).toBeLessThan(512 * MIB);
  expect(performance.now() - started).toBeLessThan(20_000);
  return error;
}

/** Compressed by the program where this machine has it. */
function zstdProgram(...args: readonly string[]): Buffer | undefined {
  try {
    return execFileSync('zstd', ['-q', '-c', ...args], { input: TEXT, stdio: 'pipe' });
  } catch {
    return undefined;
  }
}

const STREAMS: readonly (readonly [name: string, kind: Kind, bytes: Buffer, content: Buffer])[] = [
  ['gzip', 'gzip', gzipSync(TEXT), TEXT],
  [
    'several gzip members',
    'gzip',
    Buffer.concat([gzipSync('a'), gzipSync(TEXT), gzipSync('')]),
    Buffer.concat([Buffer.from('a'), TEXT]),
  ],
  ['gzip of nothing', 'gzip', gzipSync(''), Buffer.alloc(0)],
  ['zstd', 'zstd', zstdStored(TEXT), TEXT],
  ['a zstd frame of nothing', 'zstd', zstdStored(Buffer.alloc(0)), Buffer.alloc(0)],
  ['a zstd frame of 3 bytes', 'zstd', zstdStored(Buffer.from('abc')), Buffer.from('abc')],
  [
    'zstd frames in a row',
    'zstd',
    Buffer.concat([zstdStored(TEXT), zstdStored(TEXT.subarray(0, 1)), zstdStored(TEXT)]),
    Buffer.concat([TEXT, TEXT.subarray(0, 1), TEXT]),
  ],
  [
    'a tiny zstd frame at the end',
    'zstd',
    Buffer.concat([zstdStored(TEXT), zstdStored(Buffer.from('z'))]),
    Buffer.concat([TEXT, Buffer.from('z')]),
  ],
  [
    'skippable frames before, between and behind',
    'zstd',
    Buffer.concat([
      zstdSkippable('x'.repeat(70_000)),
      zstdStored(TEXT),
      zstdSkippable('', 15),
      zstdStored(TEXT),
      zstdSkippable('y'),
    ]),
    Buffer.concat([TEXT, TEXT]),
  ],
  ['many small zstd blocks', 'zstd', zstdStored(TEXT, { blockBytes: 100 }), TEXT],
  ['zstd blocks that repeat a byte', 'zstd', zstdRepeated(3, 1000), Buffer.alloc(3000, 'x')],
];

describe('decompress()', () => {
  it.each(STREAMS)('C4: %s, in chunks of any size', async (_name, kind, bytes, content) => {
    for (const chunk of [1, 3, 17, 4096, 10 * MIB]) {
      if (chunk < 17 && bytes.length > 50_000) continue;
      expect((await plain(bytes, kind, chunk)).equals(content)).toBe(true);
    }
  });

  it.each([
    [],
    ...(isAll() ? [['-19'], ['--long=27']] : []),
    // Without a known size, the program prepares tables of a gigabyte.
    ['--ultra', '-22', `--stream-size=${TEXT.length}`],
    ['--no-check'],
    ['-1', '--fast=5'],
  ])('reads what the zstd program writes with %j', async (...args) => {
    const bytes = zstdProgram(...args);
    if (bytes === undefined) return;
    expect((await plain(bytes, 'zstd', 777)).equals(TEXT)).toBe(true);
  });

  it.each(STREAMS)('C3: %s, cut anywhere', async (_name, kind, bytes) => {
    const whole = kind === 'gzip' ? await boundaries(bytes) : new Set<number>();
    const many = amount(12, 40);
    const cuts = Array.from({ length: many }, (_, i) => Math.floor((i * bytes.length) / many));
    for (const cut of new Set([...cuts, bytes.length - 1, bytes.length - 5])) {
      if (cut <= 0 || whole.has(cut)) continue;
      const part = bytes.subarray(0, cut);
      const outcome = await plain(part, kind).catch((error: ShipperError) => error.code);
      // A cut between frames leaves a shorter stream that is whole: digests tell that one.
      if (outcome instanceof Buffer) expect(isBoundary(bytes, cut, kind)).toBe(true);
      else expect(outcome).toBe('BAD_COMPRESSION');
    }
  });

  it('C3: a gzip stream with another checksum or length than it has', async () => {
    const bytes = gzipSync(TEXT);
    for (const at of [bytes.length - 8, bytes.length - 4, 5000 % bytes.length]) {
      const bad = Buffer.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ 0x41;
      const { code, message } = await refused(bad, 'gzip');
      expect([code, message.startsWith('Cannot decompress gzip: ')]).toEqual([
        'BAD_COMPRESSION',
        true,
      ]);
    }
  });

  it.runIf(hasNativeZstd())('C3: a zstd frame with another checksum than it has', async () => {
    const bytes = zstdStored(TEXT, { checksum: 'nope' });
    expect(await refused(bytes, 'zstd')).toMatchObject({ code: 'BAD_COMPRESSION' });
  });

  it('C3: bytes behind the last zstd frame', async () => {
    const bytes = Buffer.concat([zstdStored(TEXT), Buffer.from('garbage')]);
    expect(await refused(bytes, 'zstd')).toMatchObject({
      code: 'BAD_COMPRESSION',
      message: 'Cannot decompress zstd: a frame has no magic number',
    });
  });

  it('C3: a block of no known type', async () => {
    const bytes = zstdStored(TEXT);
    bytes[6] = (bytes[6] ?? 0) | 6;
    expect(await refused(bytes, 'zstd')).toMatchObject({
      code: 'BAD_COMPRESSION',
      message: 'Cannot decompress zstd: a block is of no known type',
    });
  });

  it.each([2 ** 28, 2 ** 31, 2 ** 41])('C2: a window of %i bytes', async (window) => {
    expect(await refused(zstdStored(TEXT, { window }), 'zstd')).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: `Cannot decompress zstd: a frame asks for a window of ${window} bytes, over ${LIMITS.zstdWindowBytes}`,
    });
  });

  it('C2: a window of 128 MiB is allowed, and costs what is used of it', async () => {
    expect((await plain(zstdStored(TEXT, { window: 2 ** 27 }), 'zstd')).equals(TEXT)).toBe(true);
  });

  it('C2: a single segment is its own window', async () => {
    // Frame header: single segment, content size in 8 bytes.
    const head = Buffer.from('28b52ffde0', 'hex');
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(2n ** 40n);
    const bytes = Buffer.concat([head, size, Buffer.from('010000', 'hex')]);
    expect(await refused(bytes, 'zstd')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('C1: 4 bytes that say 128 KiB, a million times', async () => {
    expect(await refused(zstdRepeated(1_000_000), 'zstd')).toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it.runIf(isAll())('C1: the same behind 1 MiB of honest content', async () => {
    const bytes = Buffer.concat([zstdStored(Buffer.alloc(MIB, 'ab')), zstdRepeated(1_000_000)]);
    expect(await refused(bytes, 'zstd')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it.runIf(!hasNativeZstd())('C1: blocks of one byte in a window of 128 MiB', async () => {
    const bytes = zstdRepeated(1_000_000, 1, { window: 2 ** 27 });
    expect(await refused(bytes, 'zstd')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it.runIf(!hasNativeZstd())(
    'C1: a thousand empty frames, each with a window of 128 MiB',
    async () => {
      const frame = zstdStored(Buffer.alloc(0), { window: 2 ** 27 });
      const bytes = Buffer.concat(Array.from({ length: 1000 }, () => frame));
      expect(await refused(bytes, 'zstd')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    },
  );

  it('C1: a gzip stream past the absolute limit', async () => {
    const bytes = gzipSync(Buffer.alloc(20 * MIB));
    const error = await refusalOf(() => plain(bytes, 'gzip', MIB, 10 * MIB));
    expect(error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'Cannot decompress gzip: it becomes more than 10485760 bytes',
    });
    expect((await plain(bytes, 'gzip', MIB, 20 * MIB)).length).toBe(20 * MIB);
  });

  it('passes the error of its source on', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield gzipSync(TEXT).subarray(0, 50);
      throw new ShipperError('SOURCE_CHANGED', 'Cannot read x: it became shorter');
    }
    const error = await refusalOf(async () => {
      for await (const _ of decompress(failing(), 'gzip'));
    });
    expect(error).toMatchObject({
      code: 'SOURCE_CHANGED',
      message: 'Cannot read x: it became shorter',
    });
  });

  it('releases its source when nobody reads on', async () => {
    const { promise, resolve } = deferred();
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield gzipSync(Buffer.alloc(4 * MIB));
      } finally {
        resolve();
      }
    }
    for await (const _ of decompress(endless(), 'gzip')) break;
    await promise;
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Cuts at which a gzip stream of several members is whole. */
async function boundaries(bytes: Uint8Array): Promise<Set<number>> {
  const found = new Set<number>();
  for (let cut = 18; cut < bytes.length; cut += 1) {
    if (bytes[cut] === 0x1f && bytes[cut + 1] === 0x8b) found.add(cut);
  }
  return found;
}

/** Whether a zstd stream has a frame that begins at `cut`. */
function isBoundary(bytes: Buffer, cut: number, kind: Kind): boolean {
  if (kind === 'gzip') return false;
  const magic = bytes.readUInt32LE(cut);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
}
