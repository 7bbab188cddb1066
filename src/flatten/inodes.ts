// The files behind the names: attributes and where the content lies. A hard-link group is one inode with several names.
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Entry, EntryHead, EntryType, SparseMap } from '../tar/entry.ts';
import { Column } from './column.ts';

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

const DEVICE_SHIFT = 0x1_0000_0000;

/** Attributes of every inode, in columns. */
export class InodeTable {
  readonly #type = new Column(new Uint8Array(0));
  readonly #mode = new Column(new Uint16Array(0));
  readonly #uid = new Column(new Uint32Array(0));
  readonly #gid = new Column(new Uint32Array(0));
  readonly #size = new Column(new Float64Array(0));
  readonly #mtimeSeconds = new Column(new Float64Array(0));
  readonly #mtimeNanos = new Column(new Uint32Array(0));
  readonly #layer = new Column(new Uint16Array(0));
  /** Offset of a file's content, or both numbers of a device. */
  readonly #where = new Column(new Float64Array(0));
  readonly #links = new Column(new Uint32Array(0));
  readonly #xattrs = new Column(new Uint32Array(0));
  readonly #xattrSets = new XattrSets();
  readonly #symlinks = new Map<InodeId, string>();
  readonly #sparse = new Map<InodeId, SparseMap>();
  readonly #free: InodeId[] = [];
  #rows = 1;

  /** Makes an inode of an entry that is not a link, with no names yet. */
  create(entry: Entry, layer: number): InodeId {
    const inode = this.#free.pop() ?? this.#rows++;
    const type = entry.type as InodeType;
    this.#type.set(inode, TYPES.indexOf(type));
    this.setFacts(inode, entry);
    this.#size.set(inode, entry.size);
    this.#layer.set(inode, layer);
    this.#links.set(inode, 0);
    const isDevice = type === 'char' || type === 'block';
    this.#where.set(
      inode,
      isDevice ? entry.devMajor * DEVICE_SHIFT + entry.devMinor : entry.dataOffset,
    );
    if (type === 'symlink') this.#symlinks.set(inode, entry.linkTarget);
    if (entry.sparse !== undefined) this.#sparse.set(inode, entry.sparse);
    return inode;
  }

  /** Makes a directory that no entry describes: 0755 root:root, mtime 0 (`flatten.md` 2). */
  createImplied(layer: number): InodeId {
    const inode = this.#free.pop() ?? this.#rows++;
    this.#type.set(inode, TYPES.indexOf('directory'));
    this.setFacts(inode, IMPLIED);
    this.#size.set(inode, 0);
    this.#layer.set(inode, layer);
    this.#links.set(inode, 0);
    return inode;
  }

  setFacts(inode: InodeId, facts: InodeFacts): void {
    this.#mode.set(inode, facts.mode);
    this.#uid.set(inode, facts.uid);
    this.#gid.set(inode, facts.gid);
    this.#mtimeSeconds.set(inode, facts.mtimeSeconds);
    this.#mtimeNanos.set(inode, facts.mtimeNanos);
    this.#xattrs.set(inode, this.#xattrSets.idOf(facts.xattrs));
  }

  addName(inode: InodeId): void {
    this.#links.set(inode, this.#links.get(inode) + 1);
  }

  /** Takes one name away; returns whether it was the last and the inode is gone. */
  dropName(inode: InodeId): boolean {
    const links = this.#links.get(inode) - 1;
    this.#links.set(inode, links);
    if (links > 0) return false;
    this.#symlinks.delete(inode);
    this.#sparse.delete(inode);
    this.#free.push(inode);
    return true;
  }

  names(inode: InodeId): number {
    return this.#links.get(inode);
  }

  type(inode: InodeId): InodeType {
    return TYPES[this.#type.get(inode)] ?? 'file';
  }

  size(inode: InodeId): number {
    return this.#size.get(inode);
  }

  layer(inode: InodeId): number {
    return this.#layer.get(inode);
  }

  symlinkTarget(inode: InodeId): string {
    return this.#symlinks.get(inode) ?? '';
  }

  facts(inode: InodeId): InodeFacts {
    return {
      mode: this.#mode.get(inode),
      uid: this.#uid.get(inode),
      gid: this.#gid.get(inode),
      mtimeSeconds: this.#mtimeSeconds.get(inode),
      mtimeNanos: this.#mtimeNanos.get(inode),
      xattrs: this.#xattrSets.at(this.#xattrs.get(inode)),
    };
  }

  /** Whether it is what an engine makes where no entry says anything: 0755 root:root without attributes. */
  isPlainDirectory(inode: InodeId): boolean {
    return (
      this.#mode.get(inode) === IMPLIED.mode &&
      this.#uid.get(inode) === 0 &&
      this.#gid.get(inode) === 0 &&
      this.#xattrs.get(inode) === 0
    );
  }

  /** The canonical header of a name of the inode. */
  head(inode: InodeId, path: string): EntryHead {
    const type = this.type(inode);
    const isDevice = type === 'char' || type === 'block';
    const where = this.#where.get(inode);
    return {
      type,
      path,
      linkTarget: type === 'symlink' ? this.symlinkTarget(inode) : '',
      mode: type === 'symlink' ? 0o777 : this.#mode.get(inode),
      uid: this.#uid.get(inode),
      gid: this.#gid.get(inode),
      size: type === 'file' ? this.#size.get(inode) : 0,
      mtimeSeconds: this.#mtimeSeconds.get(inode),
      mtimeNanos: this.#mtimeNanos.get(inode),
      devMajor: isDevice ? Math.floor(where / DEVICE_SHIFT) : 0,
      devMinor: isDevice ? where % DEVICE_SHIFT : 0,
      xattrs: this.#xattrSets.at(this.#xattrs.get(inode)),
    };
  }

  content(inode: InodeId): Content {
    return {
      layer: this.#layer.get(inode),
      offset: this.#where.get(inode),
      size: this.#size.get(inode),
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
