// A byte-exact tar builder for tests: ordinary archives in every dialect, and hostile ones. It shares nothing with
// `src/tar`. Every text is a latin1 string, one character per byte.

/** Bytes given as a latin1 string or as they are. */
export type Bytes = string | Uint8Array;

/** A header number: encoded for its field, or raw bytes if it is a string. */
export type RawNumber = number | bigint | string;

/** How the magic field looks. */
export type Magic = 'ustar' | 'gnu' | 'v7' | 'star';

/** One header block. What is left out is zero or empty; strings go in as they are. */
export interface HeaderFields {
  readonly name?: string;
  readonly mode?: RawNumber;
  readonly uid?: RawNumber;
  readonly gid?: RawNumber;
  readonly size?: RawNumber;
  readonly mtime?: RawNumber;
  /** Raw checksum field; the right one is computed if it is left out. */
  readonly checksum?: string;
  readonly typeflag?: string;
  readonly linkname?: string;
  readonly magic?: Magic;
  readonly uname?: string;
  readonly gname?: string;
  readonly devmajor?: RawNumber;
  readonly devminor?: RawNumber;
  readonly prefix?: string;
  /** Raw bytes put at an offset at the very end, before the checksum is computed. */
  readonly patches?: readonly (readonly [offset: number, bytes: string])[];
}

/** What an entry is. */
export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

/** The dialect of an entry. `pax-all` writes a record for every field, as bsdtar and others may. */
export type TarFormat = 'v7' | 'ustar' | 'gnu' | 'pax' | 'pax-all';

/** Attributes of an entry. */
export interface EntryAttributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeNs?: bigint;
  readonly xattrs?: Iterable<readonly [name: string, value: string]>;
  readonly uname?: string;
  readonly gname?: string;
}

/** An ordinary entry. */
export interface EntrySpec extends EntryAttributes {
  readonly name: string;
  readonly type: EntryType;
  readonly body?: Bytes;
  readonly linkname?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Default `ustar` where the entry fits, else `pax`. */
  readonly format?: TarFormat;
  /** Raw PAX records put before the others; their presence makes an `x` header. */
  readonly records?: string;
}

/** A run of data in a sparse file. */
export interface Segment {
  readonly offset: number;
  readonly data: string;
}

/** How a tar ends. */
export interface TarEnd {
  /** Zero blocks at the end, default 2. */
  readonly zeroBlocks?: number;
  /** Raw bytes after them. */
  readonly trailing?: Bytes;
}

const BLOCK = 512;
const SECOND = 1_000_000_000n;
const MAX_ID = 0o7777777;
const MAX_ELEVEN = 0o77777777777n;

const TYPEFLAGS: Readonly<Record<EntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
};

const MAGICS: Readonly<Record<Magic, string>> = {
  ustar: 'ustar\x0000',
  gnu: 'ustar  \x00',
  v7: '',
  star: 'ustar\x0000',
};

/** Field offsets and widths of a header block. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const;

/** The bytes of a latin1 string or of bytes. */
export function bytesOf(value: Bytes): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value);
}

/** The latin1 string of the UTF-8 bytes of a text. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** `value` in octal, zero padded, with a NUL at the end. */
export function octal(value: number | bigint, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

/** `value` as GNU's base-256 number, two's complement. */
export function base256(value: number | bigint, width: number): string {
  const bits = BigInt(width * 8);
  const whole = BigInt.asUintN(Number(bits), BigInt(value));
  const raw = Buffer.from(whole.toString(16).padStart(width * 2, '0'), 'hex');
  raw[0] = BigInt(value) < 0n ? 0xff : 0x80 | (raw[0] ?? 0);
  return raw.toString('latin1');
}

/** One header block with exactly these fields. */
export function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (field: keyof typeof FIELDS, text: string): void => {
    const [offset, width] = FIELDS[field];
    block.write(text.slice(0, width), offset, 'latin1');
  };
  put('name', fields.name ?? '');
  put('mode', numberText(fields.mode, 8));
  put('uid', numberText(fields.uid, 8));
  put('gid', numberText(fields.gid, 8));
  put('size', numberText(fields.size, 12));
  put('mtime', numberText(fields.mtime, 12));
  put('typeflag', fields.typeflag ?? '0');
  put('linkname', fields.linkname ?? '');
  put('magic', MAGICS[fields.magic ?? 'ustar']);
  put('uname', fields.uname ?? '');
  put('gname', fields.gname ?? '');
  if (fields.magic !== 'v7') {
    put('devmajor', numberText(fields.devmajor, 8));
    put('devminor', numberText(fields.devminor, 8));
  }
  put('prefix', fields.prefix ?? '');
  if (fields.magic === 'star') block.write('tar\0', 508, 'latin1');
  for (const [offset, text] of fields.patches ?? []) block.write(text, offset, 'latin1');
  put('checksum', fields.checksum ?? checksumText(block));
  return block;
}

