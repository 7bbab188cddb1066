// The first bytes of a stream, which say what it is, and then the whole of it.
import { SNIFF_BYTES } from '../blob/sniff.ts';
import type { Context } from '../core/context.ts';
import { untilAborted } from '../core/until-aborted.ts';

/** A stream whose beginning is known. */
export interface PeekedStream {
  /** At least `SNIFF_BYTES`, unless the stream is shorter. */
  readonly head: Uint8Array;
  /** All bytes, the head included. May be iterated once. */
  readonly whole: AsyncIterable<Uint8Array>;
  /** Lets go of the stream; harmless after its end. */
  close(): Promise<void>;
}

/** Reads the head. A cancelled run does not wait for the stream. */
export async function withHead(
  ctx: Context,
  stream: AsyncIterable<Uint8Array>,
): Promise<PeekedStream> {
  const iterator = untilAborted(ctx.signal, stream);
  const close = async () => void (await iterator.return?.());
  try {
    const first: Uint8Array[] = [];
    const head = await take(iterator, first, SNIFF_BYTES);
    return { head, whole: joined(first, iterator), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads on until `taken` has `bytes` bytes, or all that there are; returns them as one. */
export async function take(
  iterator: AsyncIterator<Uint8Array>,
  taken: Uint8Array[],
  bytes: number,
): Promise<Buffer> {
  let length = taken.reduce((sum, chunk) => sum + chunk.length, 0);
  while (length < bytes) {
    const next = await iterator.next();
    if (next.done) break;
    // A copy: memory may be used again for the next chunk.
    taken.push(Buffer.from(next.value));
    length += next.value.length;
  }
  return Buffer.concat(taken);
}

/** What was taken, then the rest. */
export async function* joined(
  first: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* first;
  try {
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
