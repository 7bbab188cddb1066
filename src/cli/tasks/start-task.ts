// From a command line to the run of a task: of a shipfile beside the commands of shipper, or of a program of its own.
import { basename, dirname } from 'node:path';
import type { System } from '../../system/system.ts';
import type { Shipfile } from '../../tasks/load-shipfile.ts';
import { type Call, type Caller, helpColumns, inFolder, runCall, sessionOf } from '../call.ts';
import { failureText } from '../failure.ts';
import { GLOBAL_OPTIONS } from '../options.ts';
import { resolveSettings } from '../settings.ts';
import { runTask } from './run-task.ts';
import { cutLine, type TaskLine } from './task-line.ts';
import {
  openProgram,
  openShipfile,
  readCall,
  readHead,
  type TaskCall,
  type TaskList,
  type TaskProgram,
  taskList,
} from './task-program.ts';

/** Runs the task that the line names, or prints its help; false where there is no shipfile. */
export async function startShipfileTask(
  call: Call,
  line: TaskLine,
  program: TaskProgram,
): Promise<boolean> {
  const system = await inFolder(call.system, readHead(line.head).C);
  const shipfile = await openShipfile(system, line.file, program);
  if (shipfile === undefined) return false;
  await answer(call, system, readCall(shipfile, line, program));
  return true;
}

/** The tasks of a shipfile for the help of the program. One that cannot be loaded is told, unless it was named. */
export async function listTasks(
  call: Call,
  line: TaskLine,
  program: TaskProgram,
): Promise<TaskList | undefined> {
  const system = await inFolder(call.system, readHead(line.head).C);
  try {
    const shipfile = await openShipfile(system, line.file, program);
    return shipfile && taskList(system, shipfile);
  } catch (error) {
    if (line.file !== undefined) throw error;
    call.system.stdio.writeErr(failureText(error, call.settings));
    return undefined;
  }
}

/** Runs the command line of the program that `file` is by itself; resolves to the exit code, never rejects. */
export function programMain(caller: Caller, file: string): Promise<number> {
  return runCall(caller, async (call) => {
    const place = { path: file, folder: dirname(file), modules: [{ name: '', file }] };
    const program = { name: basename(file), builtIns: [], columns: helpColumns(call) };
    const shipfile = await openProgram(call.system, place, program);
    const line = programLine(call.argv, shipfile);
    const system = await inFolder(call.system, readHead(line.head).C);
    await answer(call, system, readCall(shipfile, line, program));
  });
}

/** Where a program does something by itself, what stands in front of no command is meant for that. */
function programLine(argv: readonly string[], { root }: Shipfile): TaskLine {
  if (root.own === undefined) return cutLine(argv, GLOBAL_OPTIONS);
  const [word, ...tail] = argv;
  return { file: undefined, head: [], word, tail };
}

async function answer(call: Call, system: System, asked: TaskCall): Promise<void> {
  if (asked.kind === 'help') {
    await call.system.stdio.writeOut(asked.text);
    return;
  }
  call.settings = resolveSettings(asked.globals, call.system);
  const shape = () => ({ commands: [], options: [] });
  const session = sessionOf(call, system, shape);
  call.exitCode = await runTask(session, { ...asked, makeShip: call.makeShip });
}
