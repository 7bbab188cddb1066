// A cancellation of one's own inside that of a run.
import { setMaxListeners } from 'node:events';
import { interruption } from './context.ts';

/** A signal that aborts with the run's, or by itself. */
export interface OwnAbort {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Stops following. Every follower has to: listeners on the signal of a long run add up. */
  release(): void;
}

/** Follows `signal` until it is released; its reason is what to throw then. */
export function ownAbort(signal: AbortSignal): OwnAbort {
  const own = new AbortController();
  const release = onAbort(signal, () => own.abort(interruption(signal)));
  return { signal: own.signal, abort: (reason) => own.abort(reason), release };
}

/** Calls `listener` once `signal` has aborted, at once where it has. Returns how to take it back, which everybody has to. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  expectListeners(signal);
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** Says that many will listen to `signal`, each taking its listener back at the end: that is no leak. */
export function expectListeners(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}

/** A signal that never aborts, for what must come to its end whatever becomes of the run. */
export function neverAborts(): AbortSignal {
  const { signal } = new AbortController();
  expectListeners(signal);
  return signal;
}
