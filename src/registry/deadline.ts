// Work that must be done by a time.
import { type Context, interruption } from '../core/context.ts';
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
  const cancel = () => stop.abort(interruption(ctx.signal));
  if (ctx.signal.aborted) cancel();
  ctx.signal.addEventListener('abort', cancel, { once: true });
  const ring = () => stop.abort(late());
  void ctx.clock.sleep(ms, alarm.signal).then(ring, () => undefined);
  try {
    return await orAborted(stop.signal, work({ ...ctx, signal: stop.signal }));
  } finally {
    alarm.abort();
    ctx.signal.removeEventListener('abort', cancel);
  }
}
