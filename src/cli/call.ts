// One call of a program: its machine, its settings and how it ends. Errors become text, signals an abort.
import { bug, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import type { ProgramShape } from './completion/shape.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { tellFailure } from './failure.ts';
import { lazyOperations, type Operations } from './operations.ts';
import type { Session } from './session.ts';
import { earlySettings, type Settings } from './settings.ts';
import { NO_PROCESS, type ProcessHooks, type StopButton, stopOnSignals } from './signals.ts';
import { type StdoutFate, systemWith, watchStdout } from './stdio.ts';
import type { MakeShip } from './tasks/run-task.ts';

/** What a program is called with. */
export interface Caller {
  /** Without node and script. */
  readonly argv: readonly string[];
  readonly system: System;
  readonly operations?: Operations;
  /** The signals of the process. */
  readonly hooks?: ProcessHooks;
  /** Makes what tasks work with. */
  readonly makeShip?: MakeShip;
}

/** One call of the program. */
export interface Call {
  readonly argv: readonly string[];
  /** With the watched stdout. */
  readonly system: System;
  readonly operations: Operations;
  readonly stop: StopButton;
  readonly makeShip: MakeShip;
  settings: Settings;
  verb: string | undefined;
  exitCode: number;
}

/** A program without a library has no ship for its tasks. */
const NO_SHIP: MakeShip = () => Promise.reject(bug('Cannot make a ship: there is no library'));

/** Runs `dispatch` and resolves to the exit code; never rejects. */
export async function runCall(
  { argv, system, operations, hooks, makeShip }: Caller,
  dispatch: (call: Call) => Promise<void>,
): Promise<number> {
  const fate: StdoutFate = { isBroken: false };
  const call: Call = {
    argv,
    system: systemWith(system, watchStdout(system.stdio, fate), undefined),
    operations: operations ?? lazyOperations,
    stop: stopOnSignals(hooks ?? NO_PROCESS, system.clock),
    makeShip: makeShip ?? NO_SHIP,
    settings: earlySettings(argv, system),
    verb: undefined,
    exitCode: EXIT.done,
  };
  try {
    await dispatch(call);
    return call.exitCode;
  } catch (error) {
    const exitCode = await endWith(error, call, fate);
    // Of a run that was stopped nobody waits for what a pipe still holds, nor for what never came.
    if (call.stop.signal.aborted) hooks?.exitNow(exitCode);
    return exitCode;
  } finally {
    call.stop.release();
  }
}

/** What a command of this call works with, in `system`. */
export function sessionOf(
  { operations, settings, stop }: Call,
  system: System,
  shape: () => ProgramShape,
): Session {
  return { system, operations, settings, stop, shape };
}

/** How wide help is. */
export function helpColumns({ system: { stdio } }: Pick<Call, 'system'>): number {
  return stdio.stdoutIsTTY ? Math.min(120, Math.max(60, stdio.columns() || 80)) : 100;
}

/** `system` in the folder of `-C`; `USAGE` where that is none. */
export async function inFolder(system: System, folder: string | undefined): Promise<System> {
  if (folder === undefined) return system;
  const inside = systemWith(system, system.stdio, folder);
  const facts = await system.files.stat(inside.cwd);
  if (facts?.kind === 'directory') return inside;
  const state = facts === undefined ? 'there is no such folder' : 'it is not a folder';
  throw new ShipperError('USAGE', `Cannot work in ${JSON.stringify(folder)}: ${state}`);
}

/** Tells the failure and gives its exit code. When nobody reads stdout any more that is all there is to know. */
async function endWith(error: unknown, call: Call, fate: StdoutFate): Promise<number> {
  if (fate.isBroken && !call.stop.signal.aborted) return EXIT.failed;
  try {
    await tellFailure(error, call.settings, call.system);
  } catch {
    // stdout went away while the failure was told there; stderr has it.
  }
  return exitCodeOf(error, call.verb);
}
