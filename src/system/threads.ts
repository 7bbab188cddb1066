// Hashing off the main thread: SHA-256 is a third of the work of a flatten.
import { Worker } from 'node:worker_threads';
import { interruption } from '../core/context.ts';
import type { DigestAlgorithm } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { orAborted } from '../core/until-aborted.ts';
import { type HashReply, type HashRequest, hashWorker } from './hash-worker.ts';
import type { HashFileJob, StreamHasher, Threads } from './system.ts';

/** Threads that hash files at once; the hasher of the output has one of its own beside them. */
const FILE_THREADS = 2;

/** Real threads, started when they are first needed. */
export function nodeThreads(cores: number): Threads {
  const idle: HashThread[] = [];
  const waiting: ((thread: HashThread) => void)[] = [];
  let fileThreads = 0;
  /** Started ahead for the next stream. */
  let spare: HashThread | undefined;

  const borrowForFile = (): Promise<HashThread> => {
    const free = idle.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (fileThreads < Math.min(FILE_THREADS, Math.max(1, cores - 1))) {
      fileThreads += 1;
      return Promise.resolve(new HashThread());
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  /** A cancelled job ends its thread: whoever waits gets a new one. */
  const giveBack = (thread: HashThread): void => {
    const next = waiting.shift();
    if (next !== undefined) next(thread.hasEnded ? new HashThread() : thread);
    else if (thread.hasEnded) fileThreads -= 1;
    else idle.push(thread);
  };
  /** A cancelled job leaves the queue at once; the thread that it gets later is passed on. */
  const borrowUnlessAborted = async (signal: AbortSignal | undefined): Promise<HashThread> => {
    if (signal === undefined) return borrowForFile();
    if (signal.aborted) throw interruption(signal);
    const borrowing = borrowForFile();
    try {
      return await orAborted(signal, borrowing);
    } catch (error) {
      void borrowing.then(giveBack);
      throw error;
    }
  };

  return {
    warm() {
      if (fileThreads > 0) return;
      fileThreads += 1;
      idle.push(new HashThread());
      spare = new HashThread();
    },
    hasher(algorithm) {
      const thread = spare ?? new HashThread();
      spare = undefined;
      return thread.stream(algorithm);
    },
    async hashFile(job) {
      const thread = await borrowUnlessAborted(job.signal);
      try {
        return await thread.file(job);
      } finally {
        giveBack(thread);
      }
    },
    async close() {
      const ended = idle.splice(0);
      fileThreads -= ended.length;
      if (spare !== undefined) ended.push(spare);
      spare = undefined;
      await Promise.all(ended.map((thread) => thread.end()));
    },
  };
}

interface Waiter {
  readonly resolve: (reply: HashReply) => void;
  readonly reject: (error: unknown) => void;
}

/** One worker and the answers that are awaited from it. */
class HashThread {
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  #lastId = 0;
  #failure: ShipperError | undefined;

  constructor() {
    this.#worker = new Worker(`(${hashWorker.toString()})()`, {
      eval: true,
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: HashReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(threadFailure(error)));
    this.#worker.on('exit', () => this.#fail('the thread has ended'));
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  stream(algorithm: DigestAlgorithm): StreamHasher {
    this.#worker.postMessage({ kind: 'start', algorithm } satisfies HashRequest);
    return {
      update: async (chunk) => {
        await this.#ask((id) => ({ kind: 'update', id, chunk }));
      },
      digest: async () => (await this.#ask((id) => ({ kind: 'digest', id }))).hex ?? '',
      close: () => void this.end(),
    };
  }

  async file({ fd, offset, length, algorithm, signal }: HashFileJob): Promise<string> {
    if (signal?.aborted) throw interruption(signal);
    const stop = () => void this.end();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const reply = await this.#ask((id) => ({ kind: 'file', id, fd, offset, length, algorithm }));
      return reply.hex ?? '';
    } catch (error) {
      if (signal?.aborted) throw interruption(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(make: (id: number) => HashRequest): Promise<HashReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#lastId += 1;
    const id = this.#lastId;
    // The process must not end while an answer is awaited.
    if (this.#waiters.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject });
      this.#worker.postMessage(make(id));
    });
  }

  #settle(reply: HashReply): void {
    const waiter = this.#waiters.get(reply.id);
    this.#waiters.delete(reply.id);
    if (this.#waiters.size === 0) this.#worker.unref();
    if (reply.error === undefined) waiter?.resolve(reply);
    else waiter?.reject(new ShipperError('SOURCE_CHANGED', `Cannot hash: ${reply.error}`));
  }

  #fail(reason: string): void {
    this.#failure ??= new ShipperError('IO', `Cannot hash: ${reason}`);
    for (const waiter of this.#waiters.values()) waiter.reject(this.#failure);
    this.#waiters.clear();
  }
}

/** A thread needs descriptors of its own. */
function threadFailure({ message }: Error): string {
  const [scarce] = /\bE[MN]FILE\b/.exec(message) ?? [];
  return scarce === undefined
    ? `the thread failed: ${message}`
    : `no thread can be started: too many open files (${scarce})`;
}
