// Encodes an entry in the one canonical way (`flatten.md` 3): ustar, PAX records only for what does not fit, names as
// raw bytes, no user names, no times but mtime.
import { CHECKSUM_AT, CHECKSUM_END, checksumOf } from './checksum.ts';
import { BLOCK, type EntryHead, type EntryType, padded } from './entry.ts';
import { formatPaxRecord, formatPaxTime } from './pax.ts';

const TYPEFLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

const MAGIC = Buffer.from('ustar\x0000', 'latin1');
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
/** The name of an extension header means nothing; one for all keeps the bytes a function of the entry. */
const PAX_NAME = 'PaxHeaders.0/pax';

/** Deviations from the shortest form. */
export interface EncodeOptions {
  /** The size stands in a PAX record though it would fit, so that the header's length does not depend on it. */
  readonly forcePaxSize?: boolean;
  /** Memory to use where it is large enough: the header is then valid until the next call. Default: fresh memory. */
  readonly scratch?: Buffer;
}

/** The header blocks of an entry: one, or with PAX records three and more. */
export function encodeHeader(head: EntryHead, options: EncodeOptions = {}): Uint8Array {
  const path = storedPath(head);
  const split = splitName(path);
  const longPath = split === undefined ? path : undefined;
  const records = paxRecords(head, longPath, options.forcePaxSize);
  if (records === '') {
    const block = zeros(BLOCK, options.scratch);
    writeBlock(block, 0, head, split ?? ['', path]);
    return block;
  }
  const blocks = zeros(2 * BLOCK + padded(records.length), options.scratch);
  writeBlock(blocks, 0, plainFileHead('', records.length), ['', PAX_NAME], 'x');
  blocks.write(records, BLOCK, 'latin1');
  writeBlock(blocks, blocks.length - BLOCK, head, split ?? ['', path.slice(0, NAME_BYTES)]);
  return blocks;
}

function zeros(bytes: number, scratch: Buffer | undefined): Buffer {
  if (scratch === undefined || scratch.length < bytes) return Buffer.alloc(bytes);
  return scratch.subarray(0, bytes).fill(0);
}

/** Length of {@link encodeHeader}'s bytes, without making them. */
export function headerLength(head: EntryHead): number {
  const path = storedPath(head);
  const records = paxRecords(head, splitName(path) === undefined ? path : undefined);
  return records === '' ? BLOCK : 2 * BLOCK + padded(records.length);
}

/** Directories end in a slash; the root is `./`. */
function storedPath(head: EntryHead): string {
  if (head.type !== 'directory') return head.path;
  return `${head.path === '' ? '.' : head.path}/`;
}

/** Prefix and name as ustar has room for them, undefined where it has none (the rule of Go's archive/tar). */
function splitName(path: string): readonly [string, string] | undefined {
  if (path.length <= NAME_BYTES) return ['', path];
  let end = path.endsWith('/') ? path.length - 1 : path.length;
  end = Math.min(end, PREFIX_BYTES + 1);
  const slash = path.lastIndexOf('/', end - 1);
  const rest = path.length - slash - 1;
  if (slash <= 0 || rest === 0 || rest > NAME_BYTES || slash > PREFIX_BYTES) return undefined;
  return [path.slice(0, slash), path.slice(slash + 1)];
}

/** Records sorted by key, as bytes in a latin1 string; empty when ustar says it all. */
function paxRecords(head: EntryHead, longPath: string | undefined, forceSize = false): string {
  let records = '';
  if (head.xattrs !== undefined) {
    for (const [name, value] of head.xattrs)
      records += formatPaxRecord(`SCHILY.xattr.${name}`, value);
  }
  if (head.gid > MAX_OCTAL_7) records += formatPaxRecord('gid', String(head.gid));
  if (head.linkTarget.length > NAME_BYTES) records += formatPaxRecord('linkpath', head.linkTarget);
  if (head.mtimeNanos !== 0 || !fitsTime(head.mtimeSeconds)) {
    records += formatPaxRecord('mtime', formatPaxTime(head.mtimeSeconds, head.mtimeNanos));
  }
  if (longPath !== undefined) records += formatPaxRecord('path', longPath);
  if (forceSize || head.size > MAX_OCTAL_11) records += formatPaxRecord('size', String(head.size));
  if (head.uid > MAX_OCTAL_7) records += formatPaxRecord('uid', String(head.uid));
  return records;
}

function fitsTime(seconds: number): boolean {
  return seconds >= 0 && seconds <= MAX_OCTAL_11;
}

/** The head of a file that anybody may read, of no time and nobody: the same bytes wherever it is made. */
export function plainFileHead(path: string, size: number): EntryHead {
  return {
    type: 'file',
    path,
    linkTarget: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
}

/** One block of zeros becomes a header. A number that does not fit stands in a PAX record, and as 0 here. */
function writeBlock(
  target: Buffer,
  at: number,
  head: EntryHead,
  [prefix, name]: readonly [string, string],
  typeflag: string = TYPEFLAGS[head.type],
): void {
  target.write(name, at, 'latin1');
  writeOctal(target, at + 100, 7, head.mode);
  writeOctal(target, at + 108, 7, head.uid > MAX_OCTAL_7 ? 0 : head.uid);
  writeOctal(target, at + 116, 7, head.gid > MAX_OCTAL_7 ? 0 : head.gid);
  writeOctal(target, at + 124, 11, head.size > MAX_OCTAL_11 ? 0 : head.size);
  writeOctal(target, at + 136, 11, fitsTime(head.mtimeSeconds) ? head.mtimeSeconds : 0);
  target[at + 156] = typeflag.charCodeAt(0);
  if (head.linkTarget !== '')
    target.write(head.linkTarget.slice(0, NAME_BYTES), at + 157, 'latin1');
  for (let i = 0; i < MAGIC.length; i += 1) target[at + 257 + i] = MAGIC[i] ?? 0;
  writeDevice(target, at + 329, head.devMajor);
  writeDevice(target, at + 337, head.devMinor);
  if (prefix !== '') target.write(prefix, at + 345, 'latin1');
  writeChecksum(target, at);
}

/** `digits` octal digits and a NUL. */
function writeOctal(target: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i -= 1) {
    const next = Math.floor(rest / 8);
    target[i] = 0x30 + (rest - next * 8);
    rest = next;
  }
}

/** PAX has no key for device numbers, so what passes seven octal digits is base-256, which every reader takes. */
function writeDevice(target: Buffer, at: number, value: number): void {
  if (value <= MAX_OCTAL_7) {
    writeOctal(target, at, 7, value);
    return;
  }
  target[at] = 0x80;
  target.writeUInt32BE(value, at + 4);
}

/** Six octal digits, a NUL and a space. */
function writeChecksum(target: Buffer, at: number): void {
  writeOctal(target, at + CHECKSUM_AT, 6, checksumOf(target, at));
  target[at + CHECKSUM_END - 1] = 0x20;
}
