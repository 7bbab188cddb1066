// The log of one container from where it was left: a connection that breaks is opened again, and no line is lost or told twice.
import { type Context, note } from '../core/context.ts';
import { isShipperError, messageOf } from '../core/errors.ts';
import type { Clock } from '../core/events.ts';
import { given } from '../core/given.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { troubleOf } from '../rollout/host.ts';
import type { FleetContainer } from './fleet-container.ts';
import type { LineSource } from './line-merge.ts';
import type { FleetLine } from './output.ts';

/** What is read of a log. */
export interface LogRequest {
  /** Go on with what comes. Default false. */
  readonly follow?: boolean;
  /** At most so many of the last lines of each container. Default all. */
  readonly tail?: number;
  /** Only what is newer: seconds since the epoch, by the host's clock. */
  readonly sinceSeconds?: number;
}

/** A time, or milliseconds before now, as a log is asked for it. */
export function sinceSeconds(clock: Clock, since: Date | number | undefined): number | undefined {
  if (since === undefined) return undefined;
  return (typeof since === 'number' ? clock.now() - since : since.getTime()) / 1000;
}

/** Where a log was left. */
export interface LogPlace {
  /** Time of the last line that was told; empty before the first. */
  time: string;
  /** How many lines of exactly that time were told. */
  told: number;
}

/** After a connection broke it is tried again so often, in milliseconds. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5000;

/**
 * Reads the log of `container` into `source` up to its end, from `place` on. With `follow` a broken connection is made again,
 * however long that takes. Resolves when the container has ended, or its log without `follow`.
 */
export async function readLog(
  ctx: Context,
  host: RolloutHost,
  container: FleetContainer,
  request: LogRequest,
  place: LogPlace,
  source: LineSource<FleetLine>,
): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; ; ) {
    const before = `${place.time} ${place.told}`;
    try {
      await readOnce(ctx, host, container, request, place, source);
      return;
    } catch (error) {
      // Gone with its log.
      if (isShipperError(error, 'NOT_FOUND')) return;
      if (ctx.signal.aborted || !request.follow || troubleOf(error) === 'final') throw error;
      if (before !== `${place.time} ${place.told}`) pauseMs = FIRST_PAUSE_MS;
      note(ctx, 'info', `${messageOf(error)}; trying again`);
    }
    await ctx.clock.sleep(pauseMs, ctx.signal);
    pauseMs = Math.min(LAST_PAUSE_MS, pauseMs * 2);
  }
}

async function readOnce(
  ctx: Context,
  host: RolloutHost,
  container: FleetContainer,
  { follow, tail, sinceSeconds }: LogRequest,
  place: LogPlace,
  source: LineSource<FleetLine>,
): Promise<void> {
  const isFirst = place.time === '';
  // The engine gives lines of that very moment once more.
  let again = isFirst ? 0 : place.told;
  const from = place.time;
  const since = isFirst ? sinceSeconds?.toFixed(9) : secondsOf(from);
  const options = {
    timestamps: true,
    ...given({ follow, since, tail: isFirst ? tail : undefined }),
  };
  for await (const { stream, text } of host.engine.containers.logs(ctx, container.id, options)) {
    const space = text.indexOf(' ');
    const time = space < 0 ? text : text.slice(0, space);
    if (time === from && again > 0) {
      again -= 1;
      continue;
    }
    place.told = time === place.time ? place.told + 1 : 1;
    place.time = time;
    const line = { container, stream, text: space < 0 ? '' : text.slice(space + 1), time };
    const room = source.push(line);
    if (room !== undefined) await room;
  }
}

/** `2026-01-31T12:00:00.123456789Z` as the API wants it: `1769860800.123456789`. */
export function secondsOf(time: string): string {
  const seconds = Math.floor(Date.parse(time) / 1000);
  const [, digits = ''] = /\.(\d+)/.exec(time) ?? [];
  return `${seconds}.${digits.padEnd(9, '0').slice(0, 9)}`;
}
