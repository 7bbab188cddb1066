// What a container writes, as an engine sends it: frames of eight bytes and a payload, or the bytes of a terminal as they are
// (moby pkg/stdcopy). A payload is passed on as it comes, so that no length in a header can take memory.
import type { ShipperError } from '../core/errors.ts';
import { type Line, LineSplitter } from '../core/lines.ts';
import type { LogLine } from './containers.ts';

const HEADER_BYTES = 8;

/** Splits chunks of an answer into lines. A line that is too long (1 MiB) is cut. */
export class FrameLines {
  readonly #isRaw: boolean;
  readonly #fail: (state: string) => ShipperError;
  readonly #out = new LineSplitter();
  readonly #error = new LineSplitter();
  readonly #system = new LineSplitter();
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #leftBytes = 0;

  /** `isRaw`: of a container with a terminal. `fail` makes the error for what the engine says of its own. */
  constructor(isRaw: boolean, fail: (state: string) => ShipperError) {
    this.#isRaw = isRaw;
    this.#fail = fail;
  }

  /** The lines that end in `chunk`. Take them all before the next call. Throws what `fail` makes. */
  *take(chunk: Uint8Array): Generator<LogLine, void, undefined> {
    if (this.#isRaw) {
      for (const line of this.#out.split(chunk)) yield logLine('stdout', line);
      return;
    }
    for (let at = 0; at < chunk.length; ) {
      if (this.#leftBytes === 0) {
        at += this.#readHeader(chunk.subarray(at));
        continue;
      }
      const piece = chunk.subarray(at, at + this.#leftBytes);
      at += piece.length;
      this.#leftBytes -= piece.length;
      yield* this.#payload(piece);
    }
  }

  /** Lines without an end. Throws what `fail` makes. */
  *end(): Generator<LogLine, void, undefined> {
    const system = this.#system.last();
    if (system !== undefined) throw this.#fail(system.text);
    const out = this.#out.last();
    if (out !== undefined) yield logLine('stdout', out);
    const error = this.#error.last();
    if (error !== undefined) yield logLine('stderr', error);
  }

  #readHeader(chunk: Uint8Array): number {
    const taken = chunk.subarray(0, HEADER_BYTES - this.#headerBytes);
    this.#header.set(taken, this.#headerBytes);
    this.#headerBytes += taken.length;
    if (this.#headerBytes < HEADER_BYTES) return taken.length;
    this.#headerBytes = 0;
    // 0 is stdin, which a terminal echoes; 3 is the engine's own word.
    if ((this.#header[0] ?? 0) > 3) throw this.#fail('the answer is not a log');
    this.#leftBytes = this.#header.readUInt32BE(4);
    return taken.length;
  }

  *#payload(piece: Uint8Array): Generator<LogLine, void, undefined> {
    switch (this.#header[0]) {
      case 2:
        for (const line of this.#error.split(piece)) yield logLine('stderr', line);
        return;
      case 3:
        for (const { text } of this.#system.split(piece)) throw this.#fail(text);
        return;
      default:
        for (const line of this.#out.split(piece)) yield logLine('stdout', line);
    }
  }
}

/** A terminal ends its lines with a carriage return too. */
function logLine(stream: LogLine['stream'], { text }: Line): LogLine {
  return { stream, text: text.endsWith('\r') ? text.slice(0, -1) : text };
}
