// Long computations that let others in: a signal is only seen when the event loop turns.
import type { Context } from './context.ts';
import { throwIfAborted } from './context.ts';

/** A pause costs a millisecond, so that this is at most 1 % of the time; nobody notices a Ctrl-C that waits so long. */
const PAUSE_EVERY_MS = 150;

/**
 * Carries out a computation that yields where it may be interrupted; rejects with `INTERRUPTED` when the run is
 * cancelled meanwhile. Yield every thousand steps or so: asking for the time is not free.
 */
export async function inSlices<T>(
  ctx: Context,
  work: Generator<undefined, T, undefined>,
): Promise<T> {
  let pausedMs = ctx.clock.monotonic();
  for (let step = work.next(); ; step = work.next()) {
    if (step.done) return step.value;
    if (ctx.clock.monotonic() - pausedMs < PAUSE_EVERY_MS) continue;
    await ctx.clock.sleep(0, ctx.signal);
    throwIfAborted(ctx);
    pausedMs = ctx.clock.monotonic();
  }
}

/** The same at one go. */
export function atOnce<T>(work: Generator<undefined, T, undefined>): T {
  for (let step = work.next(); ; step = work.next()) if (step.done) return step.value;
}
