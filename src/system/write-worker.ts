// The program of the thread that writes files. It is started from its own source text, so that it runs the same from `dist`, from
// a bundle and from a test runner; therefore it must not refer to anything outside itself.

/** To the thread: write all of `bytes`, which lie in shared memory, in pieces of `pieceBytes`. */
export interface WriteRequest {
  readonly id: number;
  readonly fd: number;
  readonly bytes: Uint8Array;
  readonly position: number;
  readonly pieceBytes: number;
}

/** From the thread. */
export interface WriteReply {
  readonly id: number;
  readonly error?: string;
  readonly code?: string;
  readonly errno?: number;
}

/** Runs in the thread. */
export function writeWorker(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { writeSync } = process.getBuiltinModule('node:fs');
  parentPort?.on('message', ({ id, fd, bytes, position, pieceBytes }: WriteRequest) => {
    try {
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(pieceBytes, bytes.length - at);
        at += writeSync(fd, bytes, at, length, position + at);
      }
      parentPort.postMessage({ id });
    } catch (error) {
      const { message, code, errno } = error as NodeJS.ErrnoException;
      parentPort.postMessage({ id, error: message, code, errno });
    }
  });
}
