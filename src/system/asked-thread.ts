// A worker thread that answers requests in their order, started from the source text of its program: so it runs the same from
// `dist`, from a bundle and from a test runner.
import { Worker } from 'node:worker_threads';
import { ShipperError } from '../core/errors.ts';

/** An answer. `error` says why there is none, `code` which system call failed. */
export interface Reply {
  readonly id: number;
  readonly error?: string;
  readonly code?: string;
}

interface Waiter<R> {
  readonly resolve: (reply: R) => void;
  readonly reject: (error: unknown) => void;
}

/** One worker and the answers that are awaited from it. */
export class AskedThread<Q, R extends Reply> {
  readonly #verb: string;
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter<R>>();
  #lastId = 0;
  #failure: ShipperError | undefined;

  /** `verb` is what messages say that it does. */
  constructor(program: () => void, verb: string) {
    this.#verb = verb;
    this.#worker = new Worker(`(${program.toString()})()`, {
      eval: true,
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: R) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(threadFailure(error)));
    this.#worker.on('exit', () => this.#fail('the thread has ended'));
  }

  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  /** How many answers are awaited. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Sends what is not answered. */
  tell(request: Q): void {
    this.#worker.postMessage(request);
  }

  /** Sends a request; resolves with its answer, also one that is an error. */
  ask(make: (id: number) => Q): Promise<R> {
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

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(reply: R): void {
    const waiter = this.#waiters.get(reply.id);
    this.#waiters.delete(reply.id);
    if (this.#waiters.size === 0) this.#worker.unref();
    waiter?.resolve(reply);
  }

  #fail(reason: string): void {
    this.#failure ??= new ShipperError('IO', `Cannot ${this.#verb}: ${reason}`);
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
