// What one layer over kept ones must hold so that the whole is the merged root file system (`flatten.md` 5). A function of
// two trees, that of the kept layers and the final one, and of nothing else: not of the layers that led from one to the
// other.
import type { EntryHead } from '../tar/entry.ts';
import type { Content, InodeFacts, InodeId } from './inodes.ts';
import type { NodeId } from './path-tree.ts';
import type { RootTree } from './root-tree.ts';
import { linkStep, type PlanStep, whiteoutStep } from './step.ts';
import { IntTable } from './table.ts';

/** Whether two pieces of content are the same bytes. They have the same size, and lie in different places. */
export type SameContent = (a: Content, b: Content) => boolean;

// What is known of a final inode that is no directory: the inode of the base that all its names belong to, or:
/** It has no name yet. */
const UNSEEN = 0;
/** It must be written: some name of it is not in the base, or is something else there. */
const WRITTEN = -1;

/** A name of the final tree, and what the base has there. */
interface Pair {
  readonly node: NodeId;
  readonly path: string;
  /** 0 for nothing. */
  readonly base: NodeId;
}

/** The difference of two trees, as the steps of a layer. */
export class BaseDifference {
  readonly #base: RootTree;
  readonly #final: RootTree;
  readonly #sameContent: SameContent;
  /** By final inode: where it lives on. */
  readonly #origins = new IntTable(1);
  /** By inode of the base: the final inode that lives on in it. */
  readonly #heirs = new IntTable(1);
  /** By final node: 1 where it has an entry, or something below it has. */
  readonly #marks = new IntTable(1);

  constructor(base: RootTree, final: RootTree, sameContent: SameContent) {
    this.#base = base;
    this.#final = final;
    this.#sameContent = sameContent;
    for (const pair of this.#walk(() => true)) this.#compare(pair);
    for (const pair of this.#walk(() => true)) this.#settle(pair);
  }

  /** The entries in canonical order: in a folder whiteouts first, then names. May be iterated any number of times. */
  *steps(): Generator<PlanStep, void, undefined> {
    const carriers = new IntTable(1);
    yield* this.#rootStep();
    yield* this.#whiteouts(this.#final.root, this.#base.root, '');
    for (const { node, path, base } of this.#walk((each) => this.#isMarked(each))) {
      yield this.#step(node, path, carriers);
      if (this.#isFolder(node)) yield* this.#whiteouts(node, base, path);
    }
  }

  /** Every name for which `enter` is true, parents first, siblings by name bytes. */
  *#walk(enter: (node: NodeId) => boolean): Generator<Pair, void, undefined> {
    const { names } = this.#final;
    const open = [
      { path: '', base: this.#base.root, at: 0, children: names.sortedChildren(names.root) },
    ];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const node = top.children[top.at];
      if (node === undefined) {
        open.pop();
        continue;
      }
      top.at += 1;
      if (!enter(node)) continue;
      const name = names.name(node);
      const path = top.path === '' ? name : `${top.path}/${name}`;
      const base = top.base === 0 ? 0 : this.#base.names.child(top.base, name);
      yield { node, path, base };
      if (names.firstChild(node) === 0) continue;
      const below = base !== 0 && this.#base.isDirectory(base) ? base : 0;
      open.push({ path, base: below, at: 0, children: names.sortedChildren(node) });
    }
  }

  /** Marks folders that differ; of everything else, finds the inode of the base that it may live on in. */
  #compare({ node, base }: Pair): void {
    if (!this.#isFolder(node)) {
      this.#compareInode(this.#final.names.inode(node), base);
      return;
    }
    const isFolder = base !== 0 && this.#base.isDirectory(base);
    if (!isFolder || !this.#isSameFolder(node, base) || this.#hasVanished(node, base)) {
      this.#mark(node);
    }
  }

  #compareInode(inode: InodeId, base: NodeId): void {
    const known = this.#origins.get(inode, 0);
    if (known === WRITTEN) return;
    const found = base === 0 ? WRITTEN : this.#base.names.inode(base);
    if (known === UNSEEN) {
      const isSame = found !== WRITTEN && this.#isSameInode(inode, found);
      this.#origins.set(inode, 0, isSame ? found : WRITTEN);
    } else if (known !== found) this.#origins.set(inode, 0, WRITTEN);
  }

