// A stream from its middle, where its medium only begins at the start.

/** `source` without its first `offset` bytes. */
export async function* skipBytes(
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
