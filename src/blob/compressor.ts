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

/** Takes compressed bytes; called again only after it resolved. */
export type CompressedOutput = (bytes: Uint8Array) => Promise<void>;
