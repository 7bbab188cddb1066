// The files behind the names: attributes and where the content lies. A hard-link group is one inode with several names.
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Entry, EntryHead, EntryType, SparseMap } from '../tar/entry.ts';
import { IntTable, WideTable } from './table.ts';

/** A row of an {@link InodeTable}. */
export type InodeId = number;

/** The types that an inode can have. */
export type InodeType = Exclude<EntryType, 'link'>;

const TYPES: readonly InodeType[] = ['file', 'directory', 'symlink', 'char', 'block', 'fifo'];

/** Where the content of a file lies. */
export interface Content {
  /** Zero-based layer, base first. */
  readonly layer: number;
  /** Of the stored bytes in the uncompressed layer tar. */
  readonly offset: number;
  readonly size: number;
  readonly sparse: SparseMap | undefined;
}

/** What an inode is made of. */
export type InodeFacts = Pick<
  Entry,
  'mode' | 'uid' | 'gid' | 'mtimeSeconds' | 'mtimeNanos' | 'xattrs'
>;

// Fields of a row.
// KIND packs what is small: the mode in 12 bits, the type in 4, the layer above them.
const KIND = 0;
const UID = 1;
const GID = 2;
const MTIME_NANOS = 3;
const LINKS = 4;
const XATTRS = 5;
const FIELDS = 6;

const MODE_MASK = 0xfff;
const TYPE_SHIFT = 12;
const TYPE_MASK = 0xf;
const LAYER_SHIFT = 16;

// Wide fields of a row: size and offset of a file's content, or major and minor of a device.
const SIZE = 0;
const MTIME_SECONDS = 1;
const WHERE = 2;
const WIDE_FIELDS = 3;

/** Attributes of every inode, in columns. */
export class InodeTable {
  readonly #rows = new IntTable(FIELDS);
  readonly #wide = new WideTable(WIDE_FIELDS);
  readonly #xattrSets = new XattrSets();
  readonly #symlinks = new Map<InodeId, string>();
  readonly #sparse = new Map<InodeId, SparseMap>();
  readonly #free: InodeId[] = [];
  #count = 1;

  /** Makes an inode of an entry that is not a link, with no names yet. */
  create(entry: Entry, layer: number): InodeId {
    const inode = this.#free.pop() ?? this.#count++;
    const type = entry.type as InodeType;
    this.#setKind(inode, type, layer);
    this.setFacts(inode, entry);
    const isDevice = type === 'char' || type === 'block';
    this.#wide.set(inode, SIZE, isDevice ? entry.devMajor : entry.size);
    this.#wide.set(inode, WHERE, isDevice ? entry.devMinor : entry.dataOffset);
    this.#rows.set(inode, LINKS, 0);
    if (type === 'symlink') this.#symlinks.set(inode, entry.linkTarget);
    if (entry.sparse !== undefined) this.#sparse.set(inode, entry.sparse);
    return inode;
  }

  /** Makes a directory that no entry describes: 0755 root:root, mtime 0 (`flatten.md` 2). */
  createImplied(layer: number): InodeId {
    const inode = this.#free.pop() ?? this.#count++;
    this.#setKind(inode, 'directory', layer);
    this.setFacts(inode, IMPLIED);
    this.#wide.set(inode, SIZE, 0);
    this.#rows.set(inode, LINKS, 0);
    return inode;
  }

