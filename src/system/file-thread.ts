// A thread that hashes files and streams, and writes chunks, as the main thread sees it.
import { interruption } from '../core/context.ts';
import type { DigestAlgorithm } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { orAborted } from '../core/until-aborted.ts';
import { AskedThread } from './asked-thread.ts';
import { type ChunkWriter, WRITE_BYTES } from './chunk-writer.ts';
import { type FileReply, type FileRequest, fileWorker } from './file-worker.ts';
import type { HashFileJob, StreamHasher } from './system.ts';

/** One worker. Chunks, of a stream or to write, pass the files that wait, and have their turn between the pieces of the one that is hashed. */
export class FileThread implements ChunkWriter {
  readonly #thread = new AskedThread<FileRequest, FileReply>(fileWorker, 'hash');
  /** Files in the order in which the thread takes them. */
  readonly #jobs: { readonly length: number }[] = [];

  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

  /** Whether nothing is awaited of it. */
  get isIdle(): boolean {
    return this.#thread.waiting === 0;
  }

  /** A hasher of which the thread can have one at a time. */
  stream(algorithm: DigestAlgorithm): StreamHasher {
    this.#thread.tell({ kind: 'start', algorithm });
    return {
      update: async (chunk) => {
        await this.#ask((id) => ({ kind: 'update', id, chunk }));
      },
      digest: async () => (await this.#ask((id) => ({ kind: 'digest', id }))).hex ?? '',
      close: () => void this.end(),
    };
  }

  /**
   * Bytes of the files that wait and of the one that is being hashed. Jobs are handed over at once: the thread goes on to
   * the next while the main thread plans and cannot say so.
   */
  get queuedBytes(): number {
    return this.#jobs.reduce((sum, { length }) => sum + length + 1, 0);
  }

  async file({ fd, offset, length, algorithm, signal }: HashFileJob): Promise<string> {
    const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const job = { length };
    this.#jobs.push(job);
    const hashing = this.#ask((id) => ({
      kind: 'file',
      id,
      fd,
      offset,
      length,
      algorithm,
      stop,
    })).finally(() => this.#jobs.splice(this.#jobs.indexOf(job), 1));
    const cancelled = new AbortController();
    const cancel = () => {
      Atomics.store(stop, 0, 1);
      // What runs ends within a chunk, and its file must not be closed before.
      if (this.#jobs[0] !== job) cancelled.abort(signal?.reason);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return (await orAborted(cancelled.signal, hashing)).hex ?? '';
    } catch (error) {
      if (signal?.aborted) throw interruption(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async write(fd: number, bytes: Uint8Array, position: number): Promise<boolean> {
    const reply = await this.#thread
      .ask((id) => ({ kind: 'write', id, fd, bytes, position, pieceBytes: WRITE_BYTES }))
      // There is no such thread, which needs descriptors of its own.
      .catch(() => undefined);
    if (reply?.error === undefined) return reply !== undefined;
    const { error, code, errno } = reply;
    throw Object.assign(new Error(error), { code, errno });
  }

  async end(): Promise<void> {
    await this.#thread.end();
  }

  async #ask(make: (id: number) => FileRequest): Promise<FileReply> {
    const reply = await this.#thread.ask(make);
    if (reply.error === undefined) return reply;
    throw new ShipperError('SOURCE_CHANGED', `Cannot hash: ${reply.error}`);
  }
}
