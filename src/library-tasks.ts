// The library's face for tasks: functions that become a command line.
import type { MakeShip } from './cli/tasks/run-task.ts';
import type { Parameter } from './tasks/parameter.ts';
import {
  type ArgumentsOf,
  makeTask,
  type Schema,
  type Task,
  type TaskContext,
  type TaskSettings,
  type ValuesOf,
} from './tasks/task.ts';

/** What a task works with. */
export type Ship = object;

/**
 * Makes a command of a function: `shipper NAME`, by the name under which a shipfile exports it. The function gets its values by name,
 * of the types that `schema` says, and with them {@link TaskContext}. The task can be called by others: `await bounce({ ship, service:
 * 'api' })`; within a run each call with the same values is made once. Throws a TypeError for a schema that is none.
 */
export function task<S extends Readonly<Record<string, Parameter<unknown>>>, R>(
  schema: S,
  run: (input: TaskContext<Ship> & ValuesOf<S>) => R,
  settings?: TaskSettings<Ship>,
): Task<Ship, S, Awaited<R>> {
  const made: Task<object, Schema, unknown> = makeTask(schema, run, settings);
  // `makeTask` knows values, not types.
  return made as unknown as Task<Ship, S, Awaited<R>>;
}

export type { ArgumentsOf };

/** The ship of a run of the command line. */
export const makeShip: MakeShip = async ({ hosts, environment }) => ({ hosts, environment });