/** Bytes with zeros up to a whole block. */
export function padded(bytes: Bytes): Buffer {
  const data = bytesOf(bytes);
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}

/** A header block and its padded body; the size field is right unless it is given. */
export function rawEntry(fields: HeaderFields, body: Bytes = ''): Buffer {
  const data = bytesOf(body);
  return Buffer.concat([header({ size: data.length, ...fields }), padded(data)]);
}

/** One well-formed PAX record. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** Well-formed PAX records, in order. */
export function paxRecords(records: Iterable<readonly [key: string, value: string]>): string {
  let text = '';
  for (const [key, value] of records) text += paxRecord(key, value);
  return text;
}

/** An `x` header with these raw records. */
export function paxHeader(rawRecords: string, fields: HeaderFields = {}): Buffer {
  return rawEntry({ name: 'PaxHeaders/entry', mode: 0o644, typeflag: 'x', ...fields }, rawRecords);
}

/** A `g` header with these raw records. */
export function paxGlobal(rawRecords: string, fields: HeaderFields = {}): Buffer {
  return rawEntry({ name: 'pax_global_header', mode: 0o666, typeflag: 'g', ...fields }, rawRecords);
}

/** A GNU long name (`L`) or long link name (`K`). */
export function gnuLong(kind: 'L' | 'K', text: string): Buffer {
  return rawEntry({ name: '././@LongLink', typeflag: kind, magic: 'gnu' }, `${text}\0`);
}

/** An ordinary entry with the extension headers that its dialect needs. */
export function entry(spec: EntrySpec): Buffer {
  const format = spec.format ?? 'ustar';
  if (!fits(spec, format)) return paxEntry(spec, false);
  if (format === 'gnu') return gnuEntry(spec);
  if (format === 'pax' || format === 'pax-all') return paxEntry(spec, format === 'pax-all');
  return plainEntry(spec, format);
}

/** Whether a dialect can carry all of an entry. */
export function fits(spec: EntrySpec, format: TarFormat): boolean {
  if (format === 'pax' || format === 'pax-all') return true;
  if (spec.records !== undefined || hasAny(spec.xattrs)) return false;
  if ((spec.mtimeNs ?? 0n) % SECOND !== 0n) return false;
  if (format === 'gnu') return true;
  const seconds = (spec.mtimeNs ?? 0n) / SECOND;
  if (seconds < 0n || seconds > MAX_ELEVEN) return false;
  if ((spec.uid ?? 0) > MAX_ID || (spec.gid ?? 0) > MAX_ID) return false;
  if ((spec.linkname ?? '').length > 100) return false;
  if (format === 'ustar') return splitName(spec.name) !== undefined;
  return spec.name.length < 100 && !['char', 'block', 'fifo'].includes(spec.type);
}

/** Joins entries to a tar. */
export function tar(parts: Iterable<Uint8Array>, end: TarEnd = {}): Buffer {
  const zeros = Buffer.alloc(BLOCK * (end.zeroBlocks ?? 2));
  return Buffer.concat([...parts, zeros, bytesOf(end.trailing ?? '')]);
}

/** A tar of ordinary entries. */
export function tarOf(...specs: readonly EntrySpec[]): Buffer {
  return tar(specs.map(entry));
}

