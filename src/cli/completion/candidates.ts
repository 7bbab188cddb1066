// What completion offers that only the folder knows: tasks with their options and choices, environments, services, hosts.
import { loadProject } from '../../config/load.ts';
import { given } from '../../core/given.ts';
import type { System } from '../../system/system.ts';
import { nameOf, type Slot, slotsOf, summaryOf, type TaskCommand } from '../../tasks/command.ts';
import { lookUp, type Shipfile } from '../../tasks/load-shipfile.ts';
import type { Completion } from '../../tasks/parameter.ts';
import { inFolder } from '../call.ts';
import { GLOBAL_OPTIONS } from '../options.ts';
import { cutLine, type TaskLine } from '../tasks/task-line.ts';
import { GLOBAL_SLOTS, TARGET_SLOTS } from '../tasks/task-options.ts';
import { openShipfile, readHead, type TaskProgram } from '../tasks/task-program.ts';
import type { CommandShape, ProgramShape } from './shape.ts';

/** Something that may be typed. */
export interface Candidate {
  readonly value: string;
  /** One line; may be empty. */
  readonly about: string;
}

/** What a word is: of these kinds the folder knows the values. */
type Kind = Completion | CommandShape['args'][number]['value'];

/** What the words before the current one say of it. */
interface Around {
  readonly system: System;
  readonly environment: string | undefined;
  readonly config: string | undefined;
}

const NONE: readonly Candidate[] = [];

/** What may stand where the last of `words` is; the others are what was typed before it, without the program's name. */
export async function candidatesFor(
  system: System,
  words: readonly string[],
  shape: ProgramShape,
  program: TaskProgram,
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? '';
  const line = cutLine(words.slice(0, -1), GLOBAL_OPTIONS);
  const inside = await inFolder(system, readHead(line.head).C);
  const command = shape.commands.find(({ name }) => name === line.word);
  if (command !== undefined) return ofCommand(inside, command, line.tail, current, shape);
  const shipfile = await openShipfile(inside, line.file, program);
  return shipfile === undefined ? NONE : ofTasks(inside, shipfile, line, current);
}

/** Of a built-in command only the values that it cannot know itself: the shell has all others. */
async function ofCommand(
  system: System,
  { args, options }: CommandShape,
  tail: readonly string[],
  current: string,
  { options: globals }: ProgramShape,
): Promise<readonly Candidate[]> {
  const taking = [...options, ...globals].filter(({ takesValue }) => takesValue);
  const option = (word: string | undefined) =>
    taking.find(({ names }) => word !== undefined && names.includes(word));
  const places: string[] = [];
  let config: string | undefined;
  for (let at = 0; at < tail.length; at += 1) {
    const word = tail[at] ?? '';
    if (word === '--config') config = tail[at + 1];
    if (option(word) !== undefined) at += 1;
    else if (!word.startsWith('-')) places.push(word);
  }
  const named = args.findIndex(({ value }) => value === 'environment');
  const around = { system, environment: places[named], config };
  const asked = option(tail.at(-1));
  if (asked !== undefined) return valuesOf(asked.value, around);
  const [, name, begin] = /^(--[\w-]+=)(.*)$/s.exec(current) ?? [];
  if (name !== undefined && begin !== undefined) {
    return prefixed(name, await valuesOf(option(name.slice(0, -1))?.value ?? 'none', around));
  }
  const arg = args[Math.min(places.length, args.length - 1)];
  return arg === undefined ? NONE : valuesOf(arg.value, around);
}

async function ofTasks(
  system: System,
  { root }: Shipfile,
  { word, tail }: TaskLine,
  current: string,
): Promise<readonly Candidate[]> {
  const words = word === undefined ? [] : [word, ...tail];
  const { node, rest } = lookUp(root, words[0] === 'help' ? words.slice(1) : words);
  if (node.kind === 'task') return ofTask(system, node, rest, current);
  const members = node.members.map((each) => ({ value: nameOf(each), about: summaryOf(each) }));
  if (rest.length > 0 || current.startsWith('-')) {
    return node.own === undefined ? NONE : ofTask(system, node.own, rest, current);
  }
  return members;
}

