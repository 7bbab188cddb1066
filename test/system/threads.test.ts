// Hashing beside the main thread, and how it ends when nobody wants it any more.
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeThreads } from '../../src/system/threads.ts';

/** More than a thread hashes in the time of these tests. */
const HUGE = 64 * 1024 * 1024 * 1024;

let folder: string;
let fd: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shipper-threads-'));
  fd = openSync(join(folder, 'huge'), 'w+');
  ftruncateSync(fd, HUGE);
});
afterAll(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const job = (length: number, signal?: AbortSignal) => ({
  fd,
  offset: 0,
  length,
  algorithm: 'sha256' as const,
  ...(signal === undefined ? {} : { signal }),
});

describe('hashFile()', () => {
  it('does not begin when it is cancelled already', async () => {
    const threads = nodeThreads(4);
    await expect(threads.hashFile(job(HUGE, AbortSignal.abort()))).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    await threads.close();
  });

  it('ends what runs and what is queued, and serves the others', async () => {
    const threads = nodeThreads(2);
    const [running, queued] = [new AbortController(), new AbortController()];
    const first = threads.hashFile(job(HUGE, running.signal));
    const second = threads.hashFile(job(HUGE, queued.signal));
    const third = threads.hashFile(job(1000));
    queued.abort();
    await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
    running.abort();
    await expect(first).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await third).toBe(createHash('sha256').update(new Uint8Array(1000)).digest('hex'));
    await threads.close();
  });
});
