// An independent, strict reader of flat layers: it shares nothing with `src/tar` and asserts every rule of
// `flatten.md` 1 (R8) and 3 while it reads. Names and values are latin1 strings, one character per byte.

/** What a node of a flat layer is. */
export type NodeType = 'file' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

/** One inode of a flat layer; all names of a hard-link group share the object. */
export interface FlatNode {
  readonly type: NodeType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** The text of a symlink. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  /** Every path of the inode, in the order of the tar. */
  readonly names: readonly string[];
}

/** Paths without a leading or trailing slash, in the order of the tar; the root's own entry is `.`. */
export type FlatTree = Map<string, FlatNode>;

/** Thrown where the output breaks a rule; a plain error so that it is never taken for a refusal of shipper. */
export class OracleError extends Error {
  override readonly name = 'OracleError';
}

interface RawHeader {
  readonly offset: number;
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly typeflag: string;
  readonly linkname: string;
  readonly major: number;
  readonly minor: number;
  readonly prefix: string;
}

interface RawItem {
  readonly header: RawHeader;
  readonly records: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** The code of `/`. */
const SLASH = 47;
const BLOCK = 512;
const MAX_ID = 0o7777777;
const MAX_ELEVEN = 0o77777777777n;
const XATTR = 'SCHILY.xattr.';
const TYPES: ReadonlyMap<string, NodeType> = new Map([
  ['0', 'file'],
  ['2', 'symlink'],
  ['3', 'char'],
  ['4', 'block'],
  ['5', 'dir'],
  ['6', 'fifo'],
]);

/** Reads a flat layer and checks that it is canonical. */
export function readFlat(tarBytes: Uint8Array): FlatTree {
  const tree: FlatTree = new Map();
  const names = new Map<FlatNode, string[]>();
  let previous: string | undefined;
  for (const item of readItems(Buffer.from(tarBytes))) {
    const path = checkedPath(item);
    check(!tree.has(path), path, 'stands twice');
    check(previous === undefined || comparePaths(previous, path) < 0, path, 'is out of order');
    checkParent(tree, path);
    const node = item.header.typeflag === '1' ? linkedNode(tree, item, path) : newNode(item, path);
    const group = names.get(node) ?? [];
    group.push(path);
    names.set(node, group);
    tree.set(path, node);
    previous = path;
  }
  for (const [node, paths] of names) Object.assign(node, { names: paths });
  return tree;
}

/** One entry of a layer over kept ones. */
export interface LayerEntry {
  /** Of a whiteout, the path that it hides. The root is `.`. */
  readonly path: string;
  readonly isWhiteout: boolean;
  readonly node: FlatNode;
  /** The carrier of a hard link. */
  readonly target: string | undefined;
}

/** Reads a layer that was made over kept ones, and checks that it is canonical. */
export function readUpper(tarBytes: Uint8Array): LayerEntry[] {
  const tree: FlatTree = new Map();
  const entries: LayerEntry[] = [];
  let previous: string | undefined;
  for (const item of readItems(Buffer.from(tarBytes))) {
    const path = checkedPath(item, true);
    check(!tree.has(path), path, 'stands twice');
    check(previous === undefined || compareSteps(previous, path) < 0, path, 'is out of order');
    checkParent(tree, path);
    const isLink = item.header.typeflag === '1';
    const node = isLink ? linkedNode(tree, item, path) : newNode(item, path, true);
    tree.set(path, node);
    const isWhiteout = baseName(path).startsWith('.wh.');
    if (isWhiteout) checkWhiteout(node, path);
    entries.push({
      path: isWhiteout ? joined(parentOf(path), baseName(path).slice(4)) : path,
      isWhiteout,
      node,
      target: isLink ? [...tree].find(([, other]) => other === node)?.[0] : undefined,
    });
    previous = path;
  }
  for (const { path, isWhiteout } of entries) {
    check(!isWhiteout || !tree.has(path), path, 'has a whiteout and an entry');
  }
  return entries;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function joined(parent: string | undefined, name: string): string {
  return parent === undefined ? name : `${parent}/${name}`;
}

/** The whiteouts of a directory stand before its other names. */
function compareSteps(a: string, b: string): number {
  return comparePaths(whiteoutFirst(a), whiteoutFirst(b));
}

function whiteoutFirst(path: string): string {
  return path.replace(/(^|\/)\.wh\./g, '$1\0');
}

function checkWhiteout(node: FlatNode, path: string): void {
  check(baseName(path) !== '.wh..wh..opq', path, 'is an opaque marker');
  const isPlain = node.uid === 0 && node.gid === 0 && node.mtimeNs === 0n && node.mode === 0o600;
  check(node.type === 'file' && node.body.length === 0 && isPlain, path, 'is no plain whiteout');
}

/** Orders paths component by component, `/` below every other byte. The root `.` is first. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  if (a === '.') return -1;
  if (b === '.') return 1;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left === right) continue;
    if (left === SLASH || right === SLASH) return left === SLASH ? -1 : 1;
    return left - right;
  }
  return a.length - b.length;
}

/** The parent of a path; undefined for children of the root and for the root. */
export function parentOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? undefined : path.slice(0, slash);
}

function check(condition: boolean, where: string | number, what: string): asserts condition {
  if (!condition) {
    const place = typeof where === 'number' ? `at byte ${where}` : JSON.stringify(where);
    throw new OracleError(`flat layer: ${place} ${what}`);
  }
}

function* readItems(tarBytes: Buffer): Generator<RawItem> {
  check(tarBytes.length % BLOCK === 0, tarBytes.length, 'the length is not a whole block');
  check(tarBytes.length >= 2 * BLOCK, tarBytes.length, 'there is no end marker');
  const end = tarBytes.length - 2 * BLOCK;
  check(isZero(tarBytes.subarray(end)), end, 'the last two blocks are not zero');
  let at = 0;
  let records: ReadonlyMap<string, string> | undefined;
  while (at < end) {
    const header = readHeader(tarBytes.subarray(at, at + BLOCK), at);
    const realSize = readSize(header, records);
    const bodyAt = at + BLOCK;
    const next = bodyAt + Math.ceil(realSize / BLOCK) * BLOCK;
    check(next <= end, at, 'the body runs into the end marker');
    const body = tarBytes.subarray(bodyAt, bodyAt + realSize);
    check(isZero(tarBytes.subarray(bodyAt + realSize, next)), at, 'the padding is not zero');
    if (header.typeflag === 'x') {
      check(records === undefined, at, 'two PAX headers in a row');
      records = readRecords(body.toString('latin1'), at);
    } else {
      yield { header, records: records ?? new Map(), body };
      records = undefined;
    }
    at = next;
  }
  check(records === undefined, at, 'a PAX header governs nothing');
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function readHeader(block: Buffer, offset: number): RawHeader {
  const text = (at: number, width: number): string => {
    const raw = block.toString('latin1', at, at + width);
    const nul = raw.indexOf('\0');
    if (nul < 0) return raw;
    check(/^\0*$/.test(raw.slice(nul)), offset, `bytes behind the NUL of the field at ${at}`);
    return raw.slice(0, nul);
  };
  const number = (at: number, width: number): number => {
    const raw = block.toString('latin1', at, at + width);
    check(/^[0-7]+[ \0]?$/.test(raw), offset, `the number at ${at} is ${JSON.stringify(raw)}`);
    return Number.parseInt(raw, 8);
  };
  checkChecksum(block, offset);
  check(text(257, 6) === 'ustar', offset, 'the magic is not ustar');
  check(block.toString('latin1', 263, 265) === '00', offset, 'the version is not 00');
  check(text(265, 32) === '' && text(297, 32) === '', offset, 'carries a user or group name');
  check(isZero(block.subarray(500)), offset, 'has bytes behind the prefix');
  const typeflag = block.toString('latin1', 156, 157);
  const isDevice = typeflag === '3' || typeflag === '4';
  const device = (at: number): number =>
    isDevice || !isZero(block.subarray(at, at + 8)) ? number(at, 8) : 0;
  return {
    offset,
    name: text(0, 100),
    mode: number(100, 8),
    uid: number(108, 8),
    gid: number(116, 8),
    size: number(124, 12),
    mtime: number(136, 12),
    typeflag,
    linkname: text(157, 100),
    major: device(329),
    minor: device(337),
    prefix: text(345, 155),
  };
}

function checkChecksum(block: Buffer, offset: number): void {
  const raw = block.toString('latin1', 148, 156);
  check(/^[0-7]{6}[\0 ]{2}$/.test(raw), offset, `the checksum field is ${JSON.stringify(raw)}`);
  let sum = 8 * 0x20;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  check(sum === Number.parseInt(raw, 8), offset, 'the checksum is wrong');
}

function readSize(header: RawHeader, records: ReadonlyMap<string, string> | undefined): number {
  const record = header.typeflag === 'x' ? undefined : records?.get('size');
  if (record === undefined) return header.size;
  check(/^[1-9]\d*$/.test(record), header.offset, 'the size record is not a number');
  check(BigInt(record) > MAX_ELEVEN, header.offset, 'has a size record that is not needed');
  return Number(record);
}

function readRecords(text: string, offset: number): Map<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    const length = /^[1-9]\d*(?= )/.exec(text.slice(at, at + 20))?.[0];
    check(length !== undefined, offset, 'a PAX record has no length');
    const stop = at + Number(length);
    check(stop <= text.length && text[stop - 1] === '\n', offset, 'a PAX record has a bad length');
    const record = text.slice(at + length.length + 1, stop - 1);
    const equals = record.indexOf('=');
    check(equals > 0, offset, 'a PAX record has no key');
    const key = record.slice(0, equals);
    check(!records.has(key), offset, `the PAX key ${key} stands twice`);
    records.set(key, record.slice(equals + 1));
    at = stop;
  }
  check(records.size > 0, offset, 'an empty PAX header');
  return records;
}

