// argv + System → exit code: which command or task is meant.
import { given } from '../core/given.ts';
import type { System } from '../system/system.ts';
import { type Call, helpColumns, inFolder, runCall, sessionOf } from './call.ts';
import { COMPLETE_WORD } from './completion/shape.ts';
import type { Operations } from './operations.ts';
import { GLOBAL_OPTIONS, type GlobalFlags } from './options.ts';
import { createProgram, isBuiltIn, isDone, programShape, type VerbLine } from './program.ts';
import { resolveSettings } from './settings.ts';
import type { ProcessHooks } from './signals.ts';
import type { MakeShip } from './tasks/run-task.ts';
import { cutLine, type TaskLine } from './tasks/task-line.ts';
import type { TaskList, TaskProgram } from './tasks/task-program.ts';
import { usage } from './values.ts';
import type { Verb } from './verb.ts';

/**
 * Runs the command line `argv` (without node and script) and resolves to the exit code; never rejects. `hooks` are the
 * signals of the process, `makeShip` makes what tasks work with.
 */
export function main(
  argv: readonly string[],
  system: System,
  operations?: Operations,
  hooks?: ProcessHooks,
  makeShip?: MakeShip,
): Promise<number> {
  const caller = { argv, system, ...given({ operations, hooks, makeShip }) };
  return runCall(caller, dispatch);
}

async function dispatch(call: Call): Promise<void> {
  if (call.argv[0] === COMPLETE_WORD) return complete(call);
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

async function complete(call: Call): Promise<void> {
  const { completeWords } = await import('./completion/complete-words.ts');
  await completeWords(call, call.argv.slice(1), programShape(), taskProgram(call));
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
  const { startShipfileTask } = await import('./tasks/start-task.ts');
  return startShipfileTask(call, line, taskProgram(call));
}

function taskProgram(call: Call): TaskProgram {
  const builtIns = programShape().commands.map(({ name }) => name);
  return { name: 'shipper', builtIns, columns: helpColumns(call) };
}

/** The tasks beside the commands, where the help of the program is what is asked for. */
async function listedTasks(call: Call, line: TaskLine): Promise<TaskList | undefined> {
  const isVersion = line.head.some((word) => word === '--version' || word === '-V');
  if (isVersion || (line.word !== undefined && line.word !== 'help')) return undefined;
  const { listTasks } = await import('./tasks/start-task.ts');
  return listTasks(call, line, taskProgram(call));
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
  call.exitCode = await verb.run(sessionOf(call, system, programShape), args, flags, words);
}
