// Applies a layer that was made over kept ones to a state of the model: the independent reading of it. Strict: whatever
// the layer need not say is an error.
import type { FlatNode, LayerEntry } from '../../support/tar-oracle.ts';
import { parentOf } from '../../support/tar-oracle.ts';
import { cloneState, createInode, type Inode, sameInode } from './model.ts';

/** The state that applying `entries` to `state` gives; `state` stays. Throws where an entry is wrong or needless. */
export function applyUpper(state: Inode, entries: readonly LayerEntry[]): Inode {
  const root = cloneState(state);
  const written = new Map<string, Inode>();
  for (const entry of entries) {
    if (entry.path === '.') setAttributes(root, entry.node);
    else if (entry.isWhiteout) hide(root, entry.path);
    else if (entry.target === undefined) written.set(entry.path, place(root, entry));
    else {
      const inode = written.get(entry.target);
      if (inode === undefined) throw new Error(`${entry.path} links out of its layer`);
      folderOf(root, entry.path).children.set(nameOf(entry.path), inode);
      written.set(entry.path, inode);
    }
  }
  checkNeeded(state, root, entries);
  return root;
}

function hide(root: Inode, path: string): void {
  const isThere = folderOf(root, path).children.delete(nameOf(path));
  if (!isThere) throw new Error(`the whiteout of ${path} hides nothing`);
}

function place(root: Inode, { path, node }: LayerEntry): Inode {
  const { children } = folderOf(root, path);
  const old = children.get(nameOf(path));
  // A directory over a directory keeps what is in it; everything else takes the place of what was there.
  if (node.type === 'dir' && old?.type === 'dir') {
    setAttributes(old, node);
    return old;
  }
  const inode = createInode(0, node.type);
  setAttributes(inode, node);
  inode.body = node.body.toString('latin1');
  inode.target = node.target;
  inode.major = node.major;
  inode.minor = node.minor;
  children.set(nameOf(path), inode);
  return inode;
}

function setAttributes(inode: Inode, node: FlatNode): void {
  const { mode, uid, gid, mtimeNs } = node;
  Object.assign(inode, { mode, uid, gid, mtimeNs, xattrs: new Map(node.xattrs) });
}

/** An entry that changes nothing must be a directory with something below it, or part of a group that is copied. */
function checkNeeded(before: Inode, after: Inode, entries: readonly LayerEntry[]): void {
  for (const { path, isWhiteout } of entries) {
    if (path === '.' || isWhiteout) continue;
    const old = find(before, path);
    const now = find(after, path);
    if (old === undefined || now === undefined || !sameInode(old, now)) continue;
    if (now.type !== 'dir') {
      if (isGroupSame(before, old, after, now)) throw new Error(`${path} was not changed`);
    } else if (!entries.some((entry) => entry.path.startsWith(`${path}/`))) {
      throw new Error(`the directory ${path} was not changed`);
    }
  }
}

/** Whether every name of the new inode was a name of the old one, which then could have stayed. */
function isGroupSame(before: Inode, old: Inode, after: Inode, now: Inode): boolean {
  const oldNames = new Set(namesOf(before, old));
  const others = [...oldNames].filter((name) => {
    const there = find(after, name);
    return there !== undefined && there !== now && sameInode(there, old);
  });
  return others.length === 0 && namesOf(after, now).every((name) => oldNames.has(name));
}

function namesOf(root: Inode, inode: Inode, prefix = ''): string[] {
  return [...root.children].flatMap(([name, child]) => [
    ...(child === inode ? [prefix + name] : []),
    ...namesOf(child, inode, `${prefix}${name}/`),
  ]);
}

function folderOf(root: Inode, path: string): Inode {
  const parent = parentOf(path);
  const folder = parent === undefined ? root : find(root, parent);
  if (folder?.type !== 'dir') throw new Error(`${path} has no directory to stand in`);
  return folder;
}

function find(root: Inode, path: string): Inode | undefined {
  let at: Inode | undefined = root;
  for (const part of path.split('/')) at = at?.children.get(part);
  return at;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