/** A sparse file of the old GNU form (typeflag `S`, map in the header and in extension blocks). */
export function sparseOld(
  name: string,
  realSize: RawNumber,
  segments: readonly Segment[],
  fields: HeaderFields = {},
): Buffer {
  const pairs = segments.map((s) => numberText(s.offset, 12) + numberText(s.data.length, 12));
  const blocks: Buffer[] = [];
  for (let at = 4; at < pairs.length; at += 21) {
    const block = Buffer.alloc(BLOCK);
    block.write(pairs.slice(at, at + 21).join(''), 'latin1');
    block[504] = at + 21 < pairs.length ? 1 : 0;
    blocks.push(block);
  }
  const data = segments.map((s) => s.data).join('');
  const patches: [number, string][] = [
    [386, pairs.slice(0, 4).join('')],
    [482, pairs.length > 4 ? '\x01' : '\0'],
    [483, numberText(realSize, 12)],
  ];
  const block = header({
    name,
    mode: 0o644,
    magic: 'gnu',
    typeflag: 'S',
    size: data.length,
    ...fields,
    patches: [...patches, ...(fields.patches ?? [])],
  });
  return Buffer.concat([block, ...blocks, padded(data)]);
}

/** A sparse file of PAX form 0.0: the map as repeated records. */
export function sparse00(
  name: string,
  realSize: number | string,
  segments: readonly Segment[],
): Buffer {
  const map = segments.flatMap((s): [string, string][] => [
    ['GNU.sparse.offset', String(s.offset)],
    ['GNU.sparse.numbytes', String(s.data.length)],
  ]);
  const records = paxRecords([
    ['GNU.sparse.size', String(realSize)],
    ['GNU.sparse.numblocks', String(segments.length)],
    ...map,
  ]);
  const body = segments.map((s) => s.data).join('');
  return Buffer.concat([paxHeader(records), rawEntry({ name, mode: 0o644 }, body)]);
}

/** A sparse file of PAX form 0.1: the map as one record, the name as another. */
export function sparse01(
  name: string,
  realSize: number | string,
  segments: readonly Segment[],
): Buffer {
  const records = paxRecords([
    ['GNU.sparse.size', String(realSize)],
    ['GNU.sparse.numblocks', String(segments.length)],
    ['GNU.sparse.name', name],
    ['GNU.sparse.map', segments.map((s) => `${s.offset},${s.data.length}`).join(',')],
  ]);
  const body = segments.map((s) => s.data).join('');
  const stand = { name: `./GNUSparseFile.1/${name}`, mode: 0o644 };
  return Buffer.concat([paxHeader(records), rawEntry(stand, body)]);
}

/** A sparse file of PAX form 1.0: the map at the start of the body. */
export function sparse10(
  name: string,
  realSize: number | string,
  segments: readonly Segment[],
  rawMap?: string,
): Buffer {
  const records = paxRecords([
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', name],
    ['GNU.sparse.realsize', String(realSize)],
  ]);
  const map = segments.map((s) => `${s.offset}\n${s.data.length}\n`).join('');
  const head = padded(rawMap ?? `${segments.length}\n${map}`);
  const body = Buffer.concat([head, bytesOf(segments.map((s) => s.data).join(''))]);
  const stand = { name: `./GNUSparseFile.1/${name}`, mode: 0o644 };
  return Buffer.concat([paxHeader(records), rawEntry(stand, body)]);
}

/** Nanoseconds as PAX writes a time: `-1.5` is one and a half seconds before the epoch. */
export function paxTime(ns: bigint): string {
  const sign = ns < 0n ? '-' : '';
  const whole = ns < 0n ? -ns : ns;
  const fraction = (whole % SECOND).toString().padStart(9, '0').replace(/0+$/, '');
  return `${sign}${whole / SECOND}${fraction === '' ? '' : `.${fraction}`}`;
}

/** A ustar name field and prefix, or undefined where the name fits neither. */
export function splitName(name: string): { name: string; prefix: string } | undefined {
  if (name.length <= 100) return { name, prefix: '' };
  for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
    const rest = name.length - at - 1;
    if (at > 0 && at <= 155 && rest <= 100 && rest > 0) {
      return { name: name.slice(at + 1), prefix: name.slice(0, at) };
    }
  }
  return undefined;
}

