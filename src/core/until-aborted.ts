// Waits that a cancelled run does not sit out.
import { interruption } from './context.ts';

/** Gives the chunks of `source`; throws `INTERRUPTED` as soon as `signal` aborts, even while none comes. */
export async function* untilAborted<T>(
  signal: AbortSignal,
  source: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let isWaiting = false;
  try {
    for (;;) {
      isWaiting = true;
      const next = await orAborted(signal, iterator.next());
      isWaiting = false;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // A source that is being waited for may never answer, so its end is asked for and not awaited.
    const ended = iterator.return?.();
    if (isWaiting) ended?.then(undefined, () => undefined);
    else await ended;
  }
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
