// The bytes of compressed layers depend on input and level alone.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { checkCompression, createCompressor } from '../../src/blob/compress.ts';
import type { Compression } from '../../src/blob/compressor.ts';
import { hasNativeZstd } from '../../src/blob/decompress.ts';
import { SNIFF_BYTES, sniffCompression } from '../../src/blob/sniff.ts';
import { amount, isAll } from '../support/amount.ts';

/** Some of it repeats, some does not. */
function sample(bytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0, length = 0; length < bytes; i += 1) {
    const noise = createHash('sha512')
      .update(`${i % 5000}`)
      .digest();
    parts.push(noise, Buffer.from(`line ${i} of a file that says the same things\n`));
    length += 64 + 40;
  }
  return Buffer.concat(parts).subarray(0, bytes);
}

async function compressed(
  content: Uint8Array,
  compression: Compression,
  { jobs = 2, chunk = 65_536 } = {},
): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const compressor = createCompressor(compression, jobs, async (bytes) => {
    out.push(Uint8Array.from(bytes));
  });
  if (compressor === undefined) throw new Error('no compressor');
  for (let at = 0; at < content.length; at += chunk)
    await compressor.take(Uint8Array.from(content.subarray(at, at + chunk)));
  await compressor.finish();
  return Buffer.concat(out);
}

const gzip = (level: number): Compression => ({ kind: 'gzip', level });

describe('gzip', () => {
  const sizes = [0, 1, 524_289, 100, 524_287, 524_288, 1_600_000];
  it.each(
    sizes.slice(0, amount(3, 7)),
  )('%i bytes come back, through zlib and through the program', async (size) => {
    const content = sample(size);
    for (const level of [1, 6, 9]) {
      const bytes = await compressed(content, gzip(level));
      expect(zlib.gunzipSync(bytes).equals(content)).toBe(true);
      const options = { input: bytes, maxBuffer: 2 ** 26 };
      expect(execFileSync('gzip', ['-dc'], options).equals(content)).toBe(true);
    }
  });

  it('gives the same bytes for any jobs and any chunks', async () => {
    const content = sample(2_300_000);
    const first = await compressed(content, gzip(6));
    for (const [i, jobs] of [1, 3, 8, 64].entries())
      for (const [k, chunk] of [7919, 524_288, 1_048_576, 3_000_000, 65_536].entries())
        if (isAll() || i === k)
          expect((await compressed(content, gzip(6), { jobs, chunk })).equals(first)).toBe(true);
  });

  it('is one member with a header that says nothing of time or system', async () => {
    const bytes = await compressed(sample(1000), gzip(6));
    expect(bytes.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
  });

  it('is not much worse than zlib in one go', async () => {
    const content = sample(3_000_000);
    const whole = zlib.gzipSync(content, { level: 6 }).length;
    expect((await compressed(content, gzip(6))).length).toBeLessThan(whole * 1.02);
  });

  it('tells a failing output to who gives it more, and to who ends it', async () => {
    const failing = createCompressor(gzip(1), 1, () => Promise.reject(new Error('disk full')));
    const give = async () => {
      for (let i = 0; i < 8; i += 1) await failing?.take(new Uint8Array(524_288));
    };
    await expect(give()).rejects.toThrow('disk full');
    await expect(failing?.finish()).rejects.toThrow('disk full');
  });
});

describe('zstd', () => {
  const zstd: Compression = { kind: 'zstd', level: 3 };

  it.runIf(hasNativeZstd())('gives the same bytes for any jobs and any chunks', async () => {
    const content = sample(2_300_000);
    const first = await compressed(content, zstd, { jobs: 1 });
    expect(zlib.zstdDecompressSync(first).equals(content)).toBe(true);
    for (const jobs of [2, 8, 300, 1024])
      for (const chunk of [65_536, 1_048_576])
        expect((await compressed(content, zstd, { jobs, chunk })).equals(first)).toBe(true);
  });

  it.runIf(!hasNativeZstd())('is refused with a hint where Node has none', () => {
    expect(() => checkCompression(zstd)).toThrow(
      `Cannot write zstd: Node ${process.versions.node} has none`,
    );
    expect(() => createCompressor(zstd, 1, async () => undefined)).toThrow('Cannot write zstd');
  });
});

describe('sniffCompression()', () => {
  it.each([
    ['1f8b0800', 'gzip'],
    ['28b52ffd', 'zstd'],
    ['502a4d18', 'zstd'],
    ['5f2a4d18', 'zstd'],
    ['425a6839', 'bzip2'],
    ['fd377a585a00', 'xz'],
    ['', 'plain'],
    ['1f', 'plain'],
    ['602a4d18', 'plain'],
    ['28b52ffc', 'plain'],
    ['fd377a585a01', 'plain'],
    ['6d616e6966', 'plain'],
  ])('%s is %s', (hex, kind) => {
    const head = new Uint8Array(SNIFF_BYTES);
    head.set(Buffer.from(hex, 'hex'));
    expect(sniffCompression(head)).toBe(kind);
  });
});
