// Command lines whose command is a task: found, parsed, helped and run.

import { nearest } from '../../core/nearest.ts';
import type { System } from '../../system/system.ts';
import {
  nameOf,
  type Slot,
  slotsOf,
  type TaskCommand,
  type TaskGroup,
  type TaskNode,
} from '../../tasks/command.ts';
import { shownFile } from '../../tasks/failure-place.ts';
import { findShipfile, type ShipfilePlace } from '../../tasks/find-shipfile.ts';
import { loadShipfile, lookUp, type Shipfile } from '../../tasks/load-shipfile.ts';
import { parseWords } from '../../tasks/parse-words.ts';
import { groupUsage, memberRows, type Row, taskUsage } from '../../tasks/usage-text.ts';
import type { GlobalFlags } from '../options.ts';
import { usage } from '../values.ts';
import { asksForHelp, type TaskLine } from './task-line.ts';
import {
  COMMON_NAMES,
  commonSections,
  GLOBAL_SLOTS,
  globalFlags,
  TARGET_SLOTS,
  type TargetFlags,
  targetFlags,
} from './task-options.ts';

/** The folder is known before the task is. */
const TASK_GLOBALS = GLOBAL_SLOTS.filter(({ key }) => key !== 'C');

/** What the words of a command line ask for. */
export type TaskCall =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly shipfile: Shipfile;
      readonly command: TaskCommand;
      readonly title: string;
      readonly values: Readonly<Record<string, unknown>>;
      readonly flags: TargetFlags;
      readonly globals: GlobalFlags;
    };

/** A program that has tasks: shipper, or a file of tasks that is one by itself. */
export interface TaskProgram {
  /** How it is called: `shipper`. */
  readonly name: string;
  /** Its commands that are no tasks. */
  readonly builtIns: readonly string[];
  readonly columns: number;
}

/** The shipfile of a command line; undefined where there is none. */
export async function openShipfile(
  system: System,
  file: string | undefined,
  { builtIns }: TaskProgram,
): Promise<Shipfile | undefined> {
  const place = await findShipfile(system, file);
  return place && loadShipfile(system, place, reserved(builtIns));
}

/** The shipfile that is the running program itself. */
export function openProgram(
  system: System,
  place: ShipfilePlace,
  { builtIns }: TaskProgram,
): Promise<Shipfile> {
  return loadShipfile(system, place, reserved(builtIns), true);
}

function reserved(commands: readonly string[]) {
  return { commands, options: COMMON_NAMES };
}

/** Understands a command line. Throws `USAGE` for what no task takes. */
export function readCall(shipfile: Shipfile, line: TaskLine, program: TaskProgram): TaskCall {
  const words = line.word === undefined ? [] : [line.word, ...line.tail];
  const isHelpWord = line.word === 'help';
  const { node, rest } = lookUp(shipfile.root, isHelpWord ? line.tail : words);
  if (isHelpWord || asksForHelp([...line.head, ...rest])) {
    return { kind: 'help', text: helpOf(wholeNode(node, rest, program), program) };
  }
  const command = commandAt(node, rest, program);
  if (command === undefined) return { kind: 'help', text: helpOf(node, program) };
  return parsedCall(shipfile, command, line.head, rest, program);
}

/** The node, where no word is left that is none of its members. */
function wholeNode(node: TaskNode, rest: readonly string[], program: TaskProgram): TaskNode {
  const [word] = rest;
  if (
    node.kind === 'group' &&
    word !== undefined &&
    !word.startsWith('-') &&
    node.own === undefined
  ) {
    throw unknownTask(node, word, program);
  }
  return node;
}

/** The task of a node; undefined for a group without one that was named alone. */
function commandAt(
  node: TaskNode,
  rest: readonly string[],
  program: TaskProgram,
): TaskCommand | undefined {
  if (node.kind === 'task') return node;
  if (node.own !== undefined) return node.own;
  const word = rest.find((each) => !each.startsWith('-'));
  if (word === undefined) return undefined;
  throw unknownTask(node, word, program);
}

function unknownTask(group: TaskGroup, word: string, { name, builtIns }: TaskProgram) {
  const isRoot = group.path.length === 0;
  const known = [
    ...group.members.flatMap((each) => [nameOf(each), ...each.aliases]),
    ...(isRoot ? builtIns : []),
  ];
  const near = nearest(word, known);
  const hint =
    near === undefined
      ? `see "${[name, ...group.path].join(' ')} --help"`
      : `did you mean ${near}?`;
  const what = JSON.stringify([...group.path, word].join(' '));
  return usage(`Cannot run ${what}: there is no such command`, hint);
}

function parsedCall(
  shipfile: Shipfile,
  command: TaskCommand,
  head: readonly string[],
  words: readonly string[],
  program: TaskProgram,
): TaskCall {
  const title = [program.name, ...command.path].join(' ');
  const own = slotsOf(command.schema);
  const given = parseWords(words, {
    command: title,
    slots: [...own, ...TARGET_SLOTS, ...TASK_GLOBALS],
  });
  return {
    kind: 'run',
    shipfile,
    command,
    title,
    values: Object.fromEntries(own.map((slot) => [slot.key, valueIn(slot, given)])),
    flags: targetFlags(given),
    globals: { ...readHead(head), ...globalFlags(given) },
  };
}

function valueIn(slot: Slot, given: ReadonlyMap<Slot, unknown>): unknown {
  return given.has(slot) ? given.get(slot) : slot.parameter.fallback;
}

function helpOf(node: TaskNode, { name, columns }: TaskProgram): string {
  const own = node.kind === 'task' ? node : node.own;
  const sections = commonSections(own === undefined ? [] : slotsOf(own.schema));
  if (node.kind === 'task') return taskUsage(node, { program: name, columns, sections });
  const isTask = node.own !== undefined;
  return groupUsage(node, { program: name, columns, sections: isTask ? sections : [] });
}

/** The tasks as the help of the program lists them. */
export interface TaskList {
  readonly heading: string;
  readonly rows: readonly Row[];
}

/** The tasks at the top of a shipfile. */
export function taskList(system: System, { place, root }: Shipfile): TaskList {
  return { heading: `Tasks of ${shownFile(system, place.path)}:`, rows: memberRows(root.members) };
}

/** The global options in front of a command. */
export function readHead(head: readonly string[]): GlobalFlags {
  const words = head.filter((word) => word !== '-h' && word !== '--help');
  return globalFlags(parseWords(words, { command: 'shipper', slots: GLOBAL_SLOTS }));
}
