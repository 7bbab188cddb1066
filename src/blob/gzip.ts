// Gzip on several threads, as pigz does it: blocks of 512 KiB are deflated on the thread pool, each with the 32 KiB
// before it as dictionary, and joined into one member. The blocks depend on the position in the stream alone.
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { CompressedOutput, Compressor } from './compressor.ts';

const BLOCK_BYTES = 524_288;
const DICTIONARY_BYTES = 32_768;
/** No name, no time, unknown system: RFC 1952, 2.3. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
/** A last block with nothing in it: RFC 1951, 3.2.6. */
const FINAL_BLOCK = Uint8Array.of(3, 0);

const deflateRaw = promisify(
  zlib.deflateRaw as (
    input: Uint8Array,
    options: zlib.ZlibOptions,
    done: (error: Error | null, result: Buffer) => void,
  ) => void,
);

/** Deterministic parallel gzip. */
export class GzipCompressor implements Compressor {
  readonly #level: number;
  readonly #jobs: number;
  readonly #output: CompressedOutput;
  readonly #running: Promise<unknown>[] = [];
  #written: Promise<void>;
  #block = new Uint8Array(BLOCK_BYTES);
  #used = 0;
  #dictionary: Uint8Array | undefined;
  #crc = 0;
  #size = 0;

  constructor(level: number, jobs: number, output: CompressedOutput) {
    this.#level = level;
    this.#jobs = Math.max(1, jobs);
    this.#output = output;
    this.#written = output(HEADER);
    this.#written.catch(() => undefined);
  }

  async take(chunk: Uint8Array): Promise<void> {
    this.#crc = zlib.crc32(chunk, this.#crc);
    this.#size += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#used);
      this.#block.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === BLOCK_BYTES) await this.#startBlock();
    }
  }

  async finish(): Promise<void> {
    if (this.#used > 0) await this.#startBlock();
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#size % 0x1_0000_0000, 4);
    await this.#write(Promise.resolve(Buffer.concat([FINAL_BLOCK, trailer])));
  }

  /** Hands the block to the pool; waits where `jobs` blocks are on their way already. */
  async #startBlock(): Promise<void> {
    const block = this.#block.subarray(0, this.#used);
    const deflated = deflateRaw(block, {
      level: this.#level,
      chunkSize: BLOCK_BYTES,
      finishFlush: zlib.constants.Z_SYNC_FLUSH,
      ...(this.#dictionary === undefined ? {} : { dictionary: this.#dictionary }),
    });
    this.#dictionary = block.subarray(-DICTIONARY_BYTES);
    this.#block = new Uint8Array(BLOCK_BYTES);
    this.#used = 0;
    this.#running.push(this.#write(deflated));
    if (this.#running.length > this.#jobs) await this.#running.shift();
  }

  /** Writes behind everything before it. */
  #write(bytes: Promise<Uint8Array>): Promise<void> {
    const before = this.#written;
    this.#written = (async () => {
      const ready = await bytes;
      await before;
      await this.#output(ready);
    })();
    this.#written.catch(() => undefined);
    return this.#written;
  }
}
