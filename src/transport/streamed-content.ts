// Stored bytes of a medium that only gives them from their start.
import type { StoredContent } from '../image/image.ts';

/** `fetch` gives all `size` bytes from their start, and checks them; a later part is reached by passing over the rest. */
export function streamedContent(
  size: number,
  fetch: () => AsyncIterable<Uint8Array>,
): StoredContent {
  return {
    size,
    stream: (offset) => skipped(fetch(), offset),
    async [Symbol.asyncDispose]() {},
  };
}

/** `source` without its first `offset` bytes. */
export async function* skipped(
  source: AsyncIterable<Uint8Array>,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for await (const chunk of source) {
    const rest = chunk.subarray(Math.max(0, offset - at));
    at += chunk.length;
    if (rest.length > 0) yield rest;
  }
}