  #setKind(inode: InodeId, type: InodeType, layer: number): void {
    this.#rows.set(inode, KIND, (layer << LAYER_SHIFT) | (TYPES.indexOf(type) << TYPE_SHIFT));
  }

  setFacts(inode: InodeId, facts: InodeFacts): void {
    const kind = this.#rows.get(inode, KIND);
    this.#rows.set(inode, KIND, (kind & ~MODE_MASK) | facts.mode);
    this.#rows.set(inode, UID, facts.uid);
    this.#rows.set(inode, GID, facts.gid);
    this.#wide.set(inode, MTIME_SECONDS, facts.mtimeSeconds);
    this.#rows.set(inode, MTIME_NANOS, facts.mtimeNanos);
    this.#rows.set(inode, XATTRS, this.#xattrSets.idOf(facts.xattrs));
  }

  addName(inode: InodeId): void {
    this.#rows.set(inode, LINKS, this.#rows.get(inode, LINKS) + 1);
  }

  /** Takes one name away; returns whether it was the last and the inode is gone. */
  dropName(inode: InodeId): boolean {
    const links = this.#rows.get(inode, LINKS) - 1;
    this.#rows.set(inode, LINKS, links);
    if (links > 0) return false;
    this.#symlinks.delete(inode);
    this.#sparse.delete(inode);
    this.#free.push(inode);
    return true;
  }

  names(inode: InodeId): number {
    return this.#rows.get(inode, LINKS);
  }

  type(inode: InodeId): InodeType {
    return TYPES[(this.#rows.get(inode, KIND) >>> TYPE_SHIFT) & TYPE_MASK] ?? 'file';
  }

  size(inode: InodeId): number {
    return this.#wide.get(inode, SIZE);
  }

  layer(inode: InodeId): number {
    return this.#rows.get(inode, KIND) >>> LAYER_SHIFT;
  }

  symlinkTarget(inode: InodeId): string {
    return this.#symlinks.get(inode) ?? '';
  }

  facts(inode: InodeId): InodeFacts {
    return {
      mode: this.#rows.get(inode, KIND) & MODE_MASK,
      uid: this.#rows.getUnsigned(inode, UID),
      gid: this.#rows.getUnsigned(inode, GID),
      mtimeSeconds: this.#wide.get(inode, MTIME_SECONDS),
      mtimeNanos: this.#rows.get(inode, MTIME_NANOS),
      xattrs: this.#xattrSets.at(this.#rows.get(inode, XATTRS)),
    };
  }

  /** Whether it is what an engine makes where no entry says anything: 0755 root:root without attributes. */
  isPlainDirectory(inode: InodeId): boolean {
    return (
      (this.#rows.get(inode, KIND) & MODE_MASK) === IMPLIED.mode &&
      this.#rows.getUnsigned(inode, UID) === 0 &&
      this.#rows.getUnsigned(inode, GID) === 0 &&
      this.#rows.get(inode, XATTRS) === 0
    );
  }

  /** The canonical header of a name of the inode. */
  head(inode: InodeId, path: string): EntryHead {
    const type = this.type(inode);
    const isDevice = type === 'char' || type === 'block';
    return {
      type,
      path,
      linkTarget: type === 'symlink' ? this.symlinkTarget(inode) : '',
      mode: type === 'symlink' ? 0o777 : this.#rows.get(inode, KIND) & MODE_MASK,
      uid: this.#rows.getUnsigned(inode, UID),
      gid: this.#rows.getUnsigned(inode, GID),
      size: type === 'file' ? this.#wide.get(inode, SIZE) : 0,
      mtimeSeconds: this.#wide.get(inode, MTIME_SECONDS),
      mtimeNanos: this.#rows.get(inode, MTIME_NANOS),
      devMajor: isDevice ? this.#wide.get(inode, SIZE) : 0,
      devMinor: isDevice ? this.#wide.get(inode, WHERE) : 0,
      xattrs: this.#xattrSets.at(this.#rows.get(inode, XATTRS)),
    };
  }

  /** The content of every file that still has a name, in no order. */
  *contents(): Generator<Content, void, undefined> {
    for (let inode = 1; inode < this.#count; inode += 1) {
      if (this.names(inode) > 0 && this.type(inode) === 'file') yield this.content(inode);
    }
  }

  content(inode: InodeId): Content {
    return {
      layer: this.#rows.get(inode, KIND) >>> LAYER_SHIFT,
      offset: this.#wide.get(inode, WHERE),
      size: this.#wide.get(inode, SIZE),
      sparse: this.#sparse.get(inode),
    };
  }
}

/** Attributes of a directory that nothing describes. */
export const IMPLIED: InodeFacts = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
  xattrs: undefined,
};

/** Sets of extended attributes, each kept once: labelled images carry the same few on every file. */
class XattrSets {
  readonly #ids = new Map<string, number>();
  readonly #sets: (ReadonlyMap<string, string> | undefined)[] = [undefined];
  #bytes = 0;

  idOf(set: ReadonlyMap<string, string> | undefined): number {
    if (set === undefined || set.size === 0) return 0;
    const key = [...set].map(([k, v]) => `${k.length}:${v.length}:${k}${v}`).join('');
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#bytes += key.length;
    if (this.#bytes > LIMITS.xattrBytes) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot keep extended attributes: they are over ${LIMITS.xattrBytes} bytes in all`,
      );
    }
    this.#sets.push(set);
    this.#ids.set(key, this.#sets.length - 1);
    return this.#sets.length - 1;
  }

  at(id: number): ReadonlyMap<string, string> | undefined {
    return this.#sets[id];
  }
}
