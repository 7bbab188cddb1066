// Threads that compress and decompress. One for every core, started when they are first needed; a stream stays with its thread.
import type { DigestAlgorithm } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { AskedThread } from './asked-thread.ts';
import { type CodecReply, type CodecRequest, codecWorker } from './codec-worker.ts';
import { fileError } from './node-files.ts';
import type { Codecs, DeflateJob, GunzipStream } from './system.ts';

/**
 * Whether zlib of this Node can be called step by step into memory of ours, as its own `gunzipSync` does: by members that are
 * not documented. Without them Node's own thread pool is used.
 */
export function hasStepwiseZlib(): boolean {
  const gunzip = process.getBuiltinModule('node:zlib').createGunzip();
  const { _handle, _writeState } = gunzip as {
    _handle?: { writeSync?: unknown };
    _writeState?: unknown;
  };
  const isStepwise = typeof _handle?.writeSync === 'function' && _writeState instanceof Uint32Array;
  gunzip.destroy();
  return isStepwise;
}

type CodecThread = AskedThread<CodecRequest, CodecReply> & { streams?: number };

/** As many threads as there are cores. */
export class CodecThreads implements Codecs {
  readonly #limit: number;
  #threads: CodecThread[] = [];
  #lastStream = 0;

  constructor(cores: number) {
    this.#limit = Math.max(1, cores);
  }

  /** Deflates a block; returns how many bytes of `output` it has. */
  async deflate({ level, input, dictionaryBytes, output }: DeflateJob): Promise<number> {
    const { produced, error } = await this.#free((thread) => thread.waiting).ask((id) => ({
      kind: 'deflate',
      id,
      level,
      input,
      dictionaryBytes,
      output,
    }));
    if (produced !== undefined) return produced;
    throw new ShipperError('IO', `Cannot compress: ${error}`);
  }

  /** Begins a stream. */
  gunzip(stored: DigestAlgorithm, tar: DigestAlgorithm): GunzipStream {
    const thread = this.#free(({ streams = 0 }) => streams);
    this.#lastStream += 1;
    const stream = this.#lastStream;
    thread.streams = (thread.streams ?? 0) + 1;
    thread.tell({ kind: 'open', stream, stored, tar });
    let isOpen = true;
    return {
      async step(input, target, isLast) {
        const output =
          target instanceof Uint8Array
            ? target
            : { fd: target.file.fd, position: target.position, room: target.room };
        const ask = (id: number): CodecRequest => ({
          kind: 'step',
          id,
          stream,
          input,
          output,
          isLast,
        });
        const { consumed = 0, produced = 0, error, code } = await thread.ask(ask);
        if (error === undefined) return { consumed, produced };
        if (code !== undefined && !(target instanceof Uint8Array))
          throw fileError('write', target.file.path, Object.assign(new Error(error), { code }));
        throw new ShipperError('BAD_COMPRESSION', `Cannot decompress gzip: ${error}`);
      },
      async digests() {
        const { stored = '', tar = '' } = await thread.ask((id) => ({
          kind: 'digests',
          id,
          stream,
        }));
        return { stored, tar };
      },
      close() {
        if (!isOpen) return;
        isOpen = false;
        thread.streams = (thread.streams ?? 1) - 1;
        thread.tell({ kind: 'close', stream });
      },
    };
  }

  /** Ends the threads that do nothing. */
  async close(): Promise<void> {
    const isIdle = ({ waiting, streams = 0 }: CodecThread) => waiting === 0 && streams === 0;
    const ended = this.#threads.filter(isIdle);
    this.#threads = this.#threads.filter((thread) => !ended.includes(thread));
    await Promise.all(ended.map((thread) => thread.end()));
  }

  /** The one with the least to do; a new one as long as there may be more and all have something. */
  #free(load: (thread: CodecThread) => number): CodecThread {
    this.#threads = this.#threads.filter((thread) => !thread.hasEnded);
    const [least] = this.#threads.toSorted((a, b) => load(a) - load(b));
    const isNew = this.#threads.length < this.#limit;
    if (least !== undefined && (load(least) === 0 || !isNew)) return least;
    const started: CodecThread = new AskedThread(codecWorker, 'decompress');
    this.#threads.push(started);
    return started;
  }
}
