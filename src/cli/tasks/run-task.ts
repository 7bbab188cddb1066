// One task, run: its ship, its context, what it prints and its exit code.

import type { Context } from '../../core/context.ts';
import { interruption } from '../../core/context.ts';
import { given } from '../../core/given.ts';
import { orAborted } from '../../core/until-aborted.ts';
import { resultsText } from '../../report/results-text.ts';
import { safeLines } from '../../report/text.ts';
import type { System } from '../../system/system.ts';
import type { TaskCommand } from '../../tasks/command.ts';
import { failedTask } from '../../tasks/failure-place.ts';
import type { Shipfile } from '../../tasks/load-shipfile.ts';
import { around, startRun, type TaskContext } from '../../tasks/task.ts';
import { isHostResults, noteResults, type Seen, watchedShip } from '../../tasks/watched-ship.ts';
import { EXIT } from '../exit-code.ts';
import { printAnswer, type Session, withProgress } from '../session.ts';
import type { Settings } from '../settings.ts';
import type { TargetFlags } from './task-options.ts';

/** What the ship of a task is made of. */
export interface ShipChoice {
  readonly environment?: string;
  readonly hosts?: readonly string[];
  readonly config?: string;
  readonly group?: string;
  readonly parallel?: number;
  readonly dryRun?: boolean;
  readonly system: System;
  readonly signal: AbortSignal;
  readonly report: Context['report'];
}

/** Makes the ship of a run. */
export type MakeShip = (choice: ShipChoice) => Promise<object>;

/** What a task is run with. */
export interface TaskRun {
  readonly shipfile: Shipfile;
  readonly command: TaskCommand;
  readonly values: Readonly<Record<string, unknown>>;
  readonly flags: TargetFlags;
  readonly makeShip: MakeShip;
  /** `shipper db migrate`. */
  readonly title: string;
}

/** What a task that does not stop gets for that. */
const GRACE_MS = 10_000;

/** Runs a task and prints what it returns. Resolves to the exit code: 1 or 3 where hosts failed. */
export async function runTask(session: Session, run: TaskRun): Promise<number> {
  const seen: Seen = { hasFailure: false, hasSuccess: false };
  const printer = printerOf(session);
  const value = await withProgress(session, run.title, (system, ctx) =>
    callTask(system, ctx, run, printer.print, seen),
  ).finally(printer.flushed);
  if (isHostResults(value)) noteResults(value, seen);
  await printAnswer(session, {
    json: { task: run.command.path.join(' '), ok: !seen.hasFailure, result: jsonOf(value) },
    quiet: undefined,
    text: () => resultText(value, session.settings),
  });
  if (!seen.hasFailure) return EXIT.done;
  return seen.hasSuccess ? EXIT.partial : EXIT.failed;
}

async function callTask(
  system: System,
  ctx: Context,
  { shipfile, command, values, flags, makeShip }: TaskRun,
  print: TaskContext<object>['print'],
  seen: Seen,
): Promise<unknown> {
  const { signal, report } = ctx;
  const {
    env: environment,
    hosts = [],
    config,
    group,
    parallel,
    serial,
    keepGoing = false,
    dryRun = false,
  } = flags;
  const ship = await makeShip({
    ...given({ environment, config, group, parallel: serial ? 1 : parallel }),
    ...(hosts.length === 0 ? {} : { hosts }),
    dryRun,
    system,
    signal,
    report,
  });
  try {
    const watched = watchedShip(ship, keepGoing, seen);
    startRun(watched, { signal, dryRun, print });
    const context = { ship: watched, signal, dryRun, print };
    const work = around(shipfile.before, shipfile.after, context, () =>
      command.run(context, values),
    );
    return await withGrace(ctx, work);
  } catch (error) {
    if (signal.aborted) throw interruption(signal);
    throw await failedTask(system, shipfile.place, command.path.join(' ') || 'the task', error);
  } finally {
    await disposed(ship);
  }
}

/** The task knows its signal; what does not heed it is left behind after a while. */
async function withGrace<T>({ signal, clock }: Context, work: Promise<T>): Promise<T> {
  try {
    return await orAborted(signal, work);
  } catch (error) {
    if (!signal.aborted) throw error;
    const over = new AbortController();
    const settled = work.then(
      () => over.abort(),
      () => over.abort(),
    );
    await Promise.race([settled, clock.sleep(GRACE_MS, over.signal).catch(() => undefined)]);
    throw error;
  }
}

async function disposed(ship: object): Promise<void> {
  const dispose: unknown = Reflect.get(ship, Symbol.asyncDispose);
  if (typeof dispose === 'function') await Reflect.apply(dispose, ship, []);
}

/** Lines of a task, in their order: on stdout, which `--json` keeps for its object. */
function printerOf({ system, settings }: Session): {
  readonly print: (text: string) => void;
  readonly flushed: () => Promise<void>;
} {
  const { stdio } = system;
  let last: Promise<void> = Promise.resolve();
  return {
    print(text) {
      const line = `${safeLines(String(text))}\n`;
      if (settings.json) stdio.writeErr(line);
      else last = last.then(() => stdio.writeOut(line));
      last.catch(() => undefined);
    },
    flushed: () => last,
  };
}

function jsonOf(value: unknown): unknown {
  return value === undefined ? null : value;
}

/** A text as it is, the results of hosts as tables and lines, anything else as JSON; nothing for nothing. */
function resultText(value: unknown, { outColours: colours, verbose }: Settings): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return `${safeLines(value)}\n`;
  if (isHostResults(value)) return resultsText(value.results, { colours, verbose });
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
