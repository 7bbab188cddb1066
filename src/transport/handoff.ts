// From a writer that pushes chunks to a reader that pulls them, one chunk at a time, without a copy.

interface Offer {
  readonly chunk: Uint8Array;
  readonly taken: () => void;
  readonly refused: (error: Error) => void;
}

/** A chunk is handed over when the reader asks for it, and given back when the reader asks for the next. */
export class Handoff implements AsyncIterable<Uint8Array> {
  #offer: Offer | undefined;
  #wake: (() => void) | undefined;
  #isEnded = false;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;

  /** Resolves when the reader is done with the chunk. Rejects once the reader has gone. */
  put(chunk: Uint8Array): Promise<void> {
    return new Promise((taken, refused) => {
      if (this.#isClosed) refused(new Error('nobody reads any more'));
      else this.#offer = { chunk, taken, refused };
      this.#wake?.();
    });
  }

  /** No more chunks. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  /** The reader gets `error` instead of an end, so that nobody takes a part for the whole. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake?.();
  }

  /** The reader has gone: whoever puts is told. Harmless when it went by itself. */
  close(): void {
    this.#isClosed = true;
    this.#offer?.refused(new Error('nobody reads any more'));
    this.#offer = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        while (this.#offer === undefined && !this.#isEnded && this.#failure === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (this.#failure !== undefined) throw this.#failure.error;
        const offer = this.#offer;
        if (offer === undefined) return;
        yield offer.chunk;
        // Not before: a reader that leaves with the chunk in its hands never comes back, and `close` tells the writer.
        this.#offer = undefined;
        offer.taken();
      }
    } finally {
      this.close();
    }
  }
}
