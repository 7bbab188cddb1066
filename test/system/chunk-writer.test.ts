// Chunks that a thread writes: the same bytes, the same errors, and a pool where there is no thread.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isChunk, WRITE_BYTES } from '../../src/system/chunk-writer.ts';
import { nodeFiles } from '../../src/system/node-files.ts';
import { nodeThreads } from '../../src/system/threads.ts';

/** Of 256 MiB of zeros. */
const SHA256_OF_ZEROS = 'a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484';
/** Some pieces, and a part of one. */
const BYTES = 5 * WRITE_BYTES + 77;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shipper-write-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function chunk(memory: ArrayBufferLike): Uint8Array {
  return new Uint8Array(memory).map((_, at) => (at * 31 + (at >> 8)) & 255);
}

function shared(): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(BYTES));
  bytes.set(chunk(new ArrayBuffer(BYTES)));
  return bytes;
}

describe('a file', () => {
  it.each([
    ['shared memory', shared],
    ['memory of its own', () => chunk(new ArrayBuffer(BYTES))],
  ])('has what was written from %s, where it belongs', async (name, make) => {
    const writer = nodeThreads(2);
    const path = join(folder, name);
    await using file = await nodeFiles(writer).create(path);
    const bytes = make();
    await Promise.all([file.write(bytes, 0), file.write(bytes, BYTES)]);
    expect(readFileSync(path).equals(Buffer.concat([bytes, bytes]))).toBe(true);
    await writer.close();
  });

  it('names itself where the thread cannot write', async () => {
    const writer = nodeThreads(2);
    const path = join(folder, 'closed');
    const file = await nodeFiles(writer).create(path);
    closeSync(file.fd);
    await expect(file.write(shared(), 0)).rejects.toMatchObject({
      code: 'IO',
      message: expect.stringContaining(`Cannot write ${path}: `),
    });
    await writer.close();
  });
});

describe('the thread', () => {
  it('says with which code the system call failed', async () => {
    const writer = nodeThreads(2);
    const path = join(folder, 'read-only');
    closeSync(openSync(path, 'w'));
    const fd = openSync(path, 'r');
    await expect(writer.write(fd, shared(), 0)).rejects.toMatchObject({ code: 'EBADF' });
    closeSync(fd);
    await writer.close();
  });

  it('is not for small chunks, nor for those of others', () => {
    expect(isChunk(shared())).toBe(true);
    expect(isChunk(shared().subarray(0, 1000))).toBe(false);
    expect(isChunk(new Uint8Array(BYTES))).toBe(false);
  });

  it('writes while it hashes a file that is longer', async () => {
    const threads = nodeThreads(2);
    const path = join(folder, 'long');
    const length = 268_435_456;
    closeSync(openSync(path, 'w'));
    truncateSync(path, length);
    await using file = await nodeFiles(threads).openRead(path);
    const order: string[] = [];
    const hashing = threads
      .hashFile({ fd: file.fd, offset: 0, length, algorithm: 'sha256' })
      .then((hex) => order.push(hex));
    const fd = openSync(join(folder, 'beside'), 'w');
    await threads.write(fd, shared(), 0).then(() => order.push('written'));
    await hashing;
    closeSync(fd);
    expect(order).toEqual(['written', SHA256_OF_ZEROS]);
    await threads.close();
  });

  it('is started again after its end', async () => {
    const writer = nodeThreads(2);
    const path = join(folder, 'again');
    const fd = openSync(path, 'w');
    expect(await writer.write(fd, shared(), 0)).toBe(true);
    await writer.close();
    expect(await writer.write(fd, shared(), BYTES)).toBe(true);
    await writer.close();
    closeSync(fd);
    expect(readFileSync(path).equals(Buffer.concat([shared(), shared()]))).toBe(true);
  });
});
