// Work that must be done by a time.
import type { Context } from '../core/context.ts';
import type { ShipperError } from '../core/errors.ts';
import { orAborted } from '../core/until-aborted.ts';

/** The result of `work`, whose signal aborts after `ms`; rejects with `late()` then. */
export async function withDeadline<T>(
  ctx: Context,
  ms: number,
  late: () => ShipperError,
  work: (ctx: Context) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const alarm = new AbortController();
  const signal = AbortSignal.any([ctx.signal, stop.signal]);
  const ring = () => stop.abort(late());
  void ctx.clock.sleep(ms, alarm.signal).then(ring, () => undefined);
  try {
    return await orAborted(signal, work({ ...ctx, signal }));
  } finally {
    alarm.abort();
  }
}
