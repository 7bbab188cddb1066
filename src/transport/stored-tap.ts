// The stored bytes of a layer on their way to a decompressor: counted and hashed, and read to their end also where the
// decompressor wants no more.
import { createHash } from 'node:crypto';
import type { Context } from '../core/context.ts';
import { type Digest, type DigestAlgorithm, digestFromHex } from '../core/digest.ts';
import { untilAborted } from '../core/until-aborted.ts';

/** What is done beside. */
export interface TapOptions {
  /** Takes every chunk, in order; the next is read after it. */
  readonly onChunk?: (chunk: Uint8Array) => Promise<void> | undefined;
  /** Most bytes that there may be; `tooLong` makes the error. */
  readonly maxBytes?: number;
  readonly tooLong: () => Error;
  /** Default true; false where the reader hashes the bytes. `finish` has no digest then. */
  readonly isHashed?: boolean;
}

/** A stream that is read once. Close it. */
export class StoredTap {
  readonly #source: AsyncIterableIterator<Uint8Array>;
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: ReturnType<typeof createHash>;
  readonly #options: TapOptions;
  #size = 0;
  #isAtEnd = false;
  /** A decompressor that is stopped may have asked for a chunk that is not there yet. */
  #asked: Promise<IteratorResult<Uint8Array>> | undefined;

  constructor(
    ctx: Context,
    stored: AsyncIterable<Uint8Array>,
    algorithm: DigestAlgorithm,
    options: TapOptions,
  ) {
    this.#source = untilAborted(ctx.signal, stored);
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
    this.#options = options;
  }

  /** Bytes that went by. */
  get size(): number {
    return this.#size;
  }

  /** The bytes, for a reader that may stop without stopping the source. */
  bytes(): AsyncIterableIterator<Uint8Array> {
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => this.#next(),
      return: async () => ({ done: true, value: undefined }),
    };
  }

  /** Reads what the reader left; then the digest of all bytes. */
  async finish(): Promise<Digest> {
    await this.#asked;
    while (!this.#isAtEnd) await this.#next();
    return digestFromHex(this.#algorithm, this.#hash.copy().digest('hex'));
  }

  /** Lets go of the source; harmless after its end. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    const asked = this.#read();
    // Whoever asked may have gone.
    asked.catch(() => undefined);
    this.#asked = asked;
    return asked;
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    if (this.#isAtEnd) return { done: true, value: undefined };
    const next = await this.#source.next();
    if (next.done === true) {
      this.#isAtEnd = true;
      return next;
    }
    const { onChunk, maxBytes = Number.POSITIVE_INFINITY, tooLong } = this.#options;
    this.#size += next.value.length;
    if (this.#size > maxBytes) throw tooLong();
    if (this.#options.isHashed !== false) this.#hash.update(next.value);
    const waited = onChunk?.(next.value);
    if (waited !== undefined) await waited;
    return next;
  }
}
