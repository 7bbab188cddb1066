// Tells when a registry has done too little for too long. It counts only while somebody waits for the registry: a reader
// that pauses, or a body that is still being made, is no fault of the other side (`faults.md` R29).
import type { Clock } from '../core/events.ts';

/** How long a registry may do nothing, or little; in milliseconds and bytes. */
export interface Patience {
  /** Until a connection stands, TLS included. */
  readonly connectMs: number;
  /** Until an answer begins, and between two pieces of a body, in either direction. */
  readonly idleMs: number;
  /** Until the answer to a request that makes it work: it may check the digest of all that it was sent. */
  readonly thinkMs: number;
  /** Within this time of waiting for a body ... */
  readonly progressMs: number;
  /** ... so many bytes must come or go. */
  readonly progressBytes: number;
}

/** What registries get. */
export const PATIENCE: Patience = {
  connectMs: 30_000,
  idleMs: 60_000,
  thinkMs: 300_000,
  progressMs: 60_000,
  progressBytes: 1_048_576,
};

/** Watches one exchange. Close it. */
export class Watch {
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #onTimeout: (state: string) => void;
  readonly #closed = new AbortController();
  #isKept = false;
  /** Since when nothing came; undefined while nobody waits. */
  #silentSince: number | undefined;
  #limitMs = 0;
  /** Since when this wait counts as one for a body. */
  #flowSince: number | undefined;
  #flowMs = 0;
  #flowBytes = 0;

  /** `onTimeout` is called once, with what happened as a clause. */
  constructor(clock: Clock, patience: Patience, onTimeout: (state: string) => void) {
    this.#clock = clock;
    this.#patience = patience;
    this.#onTimeout = onTimeout;
  }

  /** From now on the registry has `limitMs` to answer. */
  waitForHead(limitMs: number): void {
    this.rest();
    this.#begin(limitMs);
  }

  /** From now on it is for the registry to take or give bytes. */
  waitForBytes(): void {
    this.#begin(this.#patience.idleMs);
    this.#flowSince = this.#silentSince;
  }

  /** Bytes came or went; 0 for any other sign of life. */
  moved(bytes: number): void {
    this.#flowBytes += bytes;
    if (this.#flowBytes >= this.#patience.progressBytes) {
      this.#flowBytes = 0;
      this.#flowMs = 0;
      if (this.#flowSince !== undefined) this.#flowSince = this.#clock.monotonic();
    }
    if (this.#silentSince !== undefined) this.#silentSince = this.#clock.monotonic();
  }

  /** From now on it is our side that takes the time. */
  rest(): void {
    if (this.#flowSince !== undefined) this.#flowMs += this.#clock.monotonic() - this.#flowSince;
    this.#flowSince = undefined;
    this.#silentSince = undefined;
  }

  /** Ends the watch. May be called twice. */
  close(): void {
    this.#closed.abort();
  }

  #begin(limitMs: number): void {
    this.#silentSince = this.#clock.monotonic();
    this.#limitMs = limitMs;
    if (this.#isKept) return;
    this.#isKept = true;
    void this.#keep();
  }

  async #keep(): Promise<void> {
    const { idleMs } = this.#patience;
    while (!this.#closed.signal.aborted) {
      const leftMs = Math.min(this.#silentLeftMs(), this.#flowLeftMs());
      if (leftMs <= 0) {
        this.#onTimeout(this.#state());
        return;
      }
      // Never longer than `idleMs`: a shorter limit may begin while this sleeps. It rejects when the watch ends.
      await this.#clock.sleep(Math.min(leftMs, idleMs), this.#closed.signal).catch(() => undefined);
    }
  }

  #silentLeftMs(): number {
    if (this.#silentSince === undefined) return Number.POSITIVE_INFINITY;
    return this.#silentSince + this.#limitMs - this.#clock.monotonic();
  }

  #flowLeftMs(): number {
    if (this.#flowSince === undefined) return Number.POSITIVE_INFINITY;
    const waitedMs = this.#flowMs + this.#clock.monotonic() - this.#flowSince;
    return this.#patience.progressMs - waitedMs;
  }

  #state(): string {
    if (this.#silentLeftMs() <= 0) return `nothing came or went for ${this.#limitMs / 1000} s`;
    const seconds = this.#patience.progressMs / 1000;
    return `only ${this.#flowBytes} bytes came or went in ${seconds} s`;
  }
}
