// One piece of work on many hosts side by side: each has its own time and its own failure, and none waits for another.
import { type Context, interruption, narrow } from '../core/context.ts';
import { withDetails } from '../core/errors.ts';
import { expectListeners } from '../core/own-abort.ts';
import { runAll } from '../core/pool.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { within } from '../rollout/within.ts';
import { GroupResult, type HostResult } from './group-result.ts';
import type { Target, Targets } from './targets.ts';

/** How the work is spread. */
export interface FanOut {
  readonly targets: Targets;
  /** At most so many hosts at once. */
  readonly parallel: number;
  /** For all of it on one host; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** An engine may do nothing for so long while it is waited for. */
  readonly patienceMs: number;
  /** Only the hosts of these names. Default all. */
  readonly only?: (name: string) => boolean;
}

/** Takes a result as soon as it is there, while others are still at work. */
export type Told<T> = (result: HostResult<T>) => void;

/** What is done on one host: its results, each told to `told` when it is there. What it throws is the host's failure. */
export type HostWork<T> = (
  ctx: Context,
  host: RolloutHost,
  told: Told<T>,
) => Promise<readonly HostResult<T>[]>;

/**
 * Does `work` on every host; `what` is for messages. Rejects with `INTERRUPTED` alone, once all hosts have ended: whatever else
 * fails is a result.
 */
export async function fanOut<T>(
  ctx: Context,
  { targets, parallel, timeoutMs, patienceMs, only = () => true }: FanOut,
  what: string,
  work: HostWork<T>,
  told: Told<T> = () => undefined,
): Promise<GroupResult<T>> {
  expectListeners(ctx.signal);
  const meant = targets.list.filter(({ name }) => only(name));
  const found = new Map<Target, readonly HostResult<T>[]>();
  const run = async (target: Target) => {
    const inside = narrow(ctx, { host: target.name });
    const act = async (limited: Context) => {
      const host = await targets.connect(limited, target, patienceMs);
      return work(limited, host, told);
    };
    try {
      const limit = `${what} on ${target.name}`;
      const done = timeoutMs === undefined ? act(inside) : within(inside, timeoutMs, limit, act);
      found.set(target, await done);
    } catch (cause) {
      const error = withDetails(cause, { host: target.name });
      const result = { host: target.name, ok: false, error } as const;
      found.set(target, [result]);
      if (!ctx.signal.aborted) told(result);
    }
  };
  await runAll(
    meant.map((target) => () => run(target)),
    parallel,
  );
  if (ctx.signal.aborted) throw interruption(ctx.signal);
  return new GroupResult(
    meant.flatMap((target) => found.get(target) ?? []),
    meant.map(({ name }) => name),
  );
}

/** One value of each host. */
export function onHosts<T>(
  ctx: Context,
  spread: FanOut,
  what: string,
  work: (ctx: Context, host: RolloutHost) => Promise<T>,
  told?: Told<T>,
): Promise<GroupResult<T>> {
  const one: HostWork<T> = async (inside, host, tell) => {
    const result = { host: host.name, ok: true, value: await work(inside, host) } as const;
    tell(result);
    return [result];
  };
  return fanOut(ctx, spread, what, one, told);
}

/** What is done to each of some containers on a host, side by side: one that fails does not keep the others. */
export async function onEach<C extends { readonly name: string }, T>(
  { name: host }: Pick<RolloutHost, 'name'>,
  containers: readonly C[],
  work: (container: C) => Promise<T>,
  told: Told<T>,
): Promise<readonly HostResult<T>[]> {
  const found = new Map<C, HostResult<T>>();
  const run = async (container: C) => {
    const place = { host, container: container.name };
    const tell = (result: HostResult<T>) => {
      found.set(container, result);
      told(result);
    };
    try {
      tell({ ...place, ok: true, value: await work(container) });
    } catch (cause) {
      tell({ ...place, ok: false, error: withDetails(cause, { host }) });
    }
  };
  await runAll(
    containers.map((container) => () => run(container)),
    Math.max(1, containers.length),
  );
  return containers.flatMap((container) => found.get(container) ?? []);
}
