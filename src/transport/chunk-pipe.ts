// The path of a layer's bytes on their way out: large chunks on shared memory, filled by the main thread while the ones
// before are hashed, compressed and written elsewhere.
import type { ChunkSink } from '../image/image.ts';

/** Takes a full chunk; resolves when it may be overwritten. Called in order, before the last call has resolved. */
export type ChunkConsumer = (chunk: Uint8Array) => Promise<void>;

const CHUNK_BYTES = 2_097_152;
const MIN_CHUNK_BYTES = 65_536;
const CHUNKS = 5;

/** A ring of chunks in front of consumers that all see every chunk. */
export class ChunkPipe implements ChunkSink {
  readonly #consumers: readonly ChunkConsumer[];
  readonly #onChunk: (bytes: number) => void;
  readonly #idle: Uint8Array[] = [];
  readonly #running = new Set<Promise<void>>();
  #current: Uint8Array;
  #used = 0;
  #taken = 0;
  #failure: { readonly error: unknown } | undefined;

  /** `bytes` says how many will come, where that is known: small layers need no large chunks. */
  constructor(
    consumers: readonly ChunkConsumer[],
    onChunk: (bytes: number) => void,
    bytes: number = Number.POSITIVE_INFINITY,
  ) {
    this.#consumers = consumers;
    this.#onChunk = onChunk;
    const chunkBytes = Math.min(CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, bytes));
    for (let i = 0; i < CHUNKS; i += 1) {
      this.#idle.push(new Uint8Array(new SharedArrayBuffer(chunkBytes)));
    }
    this.#current = this.#idle.pop() ?? new Uint8Array(0);
  }

  /** Bytes that were put in so far. */
  get taken(): number {
    return this.#taken;
  }

  space(): Uint8Array {
    return this.#current.subarray(this.#used);
  }

  filled(bytes: number): Promise<void> | undefined {
    this.#used += bytes;
    this.#taken += bytes;
    if (this.#used < this.#current.length) return undefined;
    this.#send(this.#current);
    return this.#next();
  }

  /** Resolves when every chunk was taken by every consumer. */
  async finish(): Promise<void> {
    if (this.#used > 0) this.#send(this.#current.subarray(0, this.#used));
    this.#used = 0;
    while (this.#running.size > 0) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #send(chunk: Uint8Array): void {
    const whole = this.#current;
    const run = (async () => {
      try {
        await Promise.all(this.#consumers.map((consume) => consume(chunk)));
      } catch (error) {
        this.#failure ??= { error };
      }
      this.#idle.push(whole);
      this.#onChunk(chunk.length);
    })();
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  async #next(): Promise<void> {
    while (this.#idle.length === 0) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#current = this.#idle.pop() ?? this.#current;
    this.#used = 0;
  }
}

/** A consumer whose calls wait for each other. */
export function inSequence(consume: ChunkConsumer): ChunkConsumer {
  let before: Promise<void> = Promise.resolve();
  return (chunk) => {
    before = before.then(() => consume(chunk));
    return before;
  };
}
