// The model file system: inodes and directories, no layers. A state of it is the right answer of a flatten.
import { createHash } from 'node:crypto';
import {
  comparePaths,
  type FlatNode,
  type FlatTree,
  type NodeType,
} from '../../support/tar-oracle.ts';

/** One inode. Hard links share the object; `id` says across states what is the same inode. */
export interface Inode {
  id: number;
  type: NodeType;
  mode: number;
  uid: number;
  gid: number;
  mtimeNs: bigint;
  xattrs: Map<string, string>;
  body: string;
  target: string;
  major: number;
  minor: number;
  /** Of directories; empty for everything else. */
  children: Map<string, Inode>;
}

/** A plain inode, to be filled in. */
export function createInode(id: number, type: NodeType): Inode {
  return {
    id,
    type,
    mode: type === 'dir' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    xattrs: new Map(),
    body: '',
    target: '',
    major: 0,
    minor: 0,
    children: new Map(),
  };
}

/** A copy of a whole state in which hard links still share their inode. */
export function cloneState(root: Inode): Inode {
  const copies = new Map<Inode, Inode>();
  const clone = (inode: Inode): Inode => {
    const known = copies.get(inode);
    if (known !== undefined) return known;
    const copy: Inode = { ...inode, xattrs: new Map(inode.xattrs), children: new Map() };
    copies.set(inode, copy);
    for (const [name, child] of inode.children) copy.children.set(name, clone(child));
    return copy;
  };
  return clone(root);
}

/** Every path of a state with its inode, the root as `.`, in canonical order. */
export function walk(root: Inode): [path: string, inode: Inode][] {
  const found: [string, Inode][] = [['.', root]];
  const visit = (path: string, inode: Inode): void => {
    for (const [name, child] of inode.children) {
      const childPath = joinPath(path, name);
      found.push([childPath, child]);
      visit(childPath, child);
    }
  };
  visit('.', root);
  return found.sort(([a], [b]) => comparePaths(a, b));
}

/** The path of a child. */
export function joinPath(parent: string, name: string): string {
  return parent === '.' ? name : `${parent}/${name}`;
}

/** Whether two versions of an inode look the same in a container; children do not count. */
export function sameInode(a: Inode, b: Inode): boolean {
  return attributesLine(a) === attributesLine(b);
}

/** A state as lines that compare: one per path, hard links by the first name of their group. */
export function describeState(root: Inode): string[] {
  const first = new Map<Inode, string>();
  const lines: string[] = [];
  for (const [path, inode] of walk(root)) {
    const carrier = inode.type === 'dir' ? undefined : first.get(inode);
    if (carrier === undefined) first.set(inode, path);
    const line = carrier === undefined ? attributesLine(inode) : `=> ${JSON.stringify(carrier)}`;
    if (path === '.' && isPlainRoot(inode)) continue;
    lines.push(path === '.' ? rootLine(inode) : `${JSON.stringify(path)} ${line}`);
  }
  return lines;
}

/** The tree of a flat layer as the same lines. */
export function describeTree(tree: FlatTree): string[] {
  return [...tree].map(([path, node]) => {
    const inode = inodeOf(node);
    if (path === '.') return rootLine(inode);
    const carrier = node.names[0] ?? path;
    const line = carrier === path ? attributesLine(inode) : `=> ${JSON.stringify(carrier)}`;
    return `${JSON.stringify(path)} ${line}`;
  });
}

function isPlainRoot(root: Inode): boolean {
  return root.mode === 0o755 && root.uid === 0 && root.gid === 0 && root.xattrs.size === 0;
}

/** The root's mtime is not carried (`flatten.md` 2). */
function rootLine(root: Inode): string {
  return `"." ${attributesLine({ ...root, mtimeNs: 0n })}`;
}

function inodeOf(node: FlatNode): Inode {
  const { type, mode, uid, gid, mtimeNs, target, major, minor } = node;
  const body = node.body.toString('latin1');
  const xattrs = new Map(node.xattrs);
  const plain = createInode(0, type);
  return { ...plain, mode, uid, gid, mtimeNs, target, major, minor, body, xattrs };
}

function attributesLine(inode: Inode): string {
  const xattrs = [...inode.xattrs].sort(([a], [b]) => (a < b ? -1 : 1));
  const mode = inode.type === 'symlink' ? 0o777 : inode.mode;
  const words = [inode.type, mode.toString(8), `${inode.uid}:${inode.gid}`, `@${inode.mtimeNs}`];
  if (xattrs.length > 0) words.push(JSON.stringify(xattrs));
  if (inode.type === 'file') words.push(bodyWord(inode.body));
  if (inode.type === 'symlink') words.push(JSON.stringify(inode.target));
  if (inode.type === 'char' || inode.type === 'block') words.push(`${inode.major},${inode.minor}`);
  return words.join(' ');
}

/** A body as it is, or by length and digest where it is long. */
function bodyWord(body: string): string {
  if (body.length <= 40) return JSON.stringify(body);
  const digest = createHash('sha256').update(body, 'latin1').digest('hex').slice(0, 16);
  return `${body.length} bytes ${JSON.stringify(body.slice(0, 12))} ${digest}`;
}
