// A task: a function with a schema of what it takes. It can be called like any function, and within a run of the command line
// each call with the same values is made once.
import { AsyncLocalStorage } from 'node:async_hooks';
import { ShipperError } from '../core/errors.ts';
import type { AnyParameter, Parameter } from './parameter.ts';
import { isParameter } from './parameter.ts';

const TASK: unique symbol = Symbol.for('shipper.task');
const RUN: unique symbol = Symbol.for('shipper.run');

/** Names that every task gets beside its parameters. */
export const CONTEXT_NAMES = ['ship', 'signal', 'dryRun', 'print'] as const;

/** Parameters by name. */
export type Schema = Readonly<Record<string, AnyParameter>>;

/** What the function of a task gets of its schema. */
export type ValuesOf<S> = {
  readonly [K in keyof S]: S[K] extends Parameter<infer T, infer _> ? T : never;
};

type GivenOf<P> = P extends Parameter<infer _, infer G> ? G : never;
type Optional<S> = { [K in keyof S]: undefined extends GivenOf<S[K]> ? K : never }[keyof S];

/** What a caller of a task gives of its schema: what has a default may be left out. */
export type ArgumentsOf<S> = {
  readonly [K in Exclude<keyof S, Optional<S>>]: GivenOf<S[K]>;
} & { readonly [K in Optional<S>]?: GivenOf<S[K]> };

/** What every task gets. */
export interface TaskContext<Ship> {
  /** The engines that the command line chose, or those of the caller. */
  readonly ship: Ship;
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal;
  /** Whether nothing is to be changed. `ship` knows it as well. */
  readonly dryRun: boolean;
  /** Prints a line for people: on stdout, with `--json` on stderr. */
  print(text: string): void;
}

/** What may be given to a call beside its own values: the ship, and of the rest what is to be another than that of the run. */
export type CallContext<Ship> = Pick<TaskContext<Ship>, 'ship'> & Partial<TaskContext<Ship>>;

/** A function to run before or after a task. */
export type Hook<Ship> = (context: TaskContext<Ship>) => unknown;

/** What may be said of a task. */
export interface TaskSettings<Ship> {
  /** For the help. Default: the comment in front of the task. */
  readonly help?: string;
  /** Further names of the command. */
  readonly alias?: string | readonly string[];
  /** Run in this order before the task; where one fails the task is not run. Each once per run. */
  readonly before?: readonly Hook<Ship>[];
  /** Run in this order after the task, also where it failed. */
  readonly after?: readonly Hook<Ship>[];
}

/** What a task is made of. */
export interface TaskDefinition {
  readonly schema: Schema;
  readonly settings: TaskSettings<never>;
}

/** A task. Call it as `await bounce({ ship, service: 'api' })`. */
export interface Task<Ship, S, R> {
  (input: CallContext<Ship> & ArgumentsOf<S>): Promise<R>;
  readonly [TASK]: TaskDefinition;
}

/** What a run of the command line adds to its ship. */
export interface Run {
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
  readonly print: (text: string) => void;
  /** What was begun, by task and values. */
  readonly begun: Map<TaskDefinition, Map<string, Promise<unknown>>>;
}

/** A call that is under way, and the one that made it. */
interface Frame {
  readonly definition: TaskDefinition;
  readonly key: string;
  readonly parent: Frame | undefined;
}

const frames = new AsyncLocalStorage<Frame>();

type Values = Readonly<Record<string, unknown>>;

/** Makes a task of `schema` and a function that gets its values; the types are those of the caller. */
export function makeTask(
  schema: Schema,
  body: (input: never) => unknown,
  settings: TaskSettings<never> = {},
): Task<object, Schema, unknown> {
  checkSchema(schema);
  const definition: TaskDefinition = { schema, settings };
  const call = (input: CallContext<object> & Values): Promise<unknown> =>
    onceInRun(definition, body, input);
  return Object.assign(call, { [TASK]: definition });
}

/** The definition of a task of whichever copy of the package; undefined for anything else. */
export function definitionOf(value: unknown): TaskDefinition | undefined {
  if (typeof value !== 'function' || !(TASK in value)) return undefined;
  return value[TASK] as TaskDefinition;
}

/** Makes `ship` the one of a run. */
export function startRun(ship: object, run: Omit<Run, 'begun'>): void {
  Object.defineProperty(ship, RUN, { value: { ...run, begun: new Map() }, configurable: true });
}

