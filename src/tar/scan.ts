// Reads the headers of a tar that can be read at any position, seeking past the content.
import { corrupt } from './corrupt.ts';
import type { Entry } from './entry.ts';
import { parseTar } from './parser.ts';

/** As `image/image.ts` has it; the codec needs no more. */
export interface TarBytes {
  readonly size: number;
  readSync(target: Uint8Array, position: number): number;
}

/** Small files lie close together, so that one read serves several headers; large content is skipped. */
const WINDOW_BYTES = 65_536;
const NONE = new Uint8Array(0);

/** The entries of a tar in their order. Reads while it is iterated; may be started again. */
export function* scanTar(source: TarBytes): Generator<Entry, void, undefined> {
  const window = new ReadWindow(source);
  const parser = parseTar();
  let step = parser.next();
  while (!step.done) {
    const { value } = step;
    if (value.kind === 'read') step = parser.next(window.bytes(value.at, value.length));
    else {
      const { entry } = value;
      if (entry.dataOffset + entry.storedSize > source.size) {
        throw corrupt('the tar ends in the middle of the content', entry.headerOffset);
      }
      yield entry;
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
  bytes(at: number, length: number): Uint8Array {
    if (at < this.#start || at + length > this.#start + this.#length) this.#fill(at, length);
    const from = at - this.#start;
    return this.#buffer.subarray(from, Math.min(from + length, this.#length));
  }

  #fill(at: number, length: number): void {
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(length);
    this.#start = at;
    this.#length = 0;
    while (this.#length < this.#buffer.length) {
      const read = this.#source.readSync(this.#buffer.subarray(this.#length), at + this.#length);
      if (read === 0) break;
      this.#length += read;
    }
  }
}
