// From a path to a place in the tree: missing parents, symlinks used as parents, files used as parents. Never outside the
// root, whatever a link says (`flatten.md` 2).
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type CleanPath, quote } from '../tar/path.ts';
import type { NodeId } from './path-tree.ts';
import type { MergePolicy, Warnings } from './policy.ts';
import type { RootTree } from './root-tree.ts';

/** The directory that holds a name, and the name. */
export interface Place {
  readonly parent: NodeId;
  readonly name: string;
}

/** Why a path is walked: to place an entry, making what is missing; for a mark, with its warning once; for a link. */
type Purpose = 'make' | 'mark' | 'mark-again' | 'find';

function isMark(purpose: Purpose): boolean {
  return purpose === 'mark' || purpose === 'mark-again';
}

/** No node: see {@link Resolver.findMarked}. */
export const REPLACED: NodeId = -1;

/** Resolves the paths of one layer after the other. */
export class Resolver {
  readonly #tree: RootTree;
  readonly #policy: MergePolicy;
  readonly #warnings: Warnings;
  /** Directories that entries of this layer lie in, and that may turn out to have no entry in it. */
  readonly #parents = new Set<NodeId>();
  /** Lower links that this layer replaces by directories of its own: below them no mark finds anything. */
  readonly #replacedLinks = new Set<NodeId>();
  /** The last directory asked for: tars list a directory's entries together. */
  #cachedPath: CleanPath | undefined;
  #cachedNode: NodeId = 0;

  constructor(tree: RootTree, policy: MergePolicy, warnings: Warnings) {
    this.#tree = tree;
    this.#policy = policy;
    this.#warnings = warnings;
    tree.onRemove = (node) => this.#forget(node);
  }

  /** Where an entry goes; makes the parents that are missing. `path` is not the root. */
  place(path: CleanPath): Place {
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '' : path.slice(0, slash);
    return { parent: this.directory(directory, path), name: path.slice(slash + 1) };
  }

