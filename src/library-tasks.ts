// The library's face for tasks: functions that become a command line.
import type { MakeShip } from './cli/tasks/run-task.ts';
import { programMain } from './cli/tasks/start-task.ts';
import { Shipper } from './library-shipper.ts';
import { mainModule, processWords, runProcess } from './run-process.ts';
import type { Parameter } from './tasks/parameter.ts';
import {
  makeTask,
  type Schema,
  type Task,
  type TaskContext,
  type TaskSettings,
  type ValuesOf,
} from './tasks/task.ts';
import { endOnUncaught } from './uncaught.ts';

/**
 * Makes a command of a function: `shipper NAME`, by the name under which a shipfile exports it. The function gets its values by name,
 * of the types that `schema` says, and with them {@link TaskContext}. The task can be called by others: `await bounce({ ship, service:
 * 'api' })`; within a run each call with the same values is made once. Throws a TypeError for a schema that is none.
 */
export function task<S extends Readonly<Record<string, Parameter<unknown>>>, R>(
  schema: S,
  run: (input: TaskContext<Shipper> & ValuesOf<S>) => R,
  settings?: TaskSettings<Shipper>,
): Task<Shipper, S, Awaited<R>> {
  const made: Task<object, Schema, unknown> = makeTask(schema, run, settings);
  // `makeTask` knows values, not types.
  return made as unknown as Task<Shipper, S, Awaited<R>>;
}

/**
 * Makes the module that calls it a program of its own: `cli(import.meta)` at its end, and `node ops.ts bounce api` is what `shipper -f
 * ops.ts bounce api` would be. Its default export, where that is a function, is what it does without a command. Does nothing where
 * the module is imported by another, `shipper` among them. Do not wait for it: the module has to end first.
 */
export function cli(meta: Pick<ImportMeta, 'url'>): void {
  const file = mainModule(meta);
  if (file === undefined) return;
  const argv = processWords();
  endOnUncaught(() => argv);
  void runProcess((system, hooks) => programMain({ argv, system, hooks, makeShip }, file));
}

/** The ship of a run of the command line. */
export const makeShip: MakeShip = async ({ group, ...choice }) =>
  new Shipper({ ...choice, ...(group === undefined ? {} : { services: [group] }) });
