// argv + System → exit code: errors become text, signals an abort.
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { tellFailure } from './failure.ts';
import { lazyOperations, type Operations } from './operations.ts';
import type { GlobalFlags } from './options.ts';
import { createProgram, isDone, programShape, type VerbLine } from './program.ts';
import { earlySettings, resolveSettings, type Settings } from './settings.ts';
import { NO_PROCESS, type ProcessHooks, type StopButton, stopOnSignals } from './signals.ts';
import { type StdoutFate, systemWith, watchStdout } from './stdio.ts';
import type { Verb } from './verb.ts';

/** One call of the program. */
interface Call {
  readonly argv: readonly string[];
  /** With the watched stdout. */
  readonly system: System;
  readonly operations: Operations;
  readonly stop: StopButton;
  settings: Settings;
  verb: string | undefined;
  exitCode: number;
}

/**
 * Runs the command line `argv` (without node and script) and resolves to the exit code; never rejects. `hooks` are the
 * signals of the process.
 */
export async function main(
  argv: readonly string[],
  system: System,
  operations: Operations = lazyOperations,
  hooks: ProcessHooks = NO_PROCESS,
): Promise<number> {
  const fate: StdoutFate = { isBroken: false };
  const call: Call = {
    argv,
    system: systemWith(system, watchStdout(system.stdio, fate), undefined),
    operations,
    stop: stopOnSignals(hooks, system.clock),
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
    if (call.stop.signal.aborted) hooks.exitNow(exitCode);
    return exitCode;
  } finally {
    call.stop.release();
  }
}

async function dispatch(call: Call): Promise<void> {
  const { stdio } = call.system;
  let help = '';
  const program = createProgram({
    print: (text) => {
      help += text;
    },
    argv: call.argv,
    helpColumns: stdio.stdoutIsTTY ? Math.min(120, Math.max(60, stdio.columns() || 80)) : 100,
    start: (verb, line, globals) => startVerb(call, verb, line, globals),
  });
  try {
    await program.parseAsync([...call.argv], { from: 'user' });
  } catch (error) {
    if (!isDone(error)) throw error;
  }
  if (help !== '') await stdio.writeOut(help);
}

async function startVerb(
  call: Call,
  verb: Verb,
  { args, flags, words }: VerbLine,
  globals: GlobalFlags,
): Promise<void> {
  call.verb = verb.name;
  const settings = resolveSettings(globals, call.system);
  call.settings = settings;
  const system = await inFolder(call.system, globals.C);
  const { operations, stop } = call;
  call.exitCode = await verb.run(
    { system, operations, settings, stop, shape: programShape },
    args,
    flags,
    words,
  );
}

async function inFolder(system: System, folder: string | undefined): Promise<System> {
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
