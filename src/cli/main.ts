// argv + System → exit code: errors become text, signals an abort.
import { bug, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { failureText, tellFailure } from './failure.ts';
import { lazyOperations, type Operations } from './operations.ts';
import { GLOBAL_OPTIONS, type GlobalFlags } from './options.ts';
import { createProgram, isBuiltIn, isDone, programShape, type VerbLine } from './program.ts';
import type { Session } from './session.ts';
import { earlySettings, resolveSettings, type Settings } from './settings.ts';
import { NO_PROCESS, type ProcessHooks, type StopButton, stopOnSignals } from './signals.ts';
import { type StdoutFate, systemWith, watchStdout } from './stdio.ts';
import type { MakeShip } from './tasks/run-task.ts';
import { cutLine, type TaskLine } from './tasks/task-line.ts';
import type { TaskList } from './tasks/task-program.ts';
import { usage } from './values.ts';
import type { Verb } from './verb.ts';

/** One call of the program. */
interface Call {
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

/**
 * Runs the command line `argv` (without node and script) and resolves to the exit code; never rejects. `hooks` are the
 * signals of the process, `makeShip` makes what tasks work with.
 */
export async function main(
  argv: readonly string[],
  system: System,
  operations: Operations = lazyOperations,
  hooks: ProcessHooks = NO_PROCESS,
  makeShip: MakeShip = NO_SHIP,
): Promise<number> {
  const fate: StdoutFate = { isBroken: false };
  const call: Call = {
    argv,
    system: systemWith(system, watchStdout(system.stdio, fate), undefined),
    operations,
    stop: stopOnSignals(hooks, system.clock),
    makeShip,
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
  const line = cutLine(call.argv, GLOBAL_OPTIONS);
  const { head, word, tail } = line;
  if (await startTask(call, line)) return;
  const { stdio } = call.system;
  let help = '';
  const argv = word === undefined ? head : [...head, word, ...tail];
  const tasks = await listedTasks(call, line);
  const program = createProgram({
    print: (text) => {
      help += text;
    },
    argv,
    helpColumns: helpColumns(call),
    ...(tasks === undefined ? {} : { tasks }),
    start: (verb, own, globals) => startVerb(call, verb, own, globals),
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!isDone(error)) throw error;
  }
  if (help !== '') await stdio.writeOut(help);
}

function helpColumns({ system: { stdio } }: Call): number {
  return stdio.stdoutIsTTY ? Math.min(120, Math.max(60, stdio.columns() || 80)) : 100;
}

/** Runs the task that the line names, or prints its help; false where it names none. */
async function startTask(call: Call, line: TaskLine): Promise<boolean> {
  const { file, word, tail } = line;
  const named = word === 'help' ? tail[0] : word;
  if (named === undefined) return false;
  if (isBuiltIn(named)) {
    if (file === undefined) return false;
    throw usage(`Cannot use -f with "shipper ${named}": it is a command and no task`);
  }
  const { openShipfile, readCall, readHead } = await import('./tasks/task-program.ts');
  const globals = readHead(line.head);
  const system = await inFolder(call.system, globals.C);
  const program = { name: 'shipper', builtIns: programWords(), columns: helpColumns(call) };
  const shipfile = await openShipfile(system, file, program);
  if (shipfile === undefined) return false;
  const asked = readCall(shipfile, line, program);
  if (asked.kind === 'help') {
    await call.system.stdio.writeOut(asked.text);
    return true;
  }
  const { runTask } = await import('./tasks/run-task.ts');
  call.settings = resolveSettings(asked.globals, call.system);
  const session = sessionOf(call, system);
  call.exitCode = await runTask(session, { ...asked, makeShip: call.makeShip });
  return true;
}

function programWords(): readonly string[] {
  return programShape().commands.map(({ name }) => name);
}

function sessionOf({ operations, settings, stop }: Call, system: System): Session {
  return { system, operations, settings, stop, shape: programShape };
}

/** The tasks beside the commands, where the help of the program is what is asked for. One that cannot be loaded is told. */
async function listedTasks(call: Call, line: TaskLine): Promise<TaskList | undefined> {
  const isVersion = line.head.some((word) => word === '--version' || word === '-V');
  if (isVersion || (line.word !== undefined && line.word !== 'help')) return undefined;
  const { openShipfile, readHead, taskList } = await import('./tasks/task-program.ts');
  const system = await inFolder(call.system, readHead(line.head).C);
  const program = { name: 'shipper', builtIns: programWords(), columns: helpColumns(call) };
  try {
    const shipfile = await openShipfile(system, line.file, program);
    return shipfile && taskList(system, shipfile);
  } catch (error) {
    if (line.file !== undefined) throw error;
    call.system.stdio.writeErr(failureText(error, call.settings));
    return undefined;
  }
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
  call.exitCode = await verb.run(sessionOf(call, system), args, flags, words);
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