async function ofTask(
  system: System,
  { schema }: TaskCommand,
  words: readonly string[],
  current: string,
): Promise<readonly Candidate[]> {
  const slots = [...slotsOf(schema), ...TARGET_SLOTS, ...GLOBAL_SLOTS];
  const isOver = words.includes('--');
  const around = {
    system,
    environment: valueAfter(words, '--env'),
    config: valueAfter(words, '--config'),
  };
  const asked = isOver ? undefined : takingSlot(slots, words.at(-1));
  if (asked !== undefined) return ofSlot(asked, around);
  const [, name, begin] = /^(--[\w-]+=)(.*)$/s.exec(current) ?? [];
  if (name !== undefined && begin !== undefined) {
    const slot = takingSlot(slots, name.slice(0, -1));
    return slot === undefined ? NONE : prefixed(name, await ofSlot(slot, around));
  }
  if (current.startsWith('-') && !isOver) return slots.flatMap(optionCandidates);
  const places = slots.filter(({ parameter }) => parameter.role === 'positional');
  const at = words.filter((each, index) => isPlace(slots, each, words[index - 1])).length;
  const slot = places[at] ?? places.findLast(({ parameter }) => parameter.isList);
  return slot === undefined ? NONE : ofSlot(slot, around);
}

function takingSlot(slots: readonly Slot[], word: string | undefined): Slot | undefined {
  if (word === undefined || !word.startsWith('-')) return undefined;
  return slots.find(
    ({ names, otherNames, parameter }) =>
      parameter.role === 'option' && (names.includes(word) || otherNames.includes(word)),
  );
}

function isPlace(slots: readonly Slot[], word: string, before: string | undefined): boolean {
  return !word.startsWith('-') && takingSlot(slots, before) === undefined;
}

function valueAfter(words: readonly string[], name: string): string | undefined {
  const inline = words.find((word) => word.startsWith(`${name}=`));
  if (inline !== undefined) return inline.slice(name.length + 1);
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}

function optionCandidates({ names, parameter }: Slot): readonly Candidate[] {
  const about = (parameter.help ?? '').replace(/\s+/g, ' ');
  const negated = parameter.isNegatable
    ? names.filter((name) => name.startsWith('--')).map((name) => `--no-${name.slice(2)}`)
    : [];
  return [...names, ...negated].map((value) => ({ value, about }));
}

async function ofSlot({ parameter }: Slot, around: Around): Promise<readonly Candidate[]> {
  const { choices } = parameter.type;
  if (choices !== undefined) return plain(choices);
  return parameter.completion === undefined ? NONE : valuesOf(parameter.completion, around);
}

function prefixed(name: string, values: readonly Candidate[]): readonly Candidate[] {
  return values.map(({ value, about }) => ({ value: `${name}${value}`, about }));
}

function plain(values: readonly string[]): readonly Candidate[] {
  return [...new Set(values)].map((value) => ({ value, about: '' }));
}

/** The values of a kind, as shipper.yaml has them; of files and images the shell knows more. */
async function valuesOf(
  kind: Kind,
  { system, environment, config }: Around,
): Promise<readonly Candidate[]> {
  const load = (name: string | undefined) =>
    loadProject(system, given({ config, environment: name }));
  if (kind === 'environment') return plain((await load(undefined)).environmentNames);
  if (kind === 'group') return plain((await load(undefined)).groups.map(({ name }) => name));
  if (kind !== 'service' && kind !== 'host') return NONE;
  const project = await load(environment);
  const names = environment === undefined ? project.environmentNames : [environment];
  const found: string[] = [];
  for (const name of names) {
    const own = (await load(name)).environment;
    if (own === undefined) continue;
    if (kind === 'service') found.push(...own.services.map((service) => service.name));
    else found.push(...own.hosts.map(({ address }) => address));
  }
  return plain(kind === 'service' ? [...found, ...project.groups.map(({ name }) => name)] : found);
}
