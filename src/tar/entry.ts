// What one tar entry says, decoded once. Names, link names, keys and values are latin1 strings: one character per byte
// (`core/bytes.ts`), exactly as stored.

/** The kinds of file that a layer can hold. */
export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

/** Data extents of a sparse file: pairs of offset and length in the expanded file, ascending, in bytes. */
export type SparseMap = Float64Array;

/** One entry of a layer. */
export interface Entry {
  /** Tells an entry from the parser's requests. */
  readonly kind: 'entry';
  readonly type: EntryType;
  /** As stored: may begin with `./` or `/`, end with `/`, or hold `..`; see `path.ts`. */
  readonly path: string;
  /** Target of a link or symlink as stored, else empty. */
  readonly linkTarget: string;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Content length in bytes, expanded for a sparse file, 0 for all but files. */
  readonly size: number;
  /** Whole seconds since the epoch, rounded down; may be negative. */
  readonly mtimeSeconds: number;
  /** 0 to 999,999,999. */
  readonly mtimeNanos: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Extended attributes by name, sorted by name; undefined when there are none. */
  readonly xattrs: ReadonlyMap<string, string> | undefined;
  /** Where the header block stands in the tar, in bytes: for messages. */
  readonly headerOffset: number;
  /** Where the stored content begins in the tar, in bytes. */
  readonly dataOffset: number;
  /** Bytes of stored content: less than `size` for a sparse file. */
  readonly storedSize: number;
  readonly sparse: SparseMap | undefined;
  /** PAX keys that have no meaning for a file system and are not carried. */
  readonly unknownKeys: readonly string[] | undefined;
  /** Whether a PAX global header gave something to this entry. */
  readonly governedByGlobal: boolean;
}

/** What the canonical encoder needs of an entry; the path has no trailing slash. */
export interface EntryHead {
  readonly type: EntryType;
  readonly path: string;
  readonly linkTarget: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, string> | undefined;
}

/** Size of a tar block, in bytes. */
export const BLOCK = 512;

/** `bytes` rounded up to whole blocks. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}
