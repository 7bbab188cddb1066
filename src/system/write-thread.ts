// Writes of whole chunks beside the main thread, in pieces that are cheap for every kernel.
import { AskedThread } from './asked-thread.ts';
import { type WriteReply, type WriteRequest, writeWorker } from './write-worker.ts';

/**
 * More at once is not faster anywhere, and several times slower where memory is taken back from a virtual machine: for a large
 * write Linux puts large pieces of memory into its cache, which are those that have to be asked for again
 * (docs/decisions/0038).
 */
export const WRITE_BYTES = 65_536;

/** Less is written by Node's pool: a thread takes longer to start. */
const THREAD_FROM_BYTES = 262_144;

/** The thread that writes chunks to files; started when it is first needed. */
export class WriteThread {
  #thread: AskedThread<WriteRequest, WriteReply> | undefined;

  /** Writes all of `bytes`; `false` where it is not done here. Rejects with the error of the system call. */
  async write(fd: number, bytes: Uint8Array, position: number): Promise<boolean> {
    if (bytes.length < THREAD_FROM_BYTES || !(bytes.buffer instanceof SharedArrayBuffer))
      return false;
    const reply = await this.#started()
      .ask((id) => ({ id, fd, bytes, position, pieceBytes: WRITE_BYTES }))
      // There is no such thread, which needs descriptors of its own.
      .catch(() => undefined);
    if (reply?.error === undefined) return reply !== undefined;
    const { error, code, errno } = reply;
    throw Object.assign(new Error(error), { code, errno });
  }

  /** Starts it before the first write. */
  warm(): void {
    this.#started();
  }

  #started(): AskedThread<WriteRequest, WriteReply> {
    this.#thread ??= new AskedThread<WriteRequest, WriteReply>(writeWorker, 'write');
    return this.#thread;
  }

  /** Ends it where it has nothing to do; the next write starts another one. */
  async close(): Promise<void> {
    if (this.#thread?.waiting !== 0) return;
    const ended = this.#thread;
    this.#thread = undefined;
    await ended.end();
  }
}
