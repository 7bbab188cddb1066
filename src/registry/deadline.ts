// Work that must be done by a time.
import type { Context } from '../core/context.ts';
import type { ShipperError } from '../core/errors.ts';
import { ownAbort } from '../core/own-abort.ts';
import { orAborted } from '../core/until-aborted.ts';

/** The result of `work`, whose signal aborts after `ms`; rejects with `late()` then. */
export async function withDeadline<T>(
  ctx: Context,
  ms: number,
  late: () => ShipperError,
  work: (ctx: Context) => Promise<T>,
): Promise<T> {
  const stop = ownAbort(ctx.signal);
  const alarm = new AbortController();
  const ring = () => stop.abort(late());
  void ctx.clock.sleep(ms, alarm.signal).then(ring, () => undefined);
  try {
    return await orAborted(stop.signal, work({ ...ctx, signal: stop.signal }));
  } finally {
    alarm.abort();
    stop.release();
  }
}
