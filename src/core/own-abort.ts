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
  // One listener a follower, each taken back at the end: many are no leak.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}
