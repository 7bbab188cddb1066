// Walks the frames of a zstd stream (RFC 8878, 3.1) without decompressing: refuses windows that would take memory by
// claim, and tells a stream that ends in the middle.
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** What the next bytes are. */
type State = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block';

/** Checks the framing of a zstd stream given in pieces. */
export class ZstdFrames {
  #pending: number[] = [];
  #wanted = 4;
  #skip = 0;
  #state: State = 'magic';
  #descriptor = 0;
  #window = 0;
  #windowBytes = 0;

  /**
   * Bytes of windows that a decoder without a ring buffer has moved: a frame's window, once and for every block. An
   * attacker gets much of it for few bytes.
   */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /**
   * Takes the next bytes up to the end of a frame, or all; returns how many. Throws `BAD_COMPRESSION` or
   * `LIMIT_EXCEEDED`.
   */
  take(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        this.#skip -= step;
        at += step;
      } else {
        this.#pending.push(bytes[at] ?? 0);
        at += 1;
      }
      if (this.#skip === 0 && this.#pending.length === this.#wanted) this.#step();
      if (this.#isBetweenFrames()) break;
    }
    return at;
  }

  /** Throws when the stream cannot end here. */
  finish(): void {
    if (!this.#isBetweenFrames()) {
      throw new ShipperError('BAD_COMPRESSION', 'Cannot decompress zstd: the stream is cut short');
    }
  }

  #isBetweenFrames(): boolean {
    return this.#state === 'magic' && this.#pending.length === 0 && this.#skip === 0;
  }

  #step(): void {
    const field = this.#pending;
    this.#pending = [];
    switch (this.#state) {
      case 'magic':
        this.#magic(little(field));
        break;
      case 'skippable':
        this.#skip = little(field);
        this.#expect('magic', 4);
        break;
      case 'descriptor':
        this.#describe(field[0] ?? 0);
        break;
      case 'header':
        this.#checkWindow(field);
        this.#expect('block', 3);
        break;
      case 'block':
        this.#block(little(field));
        break;
    }
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
  }

  #magic(magic: number): void {
    if (magic === MAGIC) this.#expect('descriptor', 1);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) this.#expect('skippable', 4);
    else
      throw new ShipperError(
        'BAD_COMPRESSION',
        'Cannot decompress zstd: a frame has no magic number',
      );
  }

  #describe(descriptor: number): void {
    this.#descriptor = descriptor;
    const isSingle = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >>> 6;
    const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const headerBytes = (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (headerBytes === 0) this.#expect('block', 3);
    else this.#expect('header', headerBytes);
  }

  #checkWindow(header: readonly number[]): void {
    const isSingle = (this.#descriptor & 0x20) !== 0;
    const window = isSingle ? this.#contentSize(header) : windowSize(header[0] ?? 0);
    this.#window = window;
    this.#windowBytes += window;
    if (window > LIMITS.zstdWindowBytes) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot decompress zstd: a frame asks for a window of ${window} bytes, over ${LIMITS.zstdWindowBytes}`,
      );
    }
  }

  /** A single segment is its own window. */
  #contentSize(header: readonly number[]): number {
    const dictionaryBytes = [0, 1, 2, 4][this.#descriptor & 3] ?? 0;
    const size = little(header.slice(dictionaryBytes));
    return this.#descriptor >>> 6 === 1 ? size + 256 : size;
  }

  #block(header: number): void {
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === 3)
      throw new ShipperError(
        'BAD_COMPRESSION',
        'Cannot decompress zstd: a block is of no known type',
      );
    this.#windowBytes += this.#window;
    const isLast = (header & 1) === 1;
    const hasChecksum = (this.#descriptor & 4) !== 0;
    this.#skip = (type === 1 ? 1 : size) + (isLast && hasChecksum ? 4 : 0);
    this.#expect(isLast ? 'magic' : 'block', isLast ? 4 : 3);
  }
}

function little(bytes: readonly number[]): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}
