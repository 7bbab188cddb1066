// The exports of a shipfile → the commands that they make, with all that is wrong with them.
import type { Place, Problem } from '../core/errors.ts';
import { nameOf, slotsOf, type TaskCommand, type TaskGroup, type TaskNode } from './command.ts';
import { wordsOf } from './names.ts';
import type { Declaration, Declarations } from './source/declarations.ts';
import { type DocComment, NO_DOC } from './source/doc-comment.ts';
import { parameterPlaces } from './source/parameter-places.ts';
import { readSignature } from './source/signature.ts';
import { definitionOf, type TaskDefinition } from './task.ts';

/** What a name of a shipfile is: its value, and where that is written as far as it can be told. */
export interface Member {
  readonly name: string;
  readonly value: unknown;
  readonly declaration: Declaration | undefined;
}

/** What there is beside the tasks. */
export interface Surroundings {
  /** Where names are declared. */
  readonly declarations: Declarations;
  /** Commands that a task may not be named like. */
  readonly builtIns: readonly string[];
  /** Options that every task has, such as `--env`. */
  readonly common: readonly string[];
  /** Where something is whose place is not known. */
  readonly file: string;
  readonly problems: Problem[];
}

/** Names of exports that are no commands: they run around each task. */
export const HOOK_NAMES: readonly string[] = ['before', 'after'];

/** Groups in groups, at most. */
const MOST_LEVELS = 8;

/** The commands of `members`, in the order in which they are written. */
export async function collectMembers(
  members: readonly Member[],
  path: readonly string[],
  around: Surroundings,
): Promise<readonly TaskNode[]> {
  const found: TaskNode[] = [];
  for (const member of members) {
    const node = await collectMember(member, path, around);
    if (node !== undefined) found.push(node);
  }
  found.sort(byPlace);
  refuseClashes(found, path, around);
  return found;
}

/** As they are written, as far as they are in one file. */
function byPlace(a: TaskNode, b: TaskNode): number {
  if (a.place === undefined || b.place === undefined || a.place.file !== b.place.file) return 0;
  return a.place.line - b.place.line || a.place.column - b.place.column;
}

async function collectMember(
  member: Member,
  path: readonly string[],
  around: Surroundings,
): Promise<TaskNode | undefined> {
  const { name, value, declaration } = member;
  const [word = name, ...aliases] = wordsOf(name);
  const doc = declaration?.doc ?? NO_DOC;
  if (doc.isInternal || name.startsWith('_') || word === '') return undefined;
  const own = [...path, word];
  if (typeof value === 'function') return commandOf(member, own, aliases, around);
  if (!isPlainObject(value) || path.length >= MOST_LEVELS) return undefined;
  const inside = await membersOf(value, declaration, around.declarations);
  const members = await collectMembers(inside, own, around);
  if (members.length === 0) return undefined;
  const place = declaration?.place;
  return { kind: 'group', path: own, aliases, help: doc.text, place, own: undefined, members };
}

/** The members of an object, or of a module. */
export async function membersOf(
  value: object,
  declaration: Declaration | undefined,
  declarations: Declarations,
): Promise<readonly Member[]> {
  const members: Member[] = [];
  for (const [name, each] of Object.entries(value)) {
    if (name === 'default') continue;
    const inside = declaration && (await declarations.member(declaration, name));
    members.push({ name, value: each, declaration: inside });
  }
  return members;
}

