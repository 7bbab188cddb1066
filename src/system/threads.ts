// Hashing and writing off the main thread: they are half of the work of a flatten.
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { interruption } from '../core/context.ts';
import type { DigestAlgorithm } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import { CodecThreads, hasStepwiseZlib } from './codec-threads.ts';
import { FileThread } from './file-thread.ts';
import { type HashFileJob, type StreamHasher, THREAD_FROM_BYTES, type Threads } from './system.ts';

/** Threads that hash files at once; the hasher of the output has one of its own beside them. */
const FILE_THREADS = 2;
const READ_BYTES = 262_144;

/** Real threads, started when they are first needed. Chunks are written by one of those that hash files. */
export function nodeThreads(cores: number): Threads & ChunkWriter {
  const limit = Math.min(FILE_THREADS, Math.max(1, cores - 1));
  let fileThreads: FileThread[] = [];
  /** Started ahead for the next stream. */
  let spare: FileThread | undefined;

  const running = (): readonly FileThread[] => {
    fileThreads = fileThreads.filter((thread) => !thread.hasEnded);
    return fileThreads;
  };

  const started = (): FileThread => {
    const thread = new FileThread();
    fileThreads.push(thread);
    return thread;
  };

  /** The one with the least to do; a new one as long as there may be more and all have something. */
  const threadForFile = (): FileThread => {
    const [first, ...others] = running();
    const least = others.reduce<FileThread | undefined>(
      (best, each) => (best === undefined || each.queuedBytes < best.queuedBytes ? each : best),
      first,
    );
    const isFree = least?.queuedBytes === 0;
    if (least !== undefined && (isFree || fileThreads.length >= limit)) return least;
    return started();
  };

  let codecs: CodecThreads | undefined;

  return {
    get codecs() {
      codecs ??= hasStepwiseZlib() ? new CodecThreads(cores) : undefined;
      return codecs;
    },
    warm() {
      if (fileThreads.length > 0) return;
      started();
      spare = new FileThread();
    },
    hasher(algorithm, bytes) {
      if (bytes !== undefined && bytes < THREAD_FROM_BYTES) return hasherHere(algorithm);
      const thread = spare ?? new FileThread();
      spare = undefined;
      return thread.stream(algorithm);
    },
    async hashFile(job) {
      if (job.signal?.aborted) throw interruption(job.signal);
      return job.length < THREAD_FROM_BYTES ? hashFileHere(job) : await threadForFile().file(job);
    },
    write(fd, bytes, position) {
      const [thread = started()] = running();
      return thread.write(fd, bytes, position);
    },
    async close() {
      const ended = fileThreads.filter((thread) => thread.isIdle);
      fileThreads = fileThreads.filter((thread) => !ended.includes(thread));
      if (spare !== undefined) ended.push(spare);
      spare = undefined;
      await Promise.all([...ended.map((thread) => thread.end()), codecs?.close()]);
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
