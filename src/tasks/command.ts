// The command line that a shipfile makes: commands in groups, each with its parameters. Values only; `collect.ts` makes them.
import type { Place } from '../core/errors.ts';
import { wordsOf } from './names.ts';
import type { AnyParameter } from './parameter.ts';
import type { Schema, TaskContext } from './task.ts';

/** A task as a command. */
export interface TaskCommand {
  readonly kind: 'task';
  /** The words that lead to it: `db`, `migrate`. Empty for the task of a program of its own. */
  readonly path: readonly string[];
  /** Other words for the last of these. */
  readonly aliases: readonly string[];
  /** What it does; the first paragraph stands in lists. */
  readonly help: string;
  readonly schema: Schema;
  /** Where it is written. */
  readonly place: Place | undefined;
  /** Runs it with the values of its schema. */
  readonly run: (
    context: TaskContext<object>,
    values: Readonly<Record<string, unknown>>,
  ) => unknown;
}

/** Commands under one word. */
export interface TaskGroup {
  readonly kind: 'group';
  readonly path: readonly string[];
  readonly aliases: readonly string[];
  readonly help: string;
  readonly place: Place | undefined;
  /** What the word alone does. */
  readonly own: TaskCommand | undefined;
  readonly members: readonly TaskNode[];
}

/** A command or a group of them. */
export type TaskNode = TaskCommand | TaskGroup;

/** An option or argument under its names. */
export interface Slot {
  /** The name of its value. */
  readonly key: string;
  readonly parameter: AnyParameter;
  /** `-b`, `--batch`: as the usage text has them. Empty for what is given by its place. */
  readonly names: readonly string[];
  /** Other ways to write it. */
  readonly otherNames: readonly string[];
}

/** The slot of each parameter. */
export function slotsOf(schema: Schema): readonly Slot[] {
  return Object.entries(schema).map(([key, parameter]) => slotOf(key, parameter));
}

/** A parameter under its names. */
export function slotOf(key: string, parameter: AnyParameter): Slot {
  if (parameter.role === 'positional') return { key, parameter, names: [], otherNames: [] };
  const [word = key, ...verbatim] = wordsOf(key);
  const letters = parameter.aliases.filter((alias) => alias.length === 1);
  const words = parameter.aliases.filter((alias) => alias.length > 1);
  return {
    key,
    parameter,
    names: [
      ...letters.map((letter) => `-${letter}`),
      `--${word}`,
      ...words.map((each) => `--${each}`),
    ],
    otherNames: verbatim.map((each) => `--${each}`),
  };
}

/** The last word of a command; empty for the task of a program of its own. */
export function nameOf({ path }: TaskNode): string {
  return path.at(-1) ?? '';
}

/** The member that `word` names. */
export function memberOf(group: TaskGroup, word: string): TaskNode | undefined {
  return group.members.find((each) => nameOf(each) === word || each.aliases.includes(word));
}

/** The first paragraph of a text, as one line. */
export function summaryOf({ help }: TaskNode): string {
  const [first = ''] = help.split(/\n\s*\n/);
  return first.replace(/\s+/g, ' ').trim();
}