  /** The directory at `path`, made where it is missing, for the sake of the entry `wanted`. */
  directory(path: CleanPath, wanted: CleanPath): NodeId {
    if (path === this.#cachedPath) return this.#cachedNode;
    const node = this.#walk(path, wanted, 'make');
    this.#cachedPath = path;
    this.#cachedNode = node;
    return node;
  }

  /** The node at `path`, its last component not followed; 0 when there is none. Makes nothing. */
  find(path: CleanPath): NodeId {
    if (path === '') return this.#tree.root;
    const slash = path.lastIndexOf('/');
    const parent = this.findDirectory(slash < 0 ? '' : path.slice(0, slash));
    return parent === 0 ? 0 : this.#tree.names.child(parent, path.slice(slash + 1));
  }

  /** The directory at `path`, links followed; 0 when there is none. Makes nothing. */
  findDirectory(path: CleanPath): NodeId {
    if (path === this.#cachedPath) return this.#cachedNode;
    return this.#walk(path, path, 'find');
  }

  /**
   * The directory of a mark, 0 when no lower layer has it, {@link REPLACED} when this layer puts a directory of its own
   * in place of a link on the way: what the link led to is not below it any more. Where links are shadowed, a link is none: the mark lies in
   * the directory that takes its place.
   */
  findMarked(path: CleanPath, purpose: 'mark' | 'mark-again'): NodeId {
    return this.#walk(path, path, purpose);
  }

  /** Told of every directory entry of a layer before its marks are applied. */
  noteDirectory(path: CleanPath): void {
    const slash = path.lastIndexOf('/');
    const parent = this.#walk(slash < 0 ? '' : path.slice(0, slash), path, 'mark-again');
    if (parent <= 0) return;
    const node = this.#tree.names.child(parent, path.slice(slash + 1));
    if (node !== 0 && this.#tree.typeOf(node) === 'symlink') this.#replacedLinks.add(node);
  }

  /** Ends a layer: parents without an entry of their own are reported, or reset where the policy says so. */
  endLayer(): void {
    for (const node of this.#parents) {
      if (!this.#tree.isOwn(node)) this.#reportParent(node);
    }
    this.#parents.clear();
    this.#replacedLinks.clear();
    this.#cachedPath = undefined;
  }

  #reportParent(node: NodeId): void {
    const tree = this.#tree;
    if (tree.inodes.isPlainDirectory(tree.names.inode(node))) return;
    const shadow = this.#policy.implicitParents === 'shadow';
    this.#warnings.add(
      'implied-parent',
      tree.layer,
      tree.path(node),
      shadow
        ? 'has no entry in a layer that puts files into it: reset to 0755 root:root'
        : 'has no entry in a layer that puts files into it: the lower attributes are kept, where overlay engines show 0755 root:root',
    );
    if (shadow) tree.resetToImplied(node);
  }

  #forget(node: NodeId): void {
    this.#parents.delete(node);
    this.#cachedPath = undefined;
  }

  /** Follows `path` component by component; `..` can only come from link targets and stops at the root. */
  #walk(path: CleanPath, wanted: CleanPath, purpose: Purpose): NodeId {
    const tree = this.#tree;
    const pending = path === '' ? [] : path.split('/').reverse();
    let node = tree.root;
    let hops = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        node = tree.names.parent(node);
        continue;
      }
      const child = tree.names.child(node, part);
      if (child === 0) {
        if (purpose !== 'make') return 0;
        node = this.#makeDirectory(node, part);
      } else if (tree.isDirectory(child)) node = this.#enter(child, purpose);
      else if (isMark(purpose) && this.#replacedLinks.has(child)) return REPLACED;
      else if (tree.typeOf(child) !== 'symlink') {
        if (purpose !== 'make') return 0;
        throw this.#fileAsParent(wanted, child);
      } else if (purpose !== 'find' && this.#policy.implicitParents === 'shadow') {
        if (purpose !== 'make') return 0;
        node = this.#shadow(child);
      } else {
        hops += 1;
        node = this.#follow(child, node, pending, hops, wanted, purpose);
      }
    }
    return node;
  }

  #enter(directory: NodeId, purpose: Purpose): NodeId {
    if (purpose === 'make' && !this.#tree.isOwn(directory)) this.#parents.add(directory);
    return directory;
  }

  #makeDirectory(parent: NodeId, name: string): NodeId {
    const tree = this.#tree;
    const node = tree.createImplied(parent, name);
    this.#warnings.add(
      'implied-parent',
      tree.layer,
      tree.path(node),
      'has no entry in any layer so far: made 0755 root:root with mtime 0',
    );
    return node;
  }

  /** Puts a link's target in front of what is still to be walked; returns where to go on. */
  #follow(
    link: NodeId,
    from: NodeId,
    pending: string[],
    hops: number,
    wanted: CleanPath,
    purpose: Purpose,
  ): NodeId {
    const tree = this.#tree;
    if (hops > LIMITS.symlinkHops) {
      throw this.#refuse(wanted, `its parent ${quote(tree.path(link))} is in a loop of symlinks`);
    }
    const target = tree.inodes.symlinkTarget(tree.names.inode(link));
    if (purpose === 'make' || purpose === 'mark') {
      this.#warnings.add(
        'parent-through-symlink',
        tree.layer,
        wanted,
        `lies below the symlink "/${tree.path(link)}", which is followed inside the image; overlay engines show a directory in its place`,
      );
    }
    pending.push(...target.split('/').reverse());
    if (pending.length > LIMITS.pathBytes * 2) {
      throw this.#refuse(
        wanted,
        `its parent ${quote(tree.path(link))} resolves to too long a path`,
      );
    }
    return target.startsWith('/') ? tree.root : from;
  }

  /** The engines' reading: a link that is used as a parent becomes a directory. */
  #shadow(link: NodeId): NodeId {
    const tree = this.#tree;
    const parent = tree.names.parent(link);
    const name = tree.names.name(link);
    const path = tree.path(link);
    tree.remove(link, 'replaced');
    this.#warnings.add(
      'parent-through-symlink',
      tree.layer,
      path,
      'is a symlink with entries below it: replaced by a directory, as overlay engines show it',
    );
    return tree.createImplied(parent, name);
  }

  #fileAsParent(wanted: CleanPath, file: NodeId): ShipperError {
    const tree = this.#tree;
    const type = tree.typeOf(file);
    return this.#refuse(
      wanted,
      `its parent ${quote(tree.path(file))} is a ${type}, from layer ${tree.inodes.layer(tree.names.inode(file)) + 1}, and not a directory`,
    );
  }

  #refuse(wanted: CleanPath, reason: string): ShipperError {
    return new ShipperError('BAD_LAYER', `Cannot place entry ${quote(wanted)}: ${reason}`, {
      entry: quote(wanted).slice(1, -1),
    });
  }
}
