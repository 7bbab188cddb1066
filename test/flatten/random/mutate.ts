// Random changes of the model file system, with the copy-up that a build step on overlayfs does.
import { utf8 } from '../../support/tar-builder.ts';
import { type NodeType, parentOf } from '../../support/tar-oracle.ts';
import { createInode, type Inode, joinPath, walk } from './model.ts';
import type { Random } from './random.ts';

/** A file system that is being changed. */
export interface Disk {
  readonly root: Inode;
  readonly random: Random;
  /** Gives the number of the next inode. */
  readonly nextId: () => number;
  /** Inodes that a lower layer holds. */
  readonly lowerIds: ReadonlySet<number>;
}

const MAX_NODES = 40;
const MAX_DEPTH = 5;

const NAMES: readonly string[] = [
  ...['a', 'b', 'c', 'd', 'e', 'lib', 'usr', 'bin', 'etc', 'x', 'y', 'A', 'B'],
  ...['a', 'b', 'c', 'x', 'y', 'lib', 'tmp'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf'],
  ...['\xff\xfe', 'caf\xe9', utf8('café'), utf8('cafe\u0301'), utf8('日本')],
  ...['new\nline', 'tab\tx', 'ctl\x01', ' ', ' lead', 'trail ', 'esc\x1b[0m', '\x7f'],
  ...['back\\slash', '-rf', '-', '--', 'foo.wh.bar', '.wh', 'x.wh.', '..a', '...', 'a..', '*', '?'],
  ...['a!', 'a\x01', 'a-b', 'a.b', '%2e%2e', '0', '=', 'path=x', '1 a=b'],
  'n'.repeat(100),
  'n'.repeat(99),
  'm'.repeat(140),
  'k'.repeat(255),
  `${'u'.repeat(60)}\xc3`,
];

const SIZES: readonly number[] = [0, 0, 1, 3, 7, 20, 20, 20, 511, 512, 513, 1024, 1300];

const IDS: readonly number[] = [
  0, 0, 0, 1, 33, 1000, 65534, 2097151, 2097152, 3000000, 2147483648, 4294967294,
];

const SECONDS: readonly bigint[] = [
  0n,
  1n,
  1700000000n,
  1577836800n,
  8589934591n,
  8589934592n,
  9000000000n,
  253402300800n,
  -1n,
  -86400n,
  -9000000000n,
];

const XATTR_NAMES: readonly string[] = [
  ...['user.a', 'user.b', 'user.__proto__', 'user.constructor', 'trusted.x', 'security.ima'],
  ...['security.capability', 'system.posix_acl_access', 'user.caf\xe9', 'user.sp ace', 'user.n\nl'],
];

const CAPABILITY =
  '\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';

/** One kind of change; does nothing where it does not fit. */
type Change = (disk: Disk) => void;

const CHANGES: readonly (readonly [weight: number, change: Change])[] = [
  [18, createFile],
  [12, createDirectory],
  [6, createSymlink],
  [3, createSpecial],
  [13, createLink],
  [6, overwrite],
  [4, replaceFile],
  [3, append],
  [6, changeAttributes],
  [4, changeXattrs],
  [6, renameAny],
  [3, exchange],
  [8, removeAny],
  [4, recreateDirectory],
  [5, changeType],
  [1, changeRoot],
];

/** Applies `count` random changes. */
export function mutate(disk: Disk, count: number): void {
  const bag = CHANGES.flatMap(([weight, change]) => Array<Change>(weight).fill(change));
  for (let done = 0; done < count; done += 1) disk.random.pick(bag)(disk);
}

/** A file system with nothing but its root. */
export function createRoot(random: Random, nextId: () => number): Inode {
  const root = createInode(nextId(), 'dir');
  if (random.chance(0.1)) root.mode = random.pick([0o700, 0o1777, 0o555]);
  return root;
}

function directories(disk: Disk): [string, Inode][] {
  return walk(disk.root).filter(([, inode]) => inode.type === 'dir');
}

function others(disk: Disk): [string, Inode][] {
  return walk(disk.root).filter(([, inode]) => inode.type !== 'dir');
}

function depthOf(path: string): number {
  return path === '.' ? 0 : path.split('/').length;
}

/** A place for a new name: a directory that is not too deep, and a name that is free there. */
function freePlace(disk: Disk): { parent: Inode; name: string; path: string } | undefined {
  if (walk(disk.root).length > MAX_NODES) return undefined;
  const places = directories(disk).filter(([path]) => depthOf(path) < MAX_DEPTH);
  const [path, parent] = disk.random.pick(places);
  const name = disk.random.pick(NAMES);
  return parent.children.has(name) ? undefined : { parent, name, path: joinPath(path, name) };
}

/** The directory that holds a path, and the name in it. */
function placeOf(disk: Disk, path: string): { parent: Inode; name: string } {
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  let parent = disk.root;
  for (const part of parts) parent = parent.children.get(part) ?? parent;
  return { parent, name };
}

function createFile(disk: Disk): void {
  const place = freePlace(disk);
  if (place !== undefined) place.parent.children.set(place.name, newInode(disk, 'file'));
}

function createDirectory(disk: Disk): void {
  const place = freePlace(disk);
  if (place !== undefined) place.parent.children.set(place.name, newInode(disk, 'dir'));
}

function createSymlink(disk: Disk): void {
  const place = freePlace(disk);
  if (place === undefined) return;
  const link = newInode(disk, 'symlink');
  if (disk.random.chance(0.5)) link.target = directoryText(disk, place.path);
  place.parent.children.set(place.name, link);
}

/** A link text that leads to a directory of the state, absolute or relative. */
function directoryText(disk: Disk, from: string): string {
  const [path] = disk.random.pick(directories(disk));
  if (path === '.') return disk.random.pick(['/', '/.', '/..']);
  if (disk.random.chance(0.5)) return `/${path}`;
  const up = '../'.repeat(depthOf(from) - 1);
  return disk.random.chance(0.2) ? `${up}../../${path}` : `${up}${path}`;
}

function createSpecial(disk: Disk): void {
  const place = freePlace(disk);
  if (place === undefined) return;
  const type = disk.random.pick(['char', 'block', 'fifo'] as const);
  place.parent.children.set(place.name, newInode(disk, type));
}

/** A hard link; a lower file may be copied up first, which parts it from its other names. */
function createLink(disk: Disk): void {
  const found = others(disk);
  const place = freePlace(disk);
  if (found.length === 0 || place === undefined) return;
  const [path, inode] = disk.random.pick(found);
  const source = disk.random.chance(0.4) ? writable(disk, path) : inode;
  place.parent.children.set(place.name, source);
}

function overwrite(disk: Disk): void {
  const path = anyFile(disk);
  if (path === undefined) return;
  const inode = writable(disk, path);
  inode.body = newBody(disk, inode.id);
  inode.mtimeNs = newTime(disk.random);
}

/** A new file renamed over an old name: the old inode lives on under its other names. */
function replaceFile(disk: Disk): void {
  const found = others(disk);
  if (found.length === 0) return;
  const { parent, name } = placeOf(disk, disk.random.pick(found)[0]);
  parent.children.set(name, newInode(disk, 'file'));
}

function append(disk: Disk): void {
  const path = anyFile(disk);
  if (path !== undefined) writable(disk, path).body += newBody(disk, 0).slice(0, 30);
}

function anyFile(disk: Disk): string | undefined {
  const files = others(disk).filter(([, inode]) => inode.type === 'file');
  return files.length === 0 ? undefined : disk.random.pick(files)[0];
}

function changeAttributes(disk: Disk): void {
  const [path, node] = disk.random.pick(walk(disk.root));
  if (path === '.') return;
  const inode = node.type === 'dir' ? node : writable(disk, path);
  const { random } = disk;
  const kind = random.below(3);
  if (kind === 0) inode.mode = newMode(random);
  else if (kind === 1) [inode.uid, inode.gid] = [random.pick(IDS), random.pick(IDS)];
  else inode.mtimeNs = newTime(random);
}

function changeXattrs(disk: Disk): void {
  const [path, node] = disk.random.pick(walk(disk.root));
  if (path === '.') return;
  const inode = node.type === 'dir' ? node : writable(disk, path);
  if (inode.xattrs.size > 0 && disk.random.chance(0.4)) inode.xattrs.clear();
  else addXattr(inode, disk.random);
}

function renameAny(disk: Disk): void {
  const movable = walk(disk.root).filter(([path]) => path !== '.');
  if (movable.length === 0) return;
  const [from, inode] = disk.random.pick(movable);
  const free = freePlace(disk);
  const over = disk.random.pick(movable)[0];
  const isOver = disk.random.chance(0.3);
  const to = isOver ? over : free?.path;
  if (to === undefined || to === from || isInside(to, from) || isInside(from, to)) return;
  const target = placeOf(disk, to);
  const present = target.parent.children.get(target.name);
  if (present !== undefined && (present.type === 'dir') !== (inode.type === 'dir')) return;
  const source = placeOf(disk, from);
  source.parent.children.delete(source.name);
  target.parent.children.set(target.name, inode);
}

/** Swaps two names (`renameat2` with RENAME_EXCHANGE): the inodes of both are still there. */
function exchange(disk: Disk): void {
  const found = others(disk);
  if (found.length < 2) return;
  const [[a, first], [b, second]] = [disk.random.pick(found), disk.random.pick(found)];
  const [left, right] = [placeOf(disk, a), placeOf(disk, b)];
  left.parent.children.set(left.name, second);
  if (disk.random.chance(0.7)) right.parent.children.set(right.name, first);
}

function removeAny(disk: Disk): void {
  const paths = walk(disk.root).filter(([path]) => path !== '.');
  if (paths.length === 0) return;
  const { parent, name } = placeOf(disk, disk.random.pick(paths)[0]);
  parent.children.delete(name);
}

/** `rm -r d && mkdir d`, with something in it again. */
function recreateDirectory(disk: Disk): void {
  const dirs = directories(disk).filter(([path]) => path !== '.');
  if (dirs.length === 0) return;
  const [path, old] = disk.random.pick(dirs);
  const { parent, name } = placeOf(disk, path);
  const fresh = newInode(disk, 'dir');
  for (const [childName, child] of old.children) {
    if (disk.random.chance(0.3)) fresh.children.set(childName, newInode(disk, 'file'));
    else if (disk.random.chance(0.2)) fresh.children.set(childName, child);
  }
  if (depthOf(path) < MAX_DEPTH && disk.random.chance(0.7)) {
    fresh.children.set(disk.random.pick(NAMES), newInode(disk, 'file'));
  }
  parent.children.set(name, fresh);
}

function changeType(disk: Disk): void {
  const paths = walk(disk.root).filter(([path]) => path !== '.');
  if (paths.length === 0) return;
  const [path, old] = disk.random.pick(paths);
  const { parent, name } = placeOf(disk, path);
  const types: readonly NodeType[] = ['dir', 'file', 'symlink', 'dir', 'file', 'symlink', 'fifo'];
  const fresh = newInode(disk, disk.random.pick(types));
  if (fresh.type === 'symlink' && disk.random.chance(0.5)) {
    fresh.target = directoryText(disk, path);
  }
  if (fresh.type === 'dir' && depthOf(path) < MAX_DEPTH) {
    const isMoved = old.type !== 'dir' && disk.random.chance(0.3);
    const child = isMoved ? old : newInode(disk, 'file');
    if (disk.random.chance(0.7)) fresh.children.set(disk.random.pick(NAMES), child);
  }
  parent.children.set(name, fresh);
}

function changeRoot(disk: Disk): void {
  const { root, random } = disk;
  const kind = random.below(4);
  if (kind === 0) root.mode = newMode(random);
  else if (kind === 1) root.uid = random.pick(IDS);
  else if (kind === 2) addXattr(root, random);
  else root.mode = 0o755;
}

/** The inode to write through a name: copy-up parts it from the other names of a lower inode, mostly. */
function writable(disk: Disk, path: string): Inode {
  const { parent, name } = placeOf(disk, path);
  const inode = parent.children.get(name);
  if (inode === undefined) throw new Error(`the model has no ${path}`);
  const names = others(disk).filter(([, other]) => other === inode);
  if (!disk.lowerIds.has(inode.id) || names.length === 1 || disk.random.chance(0.4)) return inode;
  const copy: Inode = { ...inode, id: disk.nextId(), xattrs: new Map(inode.xattrs) };
  parent.children.set(name, copy);
  return copy;
}

function isInside(path: string, directory: string): boolean {
  for (let up = parentOf(path); up !== undefined; up = parentOf(up)) {
    if (up === directory) return true;
  }
  return false;
}

function newInode(disk: Disk, type: NodeType): Inode {
  const { random } = disk;
  const inode = createInode(disk.nextId(), type);
  if (random.chance(0.25)) return withContent(disk, inode);
  inode.mode = random.chance(0.5) ? inode.mode : newMode(random);
  [inode.uid, inode.gid] = [random.pick(IDS), random.pick(IDS)];
  inode.mtimeNs = newTime(random);
  if (random.chance(0.25)) addXattr(inode, random);
  return withContent(disk, inode);
}

function withContent(disk: Disk, inode: Inode): Inode {
  if (inode.type === 'file') inode.body = newBody(disk, inode.id);
  if (inode.type === 'symlink') inode.target = newTarget(disk.random);
  if (inode.type === 'char' || inode.type === 'block') {
    inode.major = disk.random.pick([0, 1, 8, 255, 4095]);
    inode.minor = disk.random.pick([0, 3, 255, 256, 1048575]);
  }
  return inode;
}

function newBody(disk: Disk, id: number): string {
  const size = disk.random.pick(SIZES);
  const text = `${id}:${disk.random.below(1e6)}\0\xff\n`;
  return text.repeat(Math.ceil(size / text.length)).slice(0, size);
}

function newTarget(random: Random): string {
  const odd = ['/', '.', '..', '../../../../etc/passwd', '/proc/self/exe', 'a//b/', 'a\nb', '\xff'];
  return random.pick([...odd, 'a', 'b/c', './x', '-', 'l'.repeat(100), 't'.repeat(140), ' s ']);
}

function newMode(random: Random): number {
  return random.chance(0.5)
    ? random.pick([0, 0o600, 0o644, 0o700, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711])
    : random.below(0o10000);
}

function newTime(random: Random): bigint {
  const ns = random.chance(0.4) ? random.pick([1n, 500_000_000n, 123_456_789n, 999_999_999n]) : 0n;
  const seconds = random.pick(SECONDS);
  return seconds * 1_000_000_000n + ns;
}

function addXattr(inode: Inode, random: Random): void {
  let value = random.pick(['', 'text', '\0', '\n', 'a=b\n12 c=d\n', '\xff\xfe\0', CAPABILITY]);
  if (random.chance(0.1)) value = String.fromCharCode(...Array(256).keys());
  inode.xattrs.set(random.pick(XATTR_NAMES), value);
}
