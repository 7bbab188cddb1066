// Drives the tar grammar over bytes that go by once.
import { bug } from '../core/errors.ts';
import { BLOCK, type Entry } from './entry.ts';
import { parseTar, type ReadRequest } from './parser.ts';

/** Answers are put together here; longer ones make it grow, to 1 MiB at most. */
const ANSWER_BYTES = 4096;
const NONE = Buffer.alloc(0);

/** What is told of a tar that goes by. */
export interface TarListener {
  /** What the grammar had asked for, in memory that is used again. */
  onAnswer?(bytes: Buffer): void;
  /** An entry, as soon as its header went by. */
  onEntry?(entry: Entry): void;
}

/** A tar that is fed in pieces of any length. Takes no more of it in than one answer. */
export class TarFeed {
  readonly #listener: TarListener;
  readonly #parser = parseTar();
  #answer = Buffer.allocUnsafeSlow(ANSWER_BYTES);
  /** Bytes of the answer that are here. */
  #have = 0;
  #position = 0;
  /** Undefined once the grammar wants no more: at the end mark, or where the tar is corrupt. */
  #request: ReadRequest | undefined;
  #isAtEnd = false;

  constructor(listener: TarListener = {}) {
    this.#listener = listener;
    this.#go(NONE);
  }

  /** Bytes that were given. */
  get size(): number {
    return this.#position;
  }

  /** Whether the end mark went by, both blocks of it. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Whether the grammar has refused what came. Who reads the tar at any position gets the same error, and can tell it. */
  get isCorrupt(): boolean {
    return this.#request === undefined && !this.#isAtEnd;
  }

  /** Takes the next bytes of the tar. */
  push(chunk: Uint8Array): void {
    const end = this.#position + chunk.length;
    for (let request = this.#request; request !== undefined; request = this.#request) {
      const from = request.at + this.#have;
      if (from < this.#position) throw bug('the tar grammar went back in a stream');
      const missing = request.length - this.#have;
      if (missing > 0 && from >= end) break;
      const start = from - this.#position;
      const part = chunk.subarray(start, start + missing);
      this.#answer.set(part, this.#have);
      this.#have += part.length;
      if (part.length < missing) break;
      this.#give();
    }
    this.#position = end;
  }

  /** Says that nothing follows. */
  finish(): void {
    // The grammar takes a short answer for the end of the bytes.
    while (this.#request !== undefined) this.#give();
  }

  #give(): void {
    const bytes = this.#answer.subarray(0, this.#have);
    this.#have = 0;
    this.#listener.onAnswer?.(bytes);
    this.#go(bytes);
  }

  /** Lets the grammar go on to its next request. */
  #go(bytes: Buffer): void {
    this.#request = undefined;
    try {
      let step = this.#parser.next(bytes);
      while (!step.done && step.value.kind === 'entry') {
        this.#listener.onEntry?.(step.value);
        step = this.#parser.next(NONE);
      }
      if (step.done) this.#isAtEnd = bytes.length === BLOCK;
      else if (step.value.kind === 'read') this.#request = step.value;
    } catch {
      // A reader at any position comes to the same point and throws the same, where somebody knows what to do with it.
      return;
    }
    const length = this.#request?.length ?? 0;
    if (length > this.#answer.length) this.#answer = Buffer.allocUnsafeSlow(length);
  }
}