function numberText(value: RawNumber | undefined, width: number): string {
  if (typeof value === 'string') return value;
  const whole = BigInt(value ?? 0);
  const text = octal(whole < 0n ? 0n : whole, width);
  return whole >= 0n && text.length <= width ? text : base256(whole, width);
}

function checksumText(block: Buffer): string {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at += 1) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return `${sum.toString(8).padStart(6, '0')}\0 `;
}

function hasAny(items: Iterable<unknown> | undefined): boolean {
  return items !== undefined && [...items].length > 0;
}

/** The header fields that all dialects share. */
function fieldsOf(spec: EntrySpec): HeaderFields {
  return {
    name: spec.name,
    mode: spec.mode ?? defaultMode(spec.type),
    uid: spec.uid ?? 0,
    gid: spec.gid ?? 0,
    mtime: floorSeconds(spec.mtimeNs ?? 0n),
    typeflag: TYPEFLAGS[spec.type],
    linkname: spec.linkname ?? '',
    uname: spec.uname ?? '',
    gname: spec.gname ?? '',
    devmajor: spec.major ?? 0,
    devminor: spec.minor ?? 0,
  };
}

function defaultMode(type: EntryType): number {
  if (type === 'dir') return 0o755;
  return type === 'symlink' ? 0o777 : 0o644;
}

function floorSeconds(ns: bigint): bigint {
  return ns < 0n ? -((-ns + SECOND - 1n) / SECOND) : ns / SECOND;
}

function plainEntry(spec: EntrySpec, format: 'v7' | 'ustar'): Buffer {
  const fields = fieldsOf(spec);
  if (format === 'ustar') {
    return rawEntry({ ...fields, ...splitName(spec.name) }, spec.body);
  }
  const typeflag = spec.type === 'file' || spec.type === 'dir' ? '\0' : TYPEFLAGS[spec.type];
  const name = spec.type === 'dir' && !spec.name.endsWith('/') ? `${spec.name}/` : spec.name;
  return rawEntry({ ...fields, name, typeflag, magic: 'v7', uname: '', gname: '' }, spec.body);
}

function gnuEntry(spec: EntrySpec): Buffer {
  const parts: Buffer[] = [];
  const linkname = spec.linkname ?? '';
  if (linkname.length > 100) parts.push(gnuLong('K', linkname));
  if (spec.name.length > 100) parts.push(gnuLong('L', spec.name));
  parts.push(rawEntry({ ...fieldsOf(spec), magic: 'gnu' }, spec.body));
  return Buffer.concat(parts);
}

function paxEntry(spec: EntrySpec, all: boolean): Buffer {
  const fields = fieldsOf(spec);
  const mtimeNs = spec.mtimeNs ?? 0n;
  const uid = spec.uid ?? 0;
  const gid = spec.gid ?? 0;
  const linkname = spec.linkname ?? '';
  const records: [string, string][] = [];
  if (all || spec.name.length > 100) records.push(['path', spec.name]);
  if ((all && linkname !== '') || linkname.length > 100) records.push(['linkpath', linkname]);
  if (all || uid > MAX_ID) records.push(['uid', String(uid)]);
  if (all || gid > MAX_ID) records.push(['gid', String(gid)]);
  const seconds = mtimeNs / SECOND;
  if (all || mtimeNs < 0n || mtimeNs % SECOND !== 0n || seconds > MAX_ELEVEN) {
    records.push(['mtime', paxTime(mtimeNs)]);
  }
  if (all) records.push(['atime', '1700000000.5'], ['ctime', '1700000001.25'], ['uname', 'joe']);
  for (const [name, value] of spec.xattrs ?? []) records.push([`SCHILY.xattr.${name}`, value]);
  const raw = (spec.records ?? '') + paxRecords(records);
  const stand = {
    ...fields,
    uid: uid > MAX_ID ? 0 : uid,
    gid: gid > MAX_ID ? 0 : gid,
    mtime: seconds < 0n || seconds > MAX_ELEVEN ? 0 : seconds,
  };
  const main = rawEntry(stand, spec.body);
  return raw === '' ? main : Buffer.concat([paxHeader(raw), main]);
}
