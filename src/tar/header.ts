// Decodes one 512-byte tar header: v7, ustar, GNU and star. Follows Go's archive/tar where formats leave room, since
// that is what every engine reads with.
import { CHECKSUM_AT, CHECKSUM_END, checksumOf } from './checksum.ts';
import { corrupt } from './corrupt.ts';
import { BLOCK, type Entry } from './entry.ts';

/** Dialect of a header block. */
export type TarFormat = 'v7' | 'ustar' | 'gnu' | 'star';

/**
 * An entry while its headers are read: one object from the first block to the last reader, since entries come by the
 * million.
 */
export type EntryDraft = { -readonly [K in keyof Entry]: Entry[K] } & {
  /** Kind of entry as stored; an extension header has one of its own. */
  readonly typeflag: string;
};

/** Whether a block is all zeros. */
export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < BLOCK; i += 1) if (block[i] !== 0) return false;
  return true;
}

/** Decodes a block that is not zero; `offset` is for messages. The type is still to be decided. */
export function decodeHeader(block: Buffer, offset: number): EntryDraft {
  checkChecksum(block, offset);
  const format = formatOf(block);
  const extended = format !== 'v7';
  return {
    kind: 'entry',
    typeflag: String.fromCharCode(block[156] ?? 0),
    type: 'file',
    path: fullName(block, format),
    linkTarget: text(block, 157, 100),
    mode: parseNumber(block, 100, 8, 'mode', offset) & 0o7777,
    uid: parseNumber(block, 108, 8, 'uid', offset),
    gid: parseNumber(block, 116, 8, 'gid', offset),
    size: parseNumber(block, 124, 12, 'size', offset),
    mtimeSeconds: parseNumber(block, 136, 12, 'mtime', offset),
    mtimeNanos: 0,
    devMajor: extended ? parseNumber(block, 329, 8, 'device major', offset) : 0,
    devMinor: extended ? parseNumber(block, 337, 8, 'device minor', offset) : 0,
    xattrs: undefined,
    headerOffset: offset,
    dataOffset: offset + BLOCK,
    storedSize: 0,
    sparse: undefined,
    unknownKeys: undefined,
    governedByGlobal: false,
  };
}

function formatOf(block: Buffer): TarFormat {
  if (hasBytes(block, 257, GNU_MAGIC)) return 'gnu';
  if (!hasBytes(block, 257, USTAR_MAGIC)) return 'v7';
  return hasBytes(block, 508, STAR_TRAILER) ? 'star' : 'ustar';
}

const GNU_MAGIC = Buffer.from('ustar  \0', 'latin1');
const USTAR_MAGIC = Buffer.from('ustar\0', 'latin1');
const STAR_TRAILER = Buffer.from('tar\0', 'latin1');

/** Byte by byte: a string for each of a million blocks would cost more than all else in them. */
function hasBytes(block: Buffer, at: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i += 1) if (block[at + i] !== expected[i]) return false;
  return true;
}

function fullName(block: Buffer, format: TarFormat): string {
  const name = text(block, 0, 100);
  if (format !== 'ustar' && format !== 'star') return name;
  const prefix = text(block, 345, format === 'star' ? 131 : 155);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** A field up to its first NUL. */
function text(block: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && block[end] !== 0) end += 1;
  return end === at ? '' : block.toString('latin1', at, end);
}

/** Both sums that tar writers have used: bytes as unsigned, and as signed, numbers. */
function checkChecksum(block: Buffer, offset: number): void {
  const claimed = parseNumber(block, CHECKSUM_AT, 8, 'checksum', offset);
  if (claimed === checksumOf(block, 0) || claimed === signedSum(block)) return;
  throw corrupt('the checksum does not match', offset);
}

function signedSum(block: Buffer): number {
  let negatives = 0;
  for (let i = 0; i < BLOCK; i += 1) {
    const isOwn = i >= CHECKSUM_AT && i < CHECKSUM_END;
    if (!isOwn && (block[i] ?? 0) > 127) negatives += 1;
  }
  return checksumOf(block, 0) - 256 * negatives;
}

const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/** Octal text, or base-256 where the first bit is set (GNU). */
function parseNumber(
  block: Buffer,
  at: number,
  length: number,
  what: string,
  offset: number,
): number {
  if (((block[at] ?? 0) & 0x80) !== 0) return parseBase256(block, at, length, what, offset);
  let from = at;
  let to = at + length;
  while (from < to && (block[from] === SPACE || block[from] === 0)) from += 1;
  while (to > from && (block[to - 1] === SPACE || block[to - 1] === 0)) to -= 1;
  let value = 0;
  for (let i = from; i < to; i += 1) {
    const byte = block[i] ?? 0;
    if (byte === 0) break;
    if (byte < ZERO || byte > SEVEN) throw corrupt(`${what} is not an octal number`, offset);
    value = value * 8 + (byte - ZERO);
  }
  return value;
}

/** Two's complement, big-endian, the first bit being the mark and the second the sign. */
function parseBase256(
  block: Buffer,
  at: number,
  length: number,
  what: string,
  offset: number,
): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = 0n;
  for (let i = at; i < at + length; i += 1) {
    const byte = BigInt(i === at ? (block[i] ?? 0) & 0x7f : (block[i] ?? 0));
    value = value * 256n + byte;
  }
  if (negative) value -= 1n << BigInt(length * 8 - 1);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw corrupt(`${what} is out of range`, offset);
  return result;
}
