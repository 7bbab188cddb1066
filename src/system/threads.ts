// Hashing off the main thread: SHA-256 is a third of the work of a flatten.
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { interruption } from '../core/context.ts';
import type { DigestAlgorithm } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { orAborted } from '../core/until-aborted.ts';
import { AskedThread } from './asked-thread.ts';
import { CodecThreads, hasStepwiseZlib } from './codec-threads.ts';
import { type HashReply, type HashRequest, hashWorker } from './hash-worker.ts';
import type { HashFileJob, StreamHasher, Threads } from './system.ts';
import type { WriteThread } from './write-thread.ts';

/** Threads that hash files at once; the hasher of the output has one of its own beside them. */
const FILE_THREADS = 2;
/** Less is hashed where it is asked for, in a few milliseconds: a thread takes longer to start. */
const THREAD_FROM_BYTES = 8_388_608;
const READ_BYTES = 262_144;

/** Real threads, started when they are first needed; `writer` ends with them. */
export function nodeThreads(cores: number, writer: WriteThread): Threads {
  const limit = Math.min(FILE_THREADS, Math.max(1, cores - 1));
  let fileThreads: HashThread[] = [];
  /** Started ahead for the next stream. */
  let spare: HashThread | undefined;

  /** The one with the least to do; a new one as long as there may be more and all have something. */
  const threadForFile = (): HashThread => {
    fileThreads = fileThreads.filter((thread) => !thread.hasEnded);
    const [first, ...others] = fileThreads;
    const least = others.reduce<HashThread | undefined>(
      (best, each) => (best === undefined || each.queuedBytes < best.queuedBytes ? each : best),
      first,
    );
    const isFree = least?.queuedBytes === 0;
    if (least !== undefined && (isFree || fileThreads.length >= limit)) return least;
    const started = new HashThread();
    fileThreads.push(started);
    return started;
  };

  let codecs: CodecThreads | undefined;

  return {
    get codecs() {
      codecs ??= hasStepwiseZlib() ? new CodecThreads(cores) : undefined;
      return codecs;
    },
    warm(isWritten) {
      if (fileThreads.length > 0) return;
      fileThreads.push(new HashThread());
      spare = new HashThread();
      if (isWritten) writer.warm();
    },
    hasher(algorithm, bytes) {
      if (bytes !== undefined && bytes < THREAD_FROM_BYTES) return hasherHere(algorithm);
      const thread = spare ?? new HashThread();
      spare = undefined;
      return thread.stream(algorithm);
    },
    async hashFile(job) {
      if (job.signal?.aborted) throw interruption(job.signal);
      return job.length < THREAD_FROM_BYTES ? hashFileHere(job) : await threadForFile().file(job);
    },
    async close() {
      const ended = fileThreads.filter((thread) => thread.queuedBytes === 0);
      fileThreads = fileThreads.filter((thread) => !ended.includes(thread));
      if (spare !== undefined) ended.push(spare);
      spare = undefined;
      await Promise.all([...ended.map((thread) => thread.end()), codecs?.close(), writer.close()]);
    },
  };
}

function hasherHere(algorithm: DigestAlgorithm): StreamHasher {
  const hash = createHash(algorithm);
  return {
    update: async (chunk) => void hash.update(chunk),
    digest: async () => hash.digest('hex'),
    close: () => undefined,
  };
}

function hashFileHere({ fd, offset, length, algorithm }: HashFileJob): string {
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafe(Math.min(length, READ_BYTES));
  for (let at = 0; at < length; ) {
    const wanted = Math.min(buffer.length, length - at);
    const read = readSync(fd, buffer, 0, wanted, offset + at);
    if (read === 0)
      throw new ShipperError('SOURCE_CHANGED', 'Cannot hash: the file became shorter');
    hash.update(buffer.subarray(0, read));
    at += read;
  }
  return hash.digest('hex');
}

/** One worker that hashes. */
class HashThread {
  readonly #thread = new AskedThread<HashRequest, HashReply>(hashWorker, 'hash');
  /** Files in the order in which the thread takes them. */
  readonly #jobs: { readonly length: number }[] = [];

  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

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

  async end(): Promise<void> {
    await this.#thread.end();
  }

  async #ask(make: (id: number) => HashRequest): Promise<HashReply> {
    const reply = await this.#thread.ask(make);
    if (reply.error === undefined) return reply;
    throw new ShipperError('SOURCE_CHANGED', `Cannot hash: ${reply.error}`);
  }
}
