// Content that came before it was wanted: in memory within a budget that all layers share, beyond it in a file that is made
// only then.
import { ShipperError } from '../core/errors.ts';
import type { Overflow, SequentialAccess } from '../image/image.ts';

/** What all layers of one image may hold in memory, in bytes. */
export const STASH_BYTES = 67_108_864;
/** What a part costs beside its bytes. */
const PART_BYTES = 256;
/** Read from the overflow at once. */
const CHUNK_BYTES = 262_144;

/** Memory that several may take from. */
export class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Whether there is so much left, which is then taken. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** Bytes in memory, or where they lie in the overflow. */
type Part = Uint8Array | { readonly position: number; readonly length: number };

/** One piece that waits; parts go as they are taken. */
interface Waiting {
  readonly parts: Part[];
  /** Offset in the layer of the first part. */
  offset: number;
}

/** The stash of one layer. Dispose it. */
export class Stash implements AsyncDisposable {
  readonly #layer: number;
  readonly #budget: Budget;
  readonly #openOverflow: SequentialAccess['openOverflow'];
  readonly #waiting = new Map<number, Waiting>();
  #overflow: Overflow | undefined;
  #memory = 0;

  constructor(layer: number, budget: Budget, openOverflow: SequentialAccess['openOverflow']) {
    this.#layer = layer;
    this.#budget = budget;
    this.#openOverflow = openOverflow;
  }

  /** Keeps the next bytes of a piece. `LIMIT_EXCEEDED` where they would need a file and none may be made. */
  async put(piece: number, offset: number, bytes: Uint8Array): Promise<void> {
    const waiting = this.#waiting.get(piece) ?? { parts: [], offset };
    this.#waiting.set(piece, waiting);
    if (this.#budget.take(bytes.length + PART_BYTES)) {
      this.#memory += bytes.length + PART_BYTES;
      // A copy: the chunk around may be far larger.
      waiting.parts.push(Uint8Array.from(bytes));
      return;
    }
    this.#overflow ??= await this.#makeOverflow();
    const position = await this.#overflow.append(bytes);
    const last = waiting.parts.at(-1);
    if (last !== undefined && 'position' in last && last.position + last.length === position) {
      waiting.parts.pop();
      waiting.parts.push({ position: last.position, length: last.length + bytes.length });
    } else waiting.parts.push({ position, length: bytes.length });
  }

  /** Bytes of a piece from `offset`, at least one and at most `length`; those before are let go of. */
  take(piece: number, offset: number, length: number): Uint8Array | undefined {
    const waiting = this.#waiting.get(piece);
    let first = waiting?.parts[0];
    while (waiting !== undefined && first !== undefined) {
      const end = waiting.offset + first.length;
      if (offset < end) {
        const skip = offset - waiting.offset;
        const bytes = this.#read(first, skip, Math.min(length, end - offset));
        if (bytes !== undefined && offset + bytes.length === end) this.#drop(piece, waiting);
        return bytes;
      }
      this.#drop(piece, waiting);
      first = waiting.parts[0];
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting.clear();
    this.#budget.give(this.#memory);
    this.#memory = 0;
    await this.#overflow?.[Symbol.asyncDispose]();
    this.#overflow = undefined;
  }

  #read(part: Part, skip: number, length: number): Uint8Array | undefined {
    if (!('position' in part)) return part.subarray(skip, skip + length);
    const buffer = Buffer.allocUnsafeSlow(Math.min(length, CHUNK_BYTES));
    const read = this.#overflow?.readSync(buffer, part.position + skip) ?? 0;
    return read === 0 ? undefined : buffer.subarray(0, read);
  }

  #drop(piece: number, waiting: Waiting): void {
    const part = waiting.parts.shift();
    if (part === undefined) return;
    waiting.offset += part.length;
    if (waiting.parts.length === 0) this.#waiting.delete(piece);
    if ('position' in part) return;
    this.#memory -= part.length + PART_BYTES;
    this.#budget.give(part.length + PART_BYTES);
  }

  async #makeOverflow(): Promise<Overflow> {
    if (this.#openOverflow !== undefined) return this.#openOverflow();
    throw new ShipperError(
      'LIMIT_EXCEEDED',
      'Cannot hold back the content of a layer: too much of it lies before what is written first, and no temporary file may be made',
      { layer: this.#layer, hint: 'Allow one with --spool compressed or --spool tar' },
    );
  }
}
