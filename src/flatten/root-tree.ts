// The root file system while layers are applied: names and inodes together, and the removals that come of it.
import type { Entry } from '../tar/entry.ts';
import type { CleanPath } from '../tar/path.ts';
import { IMPLIED, type InodeFacts, type InodeId, InodeTable, type InodeType } from './inodes.ts';
import { type NodeId, PathTree } from './path-tree.ts';
import { type RemovalReason, RemovedFiles } from './removed.ts';

/** What one layer did, for `inspect`. */
export interface LayerEffect {
  /** Entries in the layer, marks included. */
  entries: number;
  /** Names that it brought or changed. */
  placed: number;
  /** Bytes of file content that it brought. */
  bytes: number;
  /** Names of lower layers that it deleted or replaced. */
  hiddenPaths: number;
  /** Bytes that went with them. */
  hiddenBytes: number;
  /** Bytes of files that it replaced by files of the same name, of what it brought. */
  replacingBytes: number;
}

/** A mutable root file system. */
export class RootTree {
  readonly names: PathTree;
  readonly inodes: InodeTable = new InodeTable();
  readonly removed: RemovedFiles;
  readonly effects: LayerEffect[] = [];
  /** Layer that is being applied, zero-based. */
  layer = 0;
  /** Told of every node that goes. */
  onRemove: (node: NodeId) => void = () => undefined;

  /** `keptLayers` of the layers that will be applied stay in the result as they are. */
  constructor(keptLayers = 0) {
    this.removed = new RemovedFiles(keptLayers);
    const root = this.inodes.createImplied(0);
    this.inodes.addName(root);
    this.names = new PathTree(root);
  }

  get root(): NodeId {
    return this.names.root;
  }

  /** Starts a layer. */
  beginLayer(layer: number): LayerEffect {
    this.layer = layer;
    const effect: LayerEffect = {
      entries: 0,
      placed: 0,
      bytes: 0,
      hiddenPaths: 0,
      hiddenBytes: 0,
      replacingBytes: 0,
    };
    this.effects[layer] = effect;
    return effect;
  }

  get effect(): LayerEffect {
    return this.effects[this.layer] ?? this.beginLayer(this.layer);
  }

  typeOf(node: NodeId): InodeType {
    return this.inodes.type(this.names.inode(node));
  }

  isDirectory(node: NodeId): boolean {
    return this.typeOf(node) === 'directory';
  }

  path(node: NodeId): CleanPath {
    return this.names.path(node);
  }

  /** Whether an entry of the current layer named the node. */
  isOwn(node: NodeId): boolean {
    return this.names.stamp(node) === this.layer + 1;
  }

  /** Marks a node as named by the current layer. */
  own(node: NodeId): void {
    this.names.setStamp(node, this.layer + 1);
  }

  /** Adds a name with a new inode. */
  create(parent: NodeId, name: string, entry: Entry): NodeId {
    return this.link(parent, name, this.inodes.create(entry, this.layer));
  }

  /** Adds a name to an inode. */
  link(parent: NodeId, name: string, inode: InodeId): NodeId {
    this.inodes.addName(inode);
    return this.names.add(parent, name, inode);
  }

  /** Adds a directory that no entry describes. */
  createImplied(parent: NodeId, name: string): NodeId {
    return this.link(parent, name, this.inodes.createImplied(this.layer));
  }

  setFacts(node: NodeId, facts: InodeFacts): void {
    this.inodes.setFacts(this.names.inode(node), facts);
  }

  /** Makes a directory what engines make of one that they have to invent. */
  resetToImplied(node: NodeId): void {
    this.setFacts(node, IMPLIED);
  }

  /** Removes a node and all below it. */
  remove(top: NodeId, reason: RemovalReason): void {
    this.names.walkUp(top, (node) => this.#removeOne(node, reason));
  }

  /** Removes everything below a directory, and keeps the directory. */
  removeChildren(directory: NodeId, reason: RemovalReason): void {
    for (let child = this.names.firstChild(directory); child !== 0; ) {
      const next = this.names.nextSibling(child);
      this.remove(child, reason);
      child = next;
    }
  }

  #removeOne(node: NodeId, reason: RemovalReason): void {
    const { inodes, names } = this;
    const inode = names.inode(node);
    this.onRemove(node);
    const isLast = inodes.names(inode) === 1;
    const bytes = isLast && inodes.type(inode) === 'file' ? inodes.size(inode) : 0;
    this.removed.add(bytes, inodes.layer(inode), this.layer, reason, () => names.path(node));
    if (reason !== 'excluded') {
      this.effect.hiddenPaths += 1;
      this.effect.hiddenBytes += bytes;
    }
    names.remove(node);
    inodes.dropName(inode);
  }
}
