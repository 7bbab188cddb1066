// Writes of whole chunks beside the main thread, in pieces that are cheap for every kernel.

/**
 * More at once is not faster anywhere, and several times slower where memory is taken back from a virtual machine: for a large
 * write Linux puts large pieces of memory into its cache, which are those that have to be asked for again
 * (docs/decisions/0038).
 */
export const WRITE_BYTES = 65_536;

/** Less is written by Node's pool: a thread takes longer to start. */
const THREAD_FROM_BYTES = 262_144;

/** Writes chunks to files beside the main thread. */
export interface ChunkWriter {
  /** Writes all of `bytes`, which lie in shared memory. Rejects with the error of the system call; `false` where there is no thread. */
  write(fd: number, bytes: Uint8Array, position: number): Promise<boolean>;
}

/** Whether a {@link ChunkWriter} is to write `bytes`. */
export function isChunk(bytes: Uint8Array): boolean {
  return bytes.length >= THREAD_FROM_BYTES && bytes.buffer instanceof SharedArrayBuffer;
}
