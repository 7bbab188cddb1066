// What compressors have in common.

/** How layers are stored. */
export type Compression =
  | { readonly kind: 'none' }
  | { readonly kind: 'gzip'; readonly level: number }
  | { readonly kind: 'zstd'; readonly level: number };

/** Takes bytes in order and gives compressed bytes in order. */
export interface Compressor {
  /** Resolves when `chunk` may be overwritten. Calls may overlap; the order of calls is the order of bytes. */
  take(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything was given to the output. */
  finish(): Promise<void>;
}

/** Takes compressed bytes; called again only after it resolved. Their memory may be used again then. */
export type CompressedOutput = (bytes: Uint8Array) => Promise<void>;

/** A block to deflate, in memory that is shared with threads. */
export interface DeflateJob {
  readonly level: number;
  /** The dictionary, then the block. */
  readonly input: Uint8Array;
  readonly dictionaryBytes: number;
  /** Room for a block that grows. */
  readonly output: Uint8Array;
}

/** Deflates a block so that it ends on a byte and is not the last one; resolves with the bytes of `output`. */
export type Deflate = (job: DeflateJob) => Promise<number>;
