// Many tasks under a cap. The only file that imports p-queue.
import PQueue from 'p-queue';
import type { Context } from './context.ts';
import { ShipperError } from './errors.ts';
import { ownAbort } from './own-abort.ts';

/** Runs all tasks, at most `concurrency` at once. The first failure is thrown after every started task has ended. */
export async function runAll(
  tasks: readonly (() => Promise<void>)[],
  concurrency: number,
): Promise<void> {
  const queue = new PQueue({ concurrency: Math.max(1, concurrency) });
  let failure: { readonly error: unknown } | undefined;
  const run = async (task: () => Promise<void>) => {
    // What has not started yet need not start any more; what has started must end, or it would outlive its files.
    if (failure !== undefined) return;
    try {
      await task();
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(tasks.map((task) => queue.add(() => run(task))));
  if (failure !== undefined) throw failure.error;
}

/**
 * As {@link runAll}, begun in order and all or none: the first failure aborts the context that the others were given, so that
 * they end early.
 */
export async function runTogether(
  ctx: Context,
  tasks: readonly ((ctx: Context) => Promise<void>)[],
  concurrency: number,
): Promise<void> {
  const stop = ownAbort(ctx.signal);
  const inside = { ...ctx, signal: stop.signal };
  const run = (task: (ctx: Context) => Promise<void>) => async () => {
    try {
      await task(inside);
    } catch (error) {
      stop.abort(new ShipperError('INTERRUPTED', 'Cannot go on: another task failed'));
      throw error;
    }
  };
  try {
    await runAll(tasks.map(run), concurrency);
  } finally {
    stop.release();
  }
}

/** Runs a task when its turn comes. */
export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/** A gate through which at most `concurrency` tasks are at once, in the order in which they came. */
export function gate(concurrency: number): Gate {
  const queue = new PQueue({ concurrency: Math.max(1, concurrency) });
  return <T>(task: () => Promise<T>) => queue.add(task) as Promise<T>;
}
