// Time that passes only when everybody sleeps: hours of a rollout in milliseconds, the same each time.
import type { Clock } from '../../src/core/events.ts';

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly owner: VirtualProcess;
  wake(): void;
}

/** A program that lives in virtual time. Once it is killed nothing of it ever goes on. */
export interface VirtualProcess {
  readonly clock: Clock;
  readonly isDead: boolean;
  kill(): void;
}

/** See the head of this file. */
export class VirtualTime {
  readonly #patienceMs: number;
  #nowMs = Date.UTC(2026, 0, 1);
  #order = 0;
  #sleepers: Sleeper[] = [];

  /** With patience, so long is waited in real time for work that nobody sleeps in: that which reads files. */
  constructor(patienceMs = 0) {
    this.#patienceMs = patienceMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A program of its own. */
  process(): VirtualProcess {
    const owner = {
      isDead: false,
      clock: {
        now: () => this.#nowMs,
        monotonic: () => this.#nowMs,
        sleep: (ms: number, signal?: AbortSignal) => this.#sleep(owner, ms, signal),
      },
      kill: () => {
        owner.isDead = true;
        this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.owner !== owner);
      },
    };
    return owner;
  }

  /** Lets time pass until `work` has settled, or `isOver` says so. Fails when nobody sleeps and nothing happens any more. */
  async run<T>(work: Promise<T>, isOver: () => boolean = () => false): Promise<T | undefined> {
    let settled = false;
    const end = () => {
      settled = true;
    };
    work.then(end, end);
    for (let idle = 0; ; ) {
      // Everything that can go on without time goes on: promises, and streams in memory.
      for (let turn = 0; turn < 3 && !settled; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (settled) return work;
      if (isOver()) return undefined;
      if (this.#advance()) idle = 0;
      else if (++idle > 50 + this.#patienceMs) {
        throw new Error('nobody sleeps, and the work does not end');
      } else if (idle > 50) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #advance(): boolean {
    const [first] = this.#sleepers.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    if (first === undefined) return false;
    this.#sleepers.shift();
    this.#nowMs = Math.max(this.#nowMs, first.atMs);
    first.wake();
    return true;
  }

  #sleep(owner: VirtualProcess, ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (owner.isDead) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
        if (!owner.isDead) reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        atMs: this.#nowMs + Math.max(0, ms),
        order: this.#order++,
        owner,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort);
      this.#sleepers.push(sleeper);
    });
  }
}