/** The path of an entry in normal form, after all checks of its spelling. */
function checkedPath(item: RawItem, isUpper = false): string {
  const { header, records } = item;
  const where = records.get('path') ?? header.name;
  const plain = header.prefix === '' ? header.name : `${header.prefix}/${header.name}`;
  const full = neededText(records, 'path', plain);
  check(!full.includes('\0'), where, 'has a NUL in its path');
  const isDir = header.typeflag === '5';
  if (isDir && full === './') return '.';
  check(full.endsWith('/') === isDir, where, 'a slash at the end where none belongs, or none');
  const path = isDir ? full.slice(0, -1) : full;
  const parts = path.split('/');
  check(!parts.some((p) => p === '' || p === '.' || p === '..'), where, 'is not a clean path');
  const isMarked = (isUpper ? parts.slice(0, -1) : parts).some((p) => p.startsWith('.wh.'));
  check(!isMarked, where, 'is a whiteout, or below one');
  checkRecordKeys(item, path);
  return path;
}

/** A text that stands in a record only if its field cannot hold it. */
function neededText(
  records: ReadonlyMap<string, string>,
  key: 'path' | 'linkpath',
  plain: string,
): string {
  const record = records.get(key);
  if (record === undefined) return plain;
  const isNeeded = key === 'path' ? !fitsUstar(record) : record.length > 100;
  check(isNeeded, record, `has a ${key} record that is not needed`);
  return record;
}

