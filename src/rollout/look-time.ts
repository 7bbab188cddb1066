// What a look shows was so at some moment between its asking and its answer, which a slow network may take minutes for. So a
// state has lasted for sure only from the answer to one look to the asking of a later one.
import type { Clock } from '../core/events.ts';

/** Of one look, in milliseconds on a clock that never jumps. */
export interface LookTime {
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Looks, and says when. */
export async function timedLook<T>(
  clock: Clock,
  look: () => Promise<T>,
): Promise<readonly [T, LookTime]> {
  const askedMs = clock.monotonic();
  const seen = await look();
  return [seen, { askedMs, answeredMs: clock.monotonic() }];
}
