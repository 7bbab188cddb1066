// A call with a limit of its own, on the clock of the run.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { ownAbort } from '../core/own-abort.ts';

/** The result of `work`, which is cancelled after `ms`: `TIMEOUT` then. `what` is what cannot be done, for the message. */
export async function within<T>(
  ctx: Context,
  ms: number,
  what: string,
  work: (ctx: Context) => Promise<T>,
): Promise<T> {
  const call = ownAbort(ctx.signal);
  const timer = new AbortController();
  const late = new ShipperError('TIMEOUT', `Cannot ${what}: it took over ${ms / 1000} seconds`, {
    retryable: true,
  });
  ctx.clock.sleep(ms, timer.signal).then(
    () => call.abort(late),
    () => undefined,
  );
  try {
    return await work({ ...ctx, signal: call.signal });
  } finally {
    timer.abort();
    call.release();
  }
}
