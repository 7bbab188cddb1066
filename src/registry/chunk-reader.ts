// Pieces of a wanted length from a stream of pieces of any length.

/** Reads a stream in chunks. Close it, which ends the stream. */
export class ChunkReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array();
  #isEnded = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `bytes` bytes; fewer only at the end of the stream, which was seen then. */
  async read(bytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    while (size < bytes && (await this.#hasMore())) {
      const part = this.#left.subarray(0, bytes - size);
      this.#left = this.#left.subarray(part.length);
      // Its memory may be used again once the next is asked for.
      parts.push(Uint8Array.from(part));
      size += part.length;
    }
    // Whether this was the last chunk is known only by looking further.
    await this.#hasMore();
    return Buffer.concat(parts);
  }

  async close(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#source.return?.();
  }

  async #hasMore(): Promise<boolean> {
    while (this.#left.length === 0 && !this.#isEnded) {
      const next = await this.#source.next();
      if (next.done === true) this.#isEnded = true;
      else this.#left = next.value;
    }
    return this.#left.length > 0;
  }
}
