// The first argument of every effectful function: how to report, when to stop, what time it is.
import { ShipperError } from './errors.ts';
import type { Clock, Report, Scope, ShipperEvent } from './events.ts';

/** Progress, cancellation and time. */
export interface Context {
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly scope: Scope;
}

/** A context that adds `scope` to every event. */
export function narrow(ctx: Context, scope: Scope): Context {
  return { ...ctx, scope: { ...ctx.scope, ...scope } };
}

/** Throws `INTERRUPTED` once the signal has aborted. */
export function throwIfAborted(ctx: Context): void {
  if (ctx.signal.aborted) throw interruption(ctx.signal);
}

/** What to throw when `signal` has aborted. */
export function interruption(signal: AbortSignal | undefined): ShipperError {
  if (signal?.reason instanceof ShipperError) return signal.reason;
  return new ShipperError('INTERRUPTED', 'Cannot go on: the run was cancelled', {
    cause: signal?.reason,
  });
}

/** Reports something that a person should know. */
export function note(ctx: Context, level: 'info' | 'warn', message: string): void {
  ctx.report({ type: 'note', level, message, scope: ctx.scope });
}

/** A running task: call `advance` as bytes go by, `finish` once. */
export interface TaskMeter {
  advance(bytes: number): void;
  finish(outcome?: 'done' | 'failed'): void;
}

const REPORT_EVERY_MS = 100;
let lastTask = 0;

/** Starts a task and returns its meter, which reports at most every 100 ms, and first and last. */
export function startTask(ctx: Context, title: string, totalBytes?: number): TaskMeter {
  lastTask += 1;
  const id = `t${lastTask}`;
  const started = ctx.clock.monotonic();
  let doneBytes = 0;
  let reported = started;
  const send = (event: ShipperEvent) => ctx.report(event);
  send({
    type: 'task.started',
    id,
    title,
    ...(totalBytes === undefined ? {} : { totalBytes }),
    scope: ctx.scope,
  });
  return {
    advance(bytes) {
      doneBytes += bytes;
      const now = ctx.clock.monotonic();
      if (now - reported < REPORT_EVERY_MS) return;
      reported = now;
      send({ type: 'task.progress', id, doneBytes, scope: ctx.scope });
    },
    finish(outcome = 'done') {
      const seconds = (ctx.clock.monotonic() - started) / 1000;
      send({ type: 'task.finished', id, outcome, doneBytes, seconds, scope: ctx.scope });
    },
  };
}
