// The four GNU sparse forms: old (typeflag S), PAX 0.0 and 0.1 (map in the header), PAX 1.0 (map in front of the data).
// They give one map; the output never is sparse (`flatten.md` 2).
import { LIMITS } from '../core/limits.ts';
import { corrupt, overLimit } from './corrupt.ts';
import { BLOCK, type SparseMap } from './entry.ts';

/** Collects the extents of one file and checks them as they come. */
export class SparseMapBuilder {
  readonly #pairs: number[] = [];
  readonly #offset: number;
  #end = 0;
  #stored = 0;

  constructor(headerOffset: number) {
    this.#offset = headerOffset;
  }

  add(offset: number, length: number): void {
    if (this.#pairs.length >= 2 * LIMITS.sparseExtents) {
      throw overLimit(`the sparse map has more than ${LIMITS.sparseExtents} extents`, this.#offset);
    }
    const end = offset + length;
    if (!Number.isSafeInteger(end) || offset < this.#end) {
      throw corrupt('the sparse map is out of order or overlaps', this.#offset);
    }
    this.#pairs.push(offset, length);
    this.#end = end;
    this.#stored += length;
  }

  get extents(): number {
    return this.#pairs.length / 2;
  }

  /** The map of a file of `size` bytes that has `stored` bytes of data. */
  finish(size: number, stored: number): SparseMap {
    if (this.#end > size) throw corrupt('the sparse map ends behind the file', this.#offset);
    if (this.#stored !== stored) {
      throw corrupt('the sparse map does not match the stored data', this.#offset);
    }
    return Float64Array.from(this.#pairs);
  }
}

/** Format 0.1: `offset,length,offset,length…`. */
export function addListedExtents(list: string, map: SparseMapBuilder, headerOffset: number): void {
  if (list === '') return;
  const numbers = list.split(',');
  if (numbers.length % 2 !== 0) throw corrupt('the sparse map is not in pairs', headerOffset);
  for (let i = 0; i < numbers.length; i += 2) {
    map.add(decimal(numbers[i], headerOffset), decimal(numbers[i + 1], headerOffset));
  }
}

/** A non-negative decimal number. */
export function decimal(text: string | undefined, headerOffset: number): number {
  const value = text !== undefined && /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw corrupt('the sparse map holds no number', headerOffset);
  return value;
}

/** What an old GNU header or its extension block says: extents, and whether an extension block follows. */
export function addOldExtents(
  block: Uint8Array,
  at: number,
  count: number,
  map: SparseMapBuilder,
  headerOffset: number,
): boolean {
  for (let i = 0; i < count; i += 1) {
    const start = at + i * 24;
    if (block[start] === 0) break;
    map.add(oldNumber(block, start, headerOffset), oldNumber(block, start + 12, headerOffset));
  }
  return block[at + count * 24] === 1;
}

/** Real size field of an old GNU sparse header. */
export function oldRealSize(block: Uint8Array, headerOffset: number): number {
  return oldNumber(block, 483, headerOffset);
}

/** Twelve bytes: octal text or base-256. */
function oldNumber(block: Uint8Array, at: number, headerOffset: number): number {
  let value = 0;
  const binary = ((block[at] ?? 0) & 0x80) !== 0;
  for (let i = at; i < at + 12; i += 1) {
    const byte = block[i] ?? 0;
    if (binary) value = value * 256 + (i === at ? byte & 0x7f : byte);
    else if (byte === 0 || byte === 0x20) {
      if (value > 0) break;
    } else if (byte < 0x30 || byte > 0x37) {
      throw corrupt('the sparse map holds no number', headerOffset);
    } else value = value * 8 + (byte - 0x30);
  }
  if (!Number.isSafeInteger(value)) throw corrupt('the sparse map is out of range', headerOffset);
  return value;
}

/** Reads the decimal lines of format 1.0 from blocks as they come. */
export class LeadingMapReader {
  readonly #map: SparseMapBuilder;
  readonly #headerOffset: number;
  #pending = '';
  #count: number | undefined;
  #half: number | undefined;
  /** Bytes of map read so far, in whole blocks. */
  bytes = 0;

  constructor(map: SparseMapBuilder, headerOffset: number) {
    this.#map = map;
    this.#headerOffset = headerOffset;
  }

  /** Takes one block; returns whether the map is complete. */
  take(block: string): boolean {
    this.bytes += BLOCK;
    this.#pending += block;
    while (!this.#complete()) {
      const newline = this.#pending.indexOf('\n');
      if (newline < 0) {
        if (this.#pending.length > 2 * BLOCK) decimal(undefined, this.#headerOffset);
        return false;
      }
      this.#number(decimal(this.#pending.slice(0, newline), this.#headerOffset));
      this.#pending = this.#pending.slice(newline + 1);
    }
    return true;
  }

  #complete(): boolean {
    return this.#count !== undefined && this.#map.extents >= this.#count;
  }

  #number(value: number): void {
    if (this.#count === undefined) {
      if (value > LIMITS.sparseExtents) {
        throw overLimit(`the sparse map claims ${value} extents`, this.#headerOffset);
      }
      this.#count = value;
    } else if (this.#half === undefined) this.#half = value;
    else {
      this.#map.add(this.#half, value);
      this.#half = undefined;
    }
  }
}