/** Whether a name fits the name field, or the prefix and name fields cut at a slash. */
function fitsUstar(name: string): boolean {
  if (name.length <= 100) return true;
  const cut = name.lastIndexOf('/', Math.min(155, name.length - 2));
  return cut > 0 && name.length - cut - 1 <= 100;
}

function checkRecordKeys(item: RawItem, path: string): void {
  for (const key of item.records.keys()) {
    const known = ['path', 'linkpath', 'uid', 'gid', 'size', 'mtime'].includes(key);
    check(known || key.startsWith(XATTR), path, `has the PAX key ${JSON.stringify(key)}`);
    check(!/^SCHILY\.xattr\.(trusted|user)\.overlay\./.test(key), path, `carries ${key}`);
  }
}

function checkParent(tree: FlatTree, path: string): void {
  const parent = parentOf(path);
  if (parent === undefined) return;
  const node = tree.get(parent);
  check(node !== undefined, path, 'has no parent entry before it');
  check(node.type === 'dir', path, 'has a parent that is not a directory');
}

function newNode(item: RawItem, path: string, isUpper = false): FlatNode {
  const { header } = item;
  const type = TYPES.get(header.typeflag);
  check(type !== undefined, path, `has the type ${JSON.stringify(header.typeflag)}`);
  check(type === 'file' || item.body.length === 0, path, 'has a body and is not a file');
  const target = neededText(item.records, 'linkpath', header.linkname);
  check((type === 'symlink') === (target !== ''), path, 'has a link text, or lacks one');
  const isDevice = type === 'char' || type === 'block';
  check(isDevice || header.major + header.minor === 0, path, 'has device numbers');
  const attributes = attributesOf(item, path);
  check(type !== 'symlink' || attributes.mode === 0o777, path, 'is a symlink not of mode 0777');
  if (path === '.') checkRoot(attributes, isUpper);
  const { major, minor } = header;
  return { type, ...attributes, body: item.body, target, major, minor, names: [] };
}

