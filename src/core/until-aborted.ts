// Waits that a cancelled run does not sit out.
import { interruption } from './context.ts';

/**
 * Gives the chunks of `source`; throws `INTERRUPTED` as soon as `signal` aborts, even while none comes. No generator: the
 * `return` of one waits for its `next`, and a source that is being waited for may never answer.
 */
export function untilAborted<T>(
  signal: AbortSignal,
  source: AsyncIterable<T>,
): AsyncIterableIterator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const done = { done: true, value: undefined } as const;
  let isWaiting = false;
  let isEnded = false;
  const end = async (): Promise<void> => {
    if (isEnded) return;
    isEnded = true;
    const ended = iterator.return?.();
    if (isWaiting) ended?.then(undefined, () => undefined);
    else await ended;
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (isEnded) return done;
      isWaiting = true;
      try {
        const next = await orAborted(signal, iterator.next());
        isWaiting = false;
        if (next.done) isEnded = true;
        return next;
      } catch (error) {
        await end();
        throw error;
      }
    },
    async return() {
      await end();
      return done;
    },
  };
}

/** The result of `work`, or `INTERRUPTED` when `signal` aborts first. The work itself goes on. */
export function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(interruption(signal));
    const forget = () => signal.removeEventListener('abort', stop);
    work.finally(forget).then(resolve, reject);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
