// The names of a root file system: which directory holds which name. Rows in columns, names in one byte arena, lookup
// by an open-addressing table over (parent, name). Hard links are several nodes with one inode.
import { IntTable } from './table.ts';

/** A node of a {@link PathTree}; 0 is none. */
export type NodeId = number;

const NONE: NodeId = 0;
const ROOT: NodeId = 1;
const TOMBSTONE = -1;
const FIRST_SLOTS = 4096;
const FIRST_ARENA_BYTES = 65_536;

// Fields of a row.
const PARENT = 0;
const FIRST_CHILD = 1;
const NEXT = 2;
const PREVIOUS = 3;
const INODE = 4;
const STAMP = 5;
const NAME_AT = 6;
const NAME_LENGTH = 7;
const FIELDS = 8;

/** A tree of names, each with an inode number. Names are latin1 strings of at most 255 bytes. */
export class PathTree {
  readonly root: NodeId = ROOT;
  readonly #rows = new IntTable(FIELDS);
  #arena = Buffer.allocUnsafeSlow(FIRST_ARENA_BYTES);
  #arenaUsed = 0;
  #arenaGarbage = 0;
  #slots = new Int32Array(FIRST_SLOTS);
  #slotsUsed = 0;
  #rowCount = ROOT + 1;
  #freeRow = NONE;
  #live = 1;

  constructor(rootInode: number) {
    this.#rows.set(ROOT, INODE, rootInode);
  }

  /** How many nodes there are, the root among them. */
  get size(): number {
    return this.#live;
  }

  /** The node of a name in a directory; 0 when there is none. */
  child(parent: NodeId, name: string): NodeId {
    const node = this.#slots[this.#find(parent, name)] ?? NONE;
    return node === TOMBSTONE ? NONE : node;
  }

