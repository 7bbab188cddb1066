import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { gathered } from '../../src/system/gathered.ts';

const KIB = 1024;

async function all(stream: Readable): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of gathered(stream)) pieces.push(piece);
  return pieces;
}

describe('a gathered stream', () => {
  it('gives every byte in order, in fewer pieces than there were chunks', async () => {
    const chunks = Array.from({ length: 500 }, (_, at) => Buffer.alloc(1000 + at, at));
    const pieces = await all(Readable.from(chunks, { objectMode: false }));
    // Not toEqual, which looks at each byte by itself for seconds.
    expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
    expect(pieces.length).toBeLessThan(chunks.length / 4);
  });

  it('gives what there is without waiting for more', async () => {
    const stream = new PassThrough();
    const pieces = gathered(stream);
    for (const text of ['one', 'two']) {
      stream.write(text);
      const { value } = await pieces.next();
      expect(Buffer.from(value ?? []).toString()).toBe(text);
    }
    stream.end();
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
  });

  it('stops reading while nobody takes anything', async () => {
    let given = 0;
    const stream = new Readable({
      highWaterMark: 32 * KIB,
      read() {
        given += 32 * KIB;
        this.push(Buffer.alloc(32 * KIB));
      },
    });
    const pieces = gathered(stream);
    await pieces.next();
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(given).toBeLessThanOrEqual(1024 * KIB);
    await pieces.return();
    stream.destroy();
  });

  it('throws what the stream fails with after what came before it', async () => {
    const stream = new PassThrough();
    const pieces = gathered(stream);
    stream.write('some');
    expect(Buffer.from((await pieces.next()).value ?? []).toString()).toBe('some');
    const rest = pieces.next();
    stream.destroy(new Error('cut'));
    await expect(rest).rejects.toThrow('cut');
  });

  it('throws where the stream is closed before its end, also where that was before', async () => {
    const stream = new PassThrough();
    const rest = gathered(stream).next();
    stream.destroy();
    await expect(rest).rejects.toThrow('Premature close');
    await expect(all(stream)).rejects.toThrow('Premature close');
    const failed = new PassThrough().on('error', () => undefined);
    failed.destroy(new Error('cut'));
    await turn();
    await expect(all(failed)).rejects.toThrow('cut');
  });

  it('ends at once where the stream has ended', async () => {
    const stream = new PassThrough();
    stream.end();
    expect(await all(stream)).toEqual([]);
    expect(await all(stream)).toEqual([]);
  });
});