/** A module's namespace and an object that is written out; no instance of a class. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The command of a function or task; undefined, with a problem, where none can be made. */
export function commandOf(
  { value, declaration }: Member,
  path: readonly string[],
  aliases: readonly string[],
  around: Surroundings,
): TaskCommand | undefined {
  if (typeof value !== 'function' || isClass(value)) return undefined;
  const definition = definitionOf(value);
  const made =
    definition === undefined
      ? plainCommand(value, path, declaration, around)
      : taskCommand(value, definition, declaration);
  if (made === undefined) return undefined;
  const doc = declaration?.doc ?? NO_DOC;
  const command: TaskCommand = {
    kind: 'task',
    path,
    aliases: [...aliases, ...aliasesOf(definition)],
    help: definition?.settings.help ?? doc.text,
    place: declaration?.place,
    ...made,
  };
  refuseOptions(command, parameterPlaces(declaration), around);
  return command;
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

function aliasesOf(definition: TaskDefinition | undefined): readonly string[] {
  const { alias = [] } = definition?.settings ?? {};
  return typeof alias === 'string' ? [alias] : alias;
}

type Made = Pick<TaskCommand, 'schema' | 'run'>;

function taskCommand(
  value: object,
  { schema }: TaskDefinition,
  declaration: Declaration | undefined,
): Made {
  const doc: DocComment = declaration?.doc ?? NO_DOC;
  // What a doc comment says of a parameter is its help, where the schema says nothing.
  const told = Object.entries(schema).map(([name, parameter]) => {
    const about = doc.params.get(name)?.about;
    return [name, { ...parameter, help: parameter.help ?? about }] as const;
  });
  return {
    schema: Object.fromEntries(told),
    run: (context, values) =>
      Reflect.apply(value as () => unknown, undefined, [{ ...values, ...context }]),
  };
}

function plainCommand(
  value: object,
  path: readonly string[],
  declaration: Declaration | undefined,
  { problems, file }: Surroundings,
): Made | undefined {
  if (declaration === undefined) {
    const words = `no command can be made of ${path.join(' ')}: where its parameters are written cannot be told`;
    problems.push({
      ...startOf(file),
      message: words,
      hint: 'make it a task(), which says what it takes',
    });
    return undefined;
  }
  const signature = readSignature(declaration, problems);
  if (signature === undefined) return undefined;
  const { schema, argumentsOf } = signature;
  return {
    schema,
    run: ({ ship }, values) =>
      Reflect.apply(value as () => unknown, undefined, [...argumentsOf(ship, values)]),
  };
}

function startOf(file: string): Place {
  return { file, line: 1, column: 1 };
}

/** Refuses options that every task has, and those of one name. */
function refuseOptions(
  command: TaskCommand,
  places: ReadonlyMap<string, Place>,
  { common, problems, file }: Surroundings,
): void {
  const seen = new Map<string, string>();
  for (const slot of slotsOf(command.schema)) {
    const place = places.get(slot.key) ?? command.place ?? startOf(file);
    for (const name of new Set([...slot.names, ...slot.otherNames])) {
      const other = seen.get(name);
      if (common.includes(name)) {
        const words = `${command.path.join(' ')} cannot have an option ${name}: every task has one`;
        problems.push({ ...place, message: words, hint: 'give the parameter another name' });
      } else if (other !== undefined) {
        const words = `${command.path.join(' ')} has two options ${name}: ${other} and ${slot.key}`;
        problems.push({ ...place, message: words, hint: 'give one of them another name' });
      }
      seen.set(name, slot.key);
    }
  }
}

/** Refuses tasks that are named like a command of the program, or like each other. */
function refuseClashes(
  found: readonly TaskNode[],
  path: readonly string[],
  { builtIns, problems, file }: Surroundings,
): void {
  const seen = new Map<string, TaskNode>();
  for (const node of found) {
    const place = node.place ?? startOf(file);
    for (const word of new Set([nameOf(node), ...node.aliases])) {
      const other = seen.get(word);
      if (path.length === 0 && builtIns.includes(word)) {
        const words = `the task ${word} has the name of a command of shipper`;
        problems.push({ ...place, message: words, hint: 'rename it, or export it in a group' });
      } else if (other !== undefined && other !== node) {
        const words = `two tasks are called ${[...path, word].join(' ')}`;
        problems.push({ ...place, message: words, hint: 'rename one of them' });
      }
      seen.set(word, node);
    }
  }
}

/** A group of `members` with what its word alone does. */
export function groupOf(
  path: readonly string[],
  help: string,
  members: readonly TaskNode[],
  own: TaskCommand | undefined,
): TaskGroup {
  return { kind: 'group', path, aliases: [], help, place: own?.place, own, members };
}
