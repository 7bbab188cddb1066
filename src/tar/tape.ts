// The headers of a tar that went by as a stream, kept so that its entries can be read again. Only what the grammar asked
// for is kept, packed: the grammar asks for the same bytes in the same order each time, so that no positions are needed.
import { bug } from '../core/errors.ts';
import type { Entry } from './entry.ts';
import { TarFeed } from './feed.ts';
import { readEntries } from './scan.ts';

/** Makes bytes smaller and back; `blob` has one. */
export interface Packer {
  pack(bytes: Uint8Array): Uint8Array;
  /** The `size` bytes that were packed. Throws anything where these are none. */
  unpack(packed: Uint8Array, size: number): Uint8Array;
}

/** A part of a tape. */
export interface TapeBlock {
  /** Bytes before they were packed, at most {@link TAPE_BLOCK_BYTES}. */
  readonly size: number;
  readonly packed: Uint8Array;
}

/** As much as the longest answer that the grammar asks for: answers are never split. */
export const TAPE_BLOCK_BYTES = 1_048_576;
const NONE = Buffer.alloc(0);

/** What a tar's entries were read from. */
export class Tape {
  /** Of the whole tar, in bytes. */
  readonly size: number;
  readonly blocks: readonly TapeBlock[];
  readonly #packer: Packer;

  constructor(size: number, blocks: readonly TapeBlock[], packer: Packer) {
    this.size = size;
    this.blocks = blocks;
    this.#packer = packer;
  }

  /** The entries in their order, as `scanTar` gives them, its errors included. May be started any number of times. */
  entries(): Iterable<Entry> {
    return { [Symbol.iterator]: () => this.#replay() };
  }

  #replay(): Iterator<Entry> {
    let next = 0;
    let block: Buffer = NONE;
    let used = 0;
    return readEntries(this.size, (at, length) => {
      const wanted = Math.max(0, Math.min(length, this.size - at));
      if (wanted === 0) return NONE;
      if (used === block.length) {
        block = this.#unpack(next);
        next += 1;
        used = 0;
      }
      if (used + wanted > block.length) throw bug('the headers of a layer were kept wrongly');
      used += wanted;
      return block.subarray(used - wanted, used);
    });
  }

  #unpack(index: number): Buffer {
    const block = this.blocks[index];
    if (block === undefined) throw bug('the headers of a layer were not kept to their end');
    const bytes = this.#packer.unpack(block.packed, block.size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Records the tape of a tar whose bytes go by once. */
export class TapeRecorder {
  readonly #packer: Packer;
  readonly #feed = new TarFeed({ onAnswer: (bytes) => this.#keep(bytes) });
  readonly #blocks: TapeBlock[] = [];
  readonly #block = Buffer.allocUnsafeSlow(TAPE_BLOCK_BYTES);
  #used = 0;

  constructor(packer: Packer) {
    this.#packer = packer;
  }

  /** Takes the next bytes of the tar. */
  push(chunk: Uint8Array): void {
    this.#feed.push(chunk);
  }

  /** The tape, when all bytes of the tar were given. */
  finish(): Tape {
    this.#feed.finish();
    this.#flush();
    return new Tape(this.#feed.size, this.#blocks, this.#packer);
  }

  #keep(answer: Uint8Array): void {
    if (this.#used + answer.length > TAPE_BLOCK_BYTES) this.#flush();
    this.#block.set(answer, this.#used);
    this.#used += answer.length;
  }

  #flush(): void {
    if (this.#used === 0) return;
    const packed = this.#packer.pack(this.#block.subarray(0, this.#used));
    this.#blocks.push({ size: this.#used, packed });
    this.#used = 0;
  }
}