  /** Adds a name that `parent` does not hold yet. */
  add(parent: NodeId, name: string, inode: number): NodeId {
    if ((this.#slotsUsed + 1) * 5 > this.#slots.length * 3) this.#rehash();
    const node = this.#allocate();
    this.#storeName(node, name);
    this.#rows.set(node, PARENT, parent);
    this.#rows.set(node, INODE, inode);
    this.#rows.set(node, STAMP, 0);
    this.#rows.set(node, FIRST_CHILD, NONE);
    this.#linkSibling(parent, node);
    const slot = this.#find(parent, name);
    if (this.#slots[slot] === NONE) this.#slotsUsed += 1;
    this.#slots[slot] = node;
    this.#live += 1;
    return node;
  }

  /** Removes a node that has no children (remove those first) and is not the root. */
  remove(node: NodeId): void {
    this.#slots[this.#slotOf(node)] = TOMBSTONE;
    this.#unlinkSibling(node);
    this.#arenaGarbage += this.#rows.get(node, NAME_LENGTH);
    this.#rows.set(node, NEXT, this.#freeRow);
    this.#rows.set(node, INODE, -1);
    this.#freeRow = node;
    this.#live -= 1;
  }

  parent(node: NodeId): NodeId {
    return node === ROOT ? ROOT : this.#rows.get(node, PARENT);
  }

  firstChild(node: NodeId): NodeId {
    return this.#rows.get(node, FIRST_CHILD);
  }

  nextSibling(node: NodeId): NodeId {
    return this.#rows.get(node, NEXT);
  }

  inode(node: NodeId): number {
    return this.#rows.get(node, INODE);
  }

  setInode(node: NodeId, inode: number): void {
    this.#rows.set(node, INODE, inode);
  }

  /** A small number that the merge keeps with a node: the layer that named it last, plus one. */
  stamp(node: NodeId): number {
    return this.#rows.get(node, STAMP);
  }

  setStamp(node: NodeId, stamp: number): void {
    this.#rows.set(node, STAMP, stamp);
  }

  name(node: NodeId): string {
    const at = this.#rows.getUnsigned(node, NAME_AT);
    return this.#arena.toString('latin1', at, at + this.#rows.get(node, NAME_LENGTH));
  }

  /** The path from the root, without a leading slash; the root is the empty string. */
  path(node: NodeId): string {
    const parts: string[] = [];
    for (let at = node; at !== ROOT; at = this.parent(at)) parts.push(this.name(at));
    return parts.reverse().join('/');
  }

  /** Children in the order of their name's bytes. */
  sortedChildren(node: NodeId): Int32Array {
    let count = 0;
    for (let at = this.firstChild(node); at !== NONE; at = this.nextSibling(at)) count += 1;
    const children = new Int32Array(count);
    // The newest stands first, and archives are mostly sorted: from behind, little is left to do.
    for (let at = this.firstChild(node), i = count - 1; at !== NONE; at = this.nextSibling(at)) {
      children[i] = at;
      i -= 1;
    }
    return this.#areSorted(children) ? children : children.sort((a, b) => this.#compareNames(a, b));
  }

  #areSorted(nodes: Int32Array): boolean {
    for (let i = 1; i < nodes.length; i += 1) {
      if (this.#compareNames(nodes[i - 1] ?? NONE, nodes[i] ?? NONE) > 0) return false;
    }
    return true;
  }

  /** `top` and all below it, children before parents. The callback may remove the node that it is given. */
  walkUp(top: NodeId, visit: (node: NodeId) => void): void {
    let node = this.#deepest(top);
    for (;;) {
      const next = this.nextSibling(node);
      const parent = this.parent(node);
      visit(node);
      if (node === top) return;
      node = next === NONE ? parent : this.#deepest(next);
    }
  }

  #deepest(from: NodeId): NodeId {
    let node = from;
    for (let down = node; down !== NONE; down = this.firstChild(node)) node = down;
    return node;
  }

  #allocate(): NodeId {
    const free = this.#freeRow;
    if (free !== NONE) {
      this.#freeRow = this.#rows.get(free, NEXT);
      return free;
    }
    this.#rowCount += 1;
    return this.#rowCount - 1;
  }

  #linkSibling(parent: NodeId, node: NodeId): void {
    const first = this.#rows.get(parent, FIRST_CHILD);
    this.#rows.set(node, NEXT, first);
    this.#rows.set(node, PREVIOUS, NONE);
    if (first !== NONE) this.#rows.set(first, PREVIOUS, node);
    this.#rows.set(parent, FIRST_CHILD, node);
  }