  /** One inode of the base lives on in one of the final tree: the first by path, where it was cut in two. */
  #settle({ node }: Pair): void {
    if (this.#isFolder(node)) return;
    const inode = this.#final.names.inode(node);
    const base = this.#origins.get(inode, 0);
    if (base !== WRITTEN) {
      const heir = this.#heirs.get(base, 0);
      if (heir === 0) this.#heirs.set(base, 0, inode);
      if (heir === 0 || heir === inode) return;
      this.#origins.set(inode, 0, WRITTEN);
    }
    this.#mark(node);
  }

  /** A folder above an entry has one too: engines make it 0755 root:root where it has none. */
  #mark(node: NodeId): void {
    const { names } = this.#final;
    for (let at = node; at !== names.root && !this.#isMarked(at); at = names.parent(at)) {
      this.#marks.set(at, 0, 1);
    }
  }

  #isMarked(node: NodeId): boolean {
    return this.#marks.get(node, 0) === 1;
  }

  #isFolder(node: NodeId): boolean {
    return this.#final.isDirectory(node);
  }

  #isSameFolder(node: NodeId, base: NodeId): boolean {
    const a = this.#final.inodes.facts(this.#final.names.inode(node));
    return isSameFacts(a, this.#base.inodes.facts(this.#base.names.inode(base)));
  }

  #isSameInode(inode: InodeId, base: InodeId): boolean {
    const a = this.#final.inodes.head(inode, '');
    const b = this.#base.inodes.head(base, '');
    if (!isSameHead(a, b)) return false;
    if (a.type !== 'file' || a.size === 0) return true;
    const contentA = this.#final.inodes.content(inode);
    const contentB = this.#base.inodes.content(base);
    const isOnePlace = contentA.layer === contentB.layer && contentA.offset === contentB.offset;
    return isOnePlace || this.#sameContent(contentA, contentB);
  }

  /** Names of a folder of the base that do not survive, in the order of their bytes. */
  *#vanished(node: NodeId, base: NodeId): Generator<string, void, undefined> {
    const { names } = this.#base;
    for (const child of names.sortedChildren(base)) {
      const name = names.name(child);
      if (this.#final.names.child(node, name) === 0) yield name;
    }
  }

  #hasVanished(node: NodeId, base: NodeId): boolean {
    return !this.#vanished(node, base).next().done;
  }

  *#whiteouts(node: NodeId, base: NodeId, path: string): Generator<PlanStep, void, undefined> {
    if (base === 0 || !this.#base.isDirectory(base)) return;
    for (const name of this.#vanished(node, base)) yield whiteoutStep(path, name);
  }

  *#rootStep(): Generator<PlanStep, void, undefined> {
    const inode = this.#final.names.inode(this.#final.root);
    const timeless = { mtimeSeconds: 0, mtimeNanos: 0 };
    const head = { ...this.#final.inodes.head(inode, ''), ...timeless };
    const base = this.#base.inodes.head(this.#base.names.inode(this.#base.root), '');
    if (!isSameHead(head, { ...base, ...timeless })) yield { head, inode, content: undefined };
  }

  #step(node: NodeId, path: string, carriers: IntTable): PlanStep {
    const { names, inodes } = this.#final;
    const inode = names.inode(node);
    const head = inodes.head(inode, path);
    if (head.type !== 'directory' && inodes.names(inode) > 1) {
      const carrier: NodeId = carriers.get(inode, 0);
      if (carrier !== 0) return linkStep(head, this.#final.path(carrier), inode);
      carriers.set(inode, 0, node);
    }
    return { head, inode, content: head.type === 'file' ? inodes.content(inode) : undefined };
  }
}

function isSameHead(a: EntryHead, b: EntryHead): boolean {
  return (
    a.type === b.type &&
    a.size === b.size &&
    a.linkTarget === b.linkTarget &&
    a.devMajor === b.devMajor &&
    a.devMinor === b.devMinor &&
    isSameFacts(a, b)
  );
}

function isSameFacts(a: InodeFacts, b: InodeFacts): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanos === b.mtimeNanos &&
    isSameXattrs(a.xattrs, b.xattrs)
  );
}

function isSameXattrs(a: InodeFacts['xattrs'], b: InodeFacts['xattrs']): boolean {
  if ((a?.size ?? 0) !== (b?.size ?? 0)) return false;
  return [...(a ?? [])].every(([name, value]) => b?.get(name) === value);
}
