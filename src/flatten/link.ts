// Hard links: a link names an inode, decided by what its target's name means at that point (`flatten.md` R7).
import { printable } from '../core/bytes.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { Entry } from '../tar/entry.ts';
import { type CleanPath, cleanPath, quote } from '../tar/path.ts';
import type { InodeId } from './inodes.ts';
import { isAufsLink } from './marker.ts';
import type { NodeId } from './path-tree.ts';
import type { Warnings } from './policy.ts';
import type { Resolver } from './resolve.ts';
import type { RootTree } from './root-tree.ts';

/** Places hard links. */
export class LinkPlacer {
  readonly #tree: RootTree;
  readonly #resolver: Resolver;
  readonly #warnings: Warnings;
  /** Files of AUFS's link folder in this layer: no names, but targets of links. */
  readonly #aufs = new Map<CleanPath, InodeId>();

  constructor(tree: RootTree, resolver: Resolver, warnings: Warnings) {
    this.#tree = tree;
    this.#resolver = resolver;
    this.#warnings = warnings;
  }

  /** Takes a file that AUFS kept for itself: it is not carried, and links may name it. */
  addAufs(entry: Entry, path: CleanPath): void {
    this.#warnings.add(
      'aufs-metadata',
      this.#tree.layer,
      path,
      'is metadata of AUFS and is left out',
    );
    if (!isAufsLink(path) || entry.type !== 'file') return;
    const inode = this.#tree.inodes.create(entry, this.#tree.layer);
    this.#tree.inodes.addName(inode);
    this.#aufs.set(path, inode);
  }

  /** Lets go of AUFS files that nothing linked to. */
  endLayer(): void {
    for (const inode of this.#aufs.values()) this.#tree.inodes.dropName(inode);
    this.#aufs.clear();
  }

  /** Places a link entry. */
  place(path: CleanPath, entry: Entry): void {
    const tree = this.#tree;
    const { parent, name } = this.#resolver.place(path);
    const inode = this.#target(path, entry, parent, name);
    // Held by a name of its own while the old path goes, which may be the last other name.
    tree.inodes.addName(inode);
    const existing = tree.names.child(parent, name);
    if (existing !== 0) this.#replace(existing, path);
    tree.own(tree.link(parent, name, inode));
    tree.inodes.dropName(inode);
    tree.effect.placed += 1;
    this.#warnOfAttributes(path, entry, inode);
  }

  #replace(existing: NodeId, path: CleanPath): void {
    const tree = this.#tree;
    if (tree.isOwn(existing)) {
      this.#warnings.add(
        'duplicate-path',
        tree.layer,
        path,
        'stands more than once in one layer: the last entry counts',
      );
    }
    tree.remove(existing, 'replaced');
  }

  #target(path: CleanPath, entry: Entry, parent: NodeId, name: string): InodeId {
    const tree = this.#tree;
    const target = targetPath(path, entry);
    const aufs = this.#aufs.get(target);
    if (aufs !== undefined) return aufs;
    const node = this.#resolver.find(target);
    if (node === 0) throw refuse(path, target, 'which does not exist at that point');
    if (tree.isDirectory(node)) throw refuse(path, target, 'which is a directory');
    const existing = tree.names.child(parent, name);
    if (node === existing) throw refuse(path, target, 'which is the link itself');
    if (existing !== 0 && this.#isBelow(node, existing)) {
      throw refuse(path, target, 'which the link replaces');
    }
    return tree.names.inode(node);
  }

  #isBelow(node: NodeId, top: NodeId): boolean {
    const { names } = this.#tree;
    for (let at = node; at !== names.root; at = names.parent(at)) if (at === top) return true;
    return false;
  }

  /** The carrier's attributes count; engines apply the link's own, so where they differ somebody must be told. */
  #warnOfAttributes(path: CleanPath, entry: Entry, inode: InodeId): void {
    const { inodes, layer } = this.#tree;
    if (inodes.type(inode) === 'symlink') return;
    const facts = inodes.facts(inode);
    // Many writers leave the attributes of a link out, which says nothing.
    const sameXattrs =
      entry.xattrs === undefined || isSameMap(entry.xattrs, facts.xattrs ?? new Map());
    const same =
      facts.mode === entry.mode && facts.uid === entry.uid && facts.gid === entry.gid && sameXattrs;
    if (same) return;
    this.#warnings.add(
      'link-attributes',
      layer,
      path,
      `is a hard link whose mode, owner or attributes differ from "/${printable(cleanPath(entry.linkTarget))}": those of the file are kept`,
    );
  }
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}

/** The target as a path; one that leaves the root is the link's fault, so the link is named. */
function targetPath(path: CleanPath, entry: Entry): CleanPath {
  try {
    return cleanPath(entry.linkTarget);
  } catch (error) {
    if (!isShipperError(error, 'UNSAFE_ENTRY')) throw error;
    const message = `Cannot place entry ${quote(path)}: it is a hard link to ${quote(entry.linkTarget)}, which leaves the root of the image`;
    throw new ShipperError('UNSAFE_ENTRY', message, { entry: printable(path) });
  }
}

function refuse(path: CleanPath, target: CleanPath, reason: string): ShipperError {
  return new ShipperError(
    'BAD_LAYER',
    `Cannot place entry ${quote(path)}: it is a hard link to ${quote(target)}, ${reason}`,
  );
}
