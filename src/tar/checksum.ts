// The checksum of a header block (POSIX.1, ustar): the sum of its bytes with spaces in the place of the checksum itself.
import { BLOCK } from './entry.ts';

/** Where the checksum stands in a block, and where it ends. */
export const CHECKSUM_AT = 148;
export const CHECKSUM_END = 156;

/** Of the block at `at`, bytes as unsigned numbers. */
export function checksumOf(bytes: Uint8Array, at: number): number {
  let own = 0;
  for (let i = at + CHECKSUM_AT; i < at + CHECKSUM_END; i += 1) own += bytes[i] ?? 0;
  return sumOfBlock(bytes, at) - own + (CHECKSUM_END - CHECKSUM_AT) * 0x20;
}

/** Four at a time; no view on words, since making one costs more than it saves. */
function sumOfBlock(bytes: Uint8Array, at: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = at; i < at + BLOCK; i += 4) {
    a += bytes[i] ?? 0;
    b += bytes[i + 1] ?? 0;
    c += bytes[i + 2] ?? 0;
    d += bytes[i + 3] ?? 0;
  }
  return a + b + c + d;
}