type Attributes = Pick<FlatNode, 'mode' | 'uid' | 'gid' | 'mtimeNs' | 'xattrs'>;

function checkRoot(root: Attributes, isUpper: boolean): void {
  check(root.mtimeNs === 0n, '.', 'the root carries an mtime');
  const plain = root.mode === 0o755 && root.uid === 0 && root.gid === 0 && root.xattrs.size === 0;
  check(isUpper || !plain, '.', 'the root has an entry that says nothing');
}

/** The inode that a hard link joins, after checking that the entry repeats its attributes. */
function linkedNode(tree: FlatTree, item: RawItem, path: string): FlatNode {
  check(item.body.length === 0, path, 'is a hard link with a body');
  const target = neededText(item.records, 'linkpath', item.header.linkname);
  const node = tree.get(target);
  check(node !== undefined, path, `links to ${JSON.stringify(target)}, which is not before it`);
  check(node.type !== 'dir', path, 'links to a directory');
  const first = [...tree].find(([, other]) => other === node)?.[0];
  check(first === target, path, `links to ${target}, which is itself a link`);
  const own = attributesOf(item, path);
  for (const key of ['mode', 'uid', 'gid', 'mtimeNs'] as const) {
    check(own[key] === node[key], path, `does not repeat the ${key} of ${target}`);
  }
  const same = own.xattrs.size === node.xattrs.size;
  const repeats = same && [...own.xattrs].every(([name, value]) => node.xattrs.get(name) === value);
  check(repeats, path, `does not repeat the xattrs of ${target}`);
  return node;
}

function attributesOf(item: RawItem, path: string): Attributes {
  const { header, records } = item;
  check(header.mode <= 0o7777, path, 'has type bits in its mode');
  const xattrs = new Map<string, string>();
  for (const [key, value] of records) {
    if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
  }
  return {
    mode: header.mode,
    uid: readId(item, 'uid', path),
    gid: readId(item, 'gid', path),
    mtimeNs: readMtime(item, path),
    xattrs,
  };
}

function readId(item: RawItem, key: 'uid' | 'gid', path: string): number {
  const record = item.records.get(key);
  if (record === undefined) return item.header[key];
  check(/^[1-9]\d*$/.test(record), path, `has a bad ${key} record`);
  check(Number(record) > MAX_ID, path, `has a ${key} record that is not needed`);
  return Number(record);
}

function readMtime(item: RawItem, path: string): bigint {
  const record = item.records.get('mtime');
  if (record === undefined) return BigInt(item.header.mtime) * 1_000_000_000n;
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(record);
  check(match !== null, path, `has the mtime record ${JSON.stringify(record)}`);
  const [, sign, whole = '0', fraction = ''] = match;
  const ns = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  const needed = sign === '-' || BigInt(whole) > MAX_ELEVEN || ns % 1_000_000_000n !== 0n;
  check(needed, path, 'has an mtime record that is not needed');
  return sign === '-' ? -ns : ns;
}
