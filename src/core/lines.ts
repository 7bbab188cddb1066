// Lines of a stream that comes in chunks. They come from other programs and machines: every line may be endless or
// split anywhere, and none of it may fill our memory.

/** The longest line that is kept; what goes over it is dropped up to the next line end. */
export const LINE_CAP_BYTES = 1_048_576;

const NEWLINE = 0x0a;

/** One line, without its end. */
export interface Line {
  /** UTF-8, of at most {@link LINE_CAP_BYTES} bytes. */
  readonly text: string;
  /** Of the whole line. */
  readonly bytes: number;
  /** Whether `text` is less than that. */
  readonly isCut: boolean;
}

/** Splits chunks into lines. A buffer that grows, not a list of pieces: a line that comes byte by byte must not cost more. */
export class LineSplitter {
  #bytes = Buffer.alloc(4096);
  #kept = 0;
  #seen = 0;

  /** The lines that end in `chunk`. Take them all before the next call. */
  *split(chunk: Uint8Array): Generator<Line, void, undefined> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end));
      from = end + 1;
      yield this.#take();
    }
    this.#add(chunk.subarray(from));
  }

  /** A last line without an end; undefined where there is none. */
  last(): Line | undefined {
    return this.#seen === 0 ? undefined : this.#take();
  }

  #add(piece: Uint8Array): void {
    this.#seen += piece.length;
    const wanted = Math.min(piece.length, LINE_CAP_BYTES - this.#kept);
    if (wanted === 0) return;
    if (this.#kept + wanted > this.#bytes.length) {
      const size = Math.min(LINE_CAP_BYTES, Math.max(this.#bytes.length * 2, this.#kept + wanted));
      const grown = Buffer.alloc(size);
      grown.set(this.#bytes.subarray(0, this.#kept));
      this.#bytes = grown;
    }
    this.#bytes.set(piece.subarray(0, wanted), this.#kept);
    this.#kept += wanted;
  }

  #take(): Line {
    // Decoded as a whole, so that a character split over chunks is one again.
    const text = this.#bytes.toString('utf8', 0, this.#kept);
    const bytes = this.#seen;
    const isCut = this.#seen > this.#kept;
    this.#kept = 0;
    this.#seen = 0;
    return { text, bytes, isCut };
  }
}