function runOf(ship: object): Run | undefined {
  return RUN in ship ? (ship[RUN] as Run) : undefined;
}

function checkSchema(schema: Schema): void {
  if (typeof schema !== 'object' || schema === null) {
    throw new TypeError('Cannot make a task: its first argument is the schema of its parameters');
  }
  const reserved: readonly string[] = CONTEXT_NAMES;
  let optional: string | undefined;
  for (const [name, parameter] of Object.entries(schema)) {
    if (!isParameter(parameter)) {
      const hint =
        'it is none of positional(), option(), flag(), list(), choice(), number(), duration()';
      throw new TypeError(`Cannot use the parameter ${name}: ${hint}`);
    }
    if (reserved.includes(name)) {
      throw new TypeError(
        `Cannot use the parameter ${name}: every task gets its ${name} by this name`,
      );
    }
    if (parameter.role !== 'positional') continue;
    if (optional !== undefined && (parameter.isRequired || schema[optional]?.isList === true)) {
      const state = `it stands behind ${optional}, which may be left out or takes all that follows`;
      throw new TypeError(`Cannot use the parameter ${name}: ${state}`);
    }
    if (!parameter.isRequired || parameter.isList) optional = name;
  }
}

/** The values of a call with those that were left out; throws a TypeError for what may not be. */
function filled(schema: Schema, input: Values): Values {
  const values: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(schema)) {
    const value = input[name] ?? parameter.fallback;
    if (value === undefined && parameter.isRequired) {
      throw new TypeError(`Cannot call the task: ${name} is missing`);
    }
    values[name] = value;
  }
  return values;
}

async function onceInRun(
  definition: TaskDefinition,
  body: (input: never) => unknown,
  input: CallContext<object> & Values,
): Promise<unknown> {
  const values = filled(definition.schema, input);
  const run = runOf(input.ship);
  const work = () => withHooks(definition, body, contextOf(input, run), values);
  if (run === undefined) return work();
  const key = JSON.stringify(values);
  const calls = run.begun.get(definition) ?? new Map<string, Promise<unknown>>();
  run.begun.set(definition, calls);
  const parent = frames.getStore();
  const earlier = calls.get(key);
  if (earlier !== undefined) {
    refuseCircle(definition, key, parent);
    return earlier;
  }
  // Known before it begins: it may call itself at once.
  const call = Promise.resolve().then(() => frames.run({ definition, key, parent }, work));
  calls.set(key, call);
  return call;
}

/** A call that waits for itself would never end. */
function refuseCircle(definition: TaskDefinition, key: string, from: Frame | undefined): void {
  for (let frame = from; frame !== undefined; frame = frame.parent) {
    if (frame.definition !== definition || frame.key !== key) continue;
    throw new ShipperError(
      'USAGE',
      'Cannot run the task: it waits for itself through the tasks that it calls',
    );
  }
}

function contextOf(input: CallContext<object>, run: Run | undefined): TaskContext<object> {
  return {
    ship: input.ship,
    signal: input.signal ?? run?.signal ?? new AbortController().signal,
    dryRun: input.dryRun ?? run?.dryRun ?? false,
    print: input.print ?? run?.print ?? (() => undefined),
  };
}

async function withHooks(
  { settings }: TaskDefinition,
  body: (input: never) => unknown,
  context: TaskContext<object>,
  values: Values,
): Promise<unknown> {
  // What the caller's types promised.
  const hooks = settings as TaskSettings<object>;
  const call = body as (input: TaskContext<object> & Values) => unknown;
  return around(hooks.before ?? [], hooks.after ?? [], context, () =>
    call({ ...values, ...context }),
  );
}

/** Runs `work` between hooks; `after` also where it failed. What failed first is what is thrown. */
export async function around<T>(
  before: readonly Hook<object>[],
  after: readonly Hook<object>[],
  context: TaskContext<object>,
  work: () => T | Promise<T>,
): Promise<T> {
  let ended: { readonly value: T } | { readonly error: unknown };
  try {
    for (const hook of before) await hook(context);
    ended = { value: await work() };
  } catch (error) {
    ended = { error };
  }
  for (const hook of after) {
    try {
      await hook(context);
    } catch (error) {
      if (!('error' in ended)) ended = { error };
    }
  }
  if ('error' in ended) throw ended.error;
  return ended.value;
}
