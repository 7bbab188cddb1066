// Gzip on several threads, as pigz does it: blocks of 512 KiB are deflated beside each other, each with the 32 KiB before it as
// dictionary, and joined into one member. The blocks depend on the position in the stream alone. Their memory is shared with
// the threads and used again: fresh pages for each would cost a tenth of the work.
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { CompressedOutput, Compressor, Deflate, DeflateJob } from './compressor.ts';

const BLOCK_BYTES = 524_288;
const DICTIONARY_BYTES = 32_768;
/** What cannot be made smaller grows by five bytes for some 16 KiB. */
const OUTPUT_BYTES = BLOCK_BYTES + 8192;
/** Blocks that wait beside those that are deflated, so that no thread waits for the next. */
const AHEAD = 2;
/** No name, no time, unknown system: RFC 1952, 2.3. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
/** A last block with nothing in it: RFC 1951, 3.2.6. */
const FINAL_BLOCK = Uint8Array.of(3, 0);

/** Memory of one block on its way. */
class Slot {
  /** The dictionary, then the block. */
  readonly input = shared(DICTIONARY_BYTES + BLOCK_BYTES);
  readonly block = this.input.subarray(DICTIONARY_BYTES);
  readonly output = shared(OUTPUT_BYTES);
}

function shared(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}

/** Deterministic parallel gzip. */
export class GzipCompressor implements Compressor {
  readonly #level: number;
  readonly #slots: number;
  readonly #output: CompressedOutput;
  readonly #deflate: Deflate;
  readonly #running: Promise<void>[] = [];
  readonly #idle: Slot[] = [];
  readonly #dictionary = new Uint8Array(DICTIONARY_BYTES);
  #written: Promise<void>;
  #slot = new Slot();
  #used = 0;
  #dictionaryBytes = 0;
  #crc = 0;
  #size = 0;

  constructor(
    level: number,
    jobs: number,
    output: CompressedOutput,
    deflate: Deflate = deflateInPool,
  ) {
    this.#level = level;
    this.#slots = Math.max(1, jobs) + AHEAD;
    this.#output = output;
    this.#deflate = deflate;
    this.#written = output(HEADER);
    this.#written.catch(() => undefined);
  }

  async take(chunk: Uint8Array): Promise<void> {
    this.#crc = zlib.crc32(chunk, this.#crc);
    this.#size += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#used);
      this.#slot.block.set(part, this.#used);
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

  /** Hands the block over; waits where all memory is on its way already. */
  async #startBlock(): Promise<void> {
    const slot = this.#slot;
    const { output } = slot;
    const start = DICTIONARY_BYTES - this.#dictionaryBytes;
    const deflated = this.#deflate({
      level: this.#level,
      input: slot.input.subarray(start, DICTIONARY_BYTES + this.#used),
      dictionaryBytes: this.#dictionaryBytes,
      output,
    });
    const written = this.#write(deflated.then((bytes) => output.subarray(0, bytes)));
    this.#running.push(written.then(() => void this.#idle.push(slot)));
    this.#running.at(-1)?.catch(() => undefined);
    // Now, before the memory may be used again. Only a full block is followed by another.
    this.#dictionary.set(slot.block.subarray(-DICTIONARY_BYTES));
    this.#slot = await this.#nextSlot();
    this.#slot.input.set(this.#dictionary);
    this.#dictionaryBytes = DICTIONARY_BYTES;
    this.#used = 0;
  }

  /** The oldest of so many is done before there is memory for one more. */
  async #nextSlot(): Promise<Slot> {
    if (this.#running.length >= this.#slots) await this.#running.shift();
    return this.#idle.pop() ?? new Slot();
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

const deflateRaw = promisify(
  zlib.deflateRaw as (
    input: Uint8Array,
    options: zlib.ZlibOptions,
    done: (error: Error | null, result: Buffer) => void,
  ) => void,
);

/** On Node's own thread pool: where there is too little for threads to be started. */
async function deflateInPool({
  level,
  input,
  dictionaryBytes,
  output,
}: DeflateJob): Promise<number> {
  const deflated = await deflateRaw(input.subarray(dictionaryBytes), {
    level,
    chunkSize: output.length,
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
    ...(dictionaryBytes === 0 ? {} : { dictionary: input.subarray(0, dictionaryBytes) }),
  });
  output.set(deflated);
  return deflated.length;
}
