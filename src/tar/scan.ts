// Reads the headers of a tar that can be read at any position, seeking past the content.
import { corrupt } from './corrupt.ts';
import type { Entry } from './entry.ts';
import { parseTar } from './parser.ts';

/** As `image/image.ts` has it; the codec needs no more. */
export interface TarBytes {
  readonly size: number;
  readSync(target: Uint8Array, position: number): number;
}

/** Small files lie close together, so that one read serves several headers. */
const WINDOW_BYTES = 131_072;
/** What is read first behind content that was skipped: a header, and the next if its file is small. */
const PEEK_BYTES = 4096;
/** A system call costs as much as copying so many bytes: content that is no longer is read and not skipped. */
const NEAR_BYTES = 32_768;
const NONE = Buffer.alloc(0);

/** The entries of a tar in their order. Reads while it is iterated; may be started again. */
export function scanTar(source: TarBytes): Generator<Entry, void, undefined> {
  const window = new ReadWindow(source);
  return readEntries(source.size, (at, length) => window.bytes(at, length));
}

/** Drives the grammar over a tar of `size` bytes. What `bytes` gives is used before it is called again. */
export function* readEntries(
  size: number,
  bytes: (at: number, length: number) => Buffer,
): Generator<Entry, void, undefined> {
  const parser = parseTar();
  let step = parser.next();
  while (!step.done) {
    const { value } = step;
    if (value.kind === 'read') step = parser.next(bytes(value.at, value.length));
    else {
      if (value.dataOffset + value.storedSize > size) {
        throw corrupt('the tar ends in the middle of the content', value.headerOffset);
      }
      yield value;
      step = parser.next(NONE);
    }
  }
}

/** Keeps the last bytes read, so that reading headers one by one is not a system call each. */
class ReadWindow {
  readonly #source: TarBytes;
  #buffer = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  #start = 0;
  #length = 0;

  constructor(source: TarBytes) {
    this.#source = source;
  }

  /** Valid until the next call. */
  bytes(at: number, length: number): Buffer {
    if (at < this.#start || at + length > this.#start + this.#length) this.#fill(at, length);
    const from = at - this.#start;
    return this.#buffer.subarray(from, Math.min(from + length, this.#length));
  }

  /** A whole window where the last one ended close by, little where much was skipped. */
  #fill(at: number, length: number): void {
    const isNear = at <= this.#start + this.#length + NEAR_BYTES;
    const wanted = Math.max(length, isNear ? WINDOW_BYTES : PEEK_BYTES);
    if (wanted > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(wanted);
    const target = this.#buffer.subarray(0, wanted);
    this.#start = at;
    this.#length = 0;
    while (this.#length < target.length) {
      const rest = this.#length === 0 ? target : target.subarray(this.#length);
      const read = this.#source.readSync(rest, at + this.#length);
      if (read === 0) break;
      this.#length += read;
    }
  }
}