  #unlinkSibling(node: NodeId): void {
    const previous = this.#rows.get(node, PREVIOUS);
    const next = this.#rows.get(node, NEXT);
    if (previous === NONE) this.#rows.set(this.#rows.get(node, PARENT), FIRST_CHILD, next);
    else this.#rows.set(previous, NEXT, next);
    if (next !== NONE) this.#rows.set(next, PREVIOUS, previous);
  }

  #storeName(node: NodeId, name: string): void {
    if (this.#arenaUsed + name.length > this.#arena.length) this.#makeArenaRoom(name.length);
    this.#arena.write(name, this.#arenaUsed, 'latin1');
    this.#rows.set(node, NAME_AT, this.#arenaUsed);
    this.#rows.set(node, NAME_LENGTH, name.length);
    this.#arenaUsed += name.length;
  }

  /** Twice the room, or the same without the names that are gone, where they are half of it. */
  #makeArenaRoom(bytes: number): void {
    const from = this.#arena;
    const isHalfGarbage = this.#arenaGarbage * 2 > from.length;
    const needed = this.#arenaUsed - this.#arenaGarbage + bytes;
    this.#arena = Buffer.allocUnsafeSlow(
      isHalfGarbage
        ? Math.max(from.length, needed)
        : Math.max(from.length * 2, from.length + bytes),
    );
    if (isHalfGarbage) this.#moveNames(from);
    else this.#arena.set(from.subarray(0, this.#arenaUsed));
  }

  #moveNames(from: Uint8Array): void {
    this.#arenaUsed = 0;
    this.#arenaGarbage = 0;
    for (let node = ROOT + 1; node < this.#rowCount; node += 1) {
      if (this.#rows.get(node, INODE) === -1) continue;
      const at = this.#rows.getUnsigned(node, NAME_AT);
      const length = this.#rows.get(node, NAME_LENGTH);
      for (let i = 0; i < length; i += 1) this.#arena[this.#arenaUsed + i] = from[at + i] ?? 0;
      this.#rows.set(node, NAME_AT, this.#arenaUsed);
      this.#arenaUsed += length;
    }
  }

  #compareNames(a: NodeId, b: NodeId): number {
    const atA = this.#rows.getUnsigned(a, NAME_AT);
    const atB = this.#rows.getUnsigned(b, NAME_AT);
    const lengthA = this.#rows.get(a, NAME_LENGTH);
    const lengthB = this.#rows.get(b, NAME_LENGTH);
    const common = Math.min(lengthA, lengthB);
    for (let i = 0; i < common; i += 1) {
      const difference = (this.#arena[atA + i] ?? 0) - (this.#arena[atB + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }

  /** The slot of (parent, name): its node's, or the free one where it belongs. */
  #find(parent: NodeId, name: string): number {
    const mask = this.#slots.length - 1;
    let slot = hashName(parent, name) & mask;
    let reusable = -1;
    for (;;) {
      const node = this.#slots[slot] ?? NONE;
      if (node === NONE) return reusable < 0 ? slot : reusable;
      if (node === TOMBSTONE) {
        if (reusable < 0) reusable = slot;
      } else if (this.#rows.get(node, PARENT) === parent && this.#isNamed(node, name)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** The slot that holds a node. */
  #slotOf(node: NodeId): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hashOf(node) & mask;
    while (this.#slots[slot] !== node) slot = (slot + 1) & mask;
    return slot;
  }

  /** As `hashName` of its parent and name. */
  #hashOf(node: NodeId): number {
    const at = this.#rows.getUnsigned(node, NAME_AT);
    const end = at + this.#rows.get(node, NAME_LENGTH);
    let value = hashStart(this.#rows.get(node, PARENT));
    for (let i = at; i < end; i += 1) value = hashByte(value, this.#arena[i] ?? 0);
    return hashEnd(value);
  }

  #isNamed(node: NodeId, name: string): boolean {
    if (this.#rows.get(node, NAME_LENGTH) !== name.length) return false;
    const at = this.#rows.getUnsigned(node, NAME_AT);
    for (let i = 0; i < name.length; i += 1) {
      if (this.#arena[at + i] !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Drops tombstones; doubles the table where live nodes fill it. */
  #rehash(): void {
    const factor = this.#live * 5 > this.#slots.length ? 2 : 1;
    this.#slots = new Int32Array(this.#slots.length * factor);
    this.#slotsUsed = 0;
    const mask = this.#slots.length - 1;
    for (let node = ROOT + 1; node < this.#rowCount; node += 1) {
      if (this.#rows.get(node, INODE) === -1) continue;
      let slot = this.#hashOf(node) & mask;
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
      this.#slots[slot] = node;
      this.#slotsUsed += 1;
    }
  }
}

/** FNV-1a over the parent's number and the name, with a final mix so that low bits are good. */
function hashName(parent: NodeId, name: string): number {
  let value = hashStart(parent);
  for (let i = 0; i < name.length; i += 1) value = hashByte(value, name.charCodeAt(i));
  return hashEnd(value);
}

function hashStart(parent: NodeId): number {
  return Math.imul(parent ^ 0x811c9dc5, 0x01000193);
}

function hashByte(value: number, byte: number): number {
  return Math.imul(value ^ byte, 0x01000193);
}

function hashEnd(value: number): number {
  const mixed = value ^ (value >>> 15);
  return Math.imul(mixed, 0x2c1b3c6d) ^ (mixed >>> 12);
}
