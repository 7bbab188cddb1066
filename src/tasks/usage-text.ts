// How a task is called, as text for people: the same form as the help of the built-in commands.
import {
  nameOf,
  type Slot,
  slotsOf,
  summaryOf,
  type TaskCommand,
  type TaskGroup,
  type TaskNode,
} from './command.ts';
import { placeholderOf } from './names.ts';
import { valueName } from './parse-words.ts';

/** Options that a task has beside its own, under a heading. */
export interface OptionSection {
  readonly heading: string;
  /** Names and what they do. */
  readonly rows: readonly Row[];
}

/** A term and what it means. */
export type Row = readonly [term: string, about: string];

/** How the text is laid out. */
export interface UsageOptions {
  /** The command line up to the command: `shipper`. */
  readonly program: string;
  readonly columns: number;
  readonly sections: readonly OptionSection[];
}

/** `Usage: shipper bounce SERVICE [options]`. */
export function usageLine(
  program: string,
  { path, schema }: TaskCommand,
  hasOptions: boolean,
): string {
  const slots = slotsOf(schema);
  const places = slots.filter(({ names }) => names.length === 0).map(placeText);
  const needed = slots
    .filter(({ names, parameter }) => names.length > 0 && parameter.isRequired)
    .map((slot) => `${longName(slot)} <${valueName(slot)}>`);
  const tail = hasOptions || slots.some(({ names }) => names.length > 0) ? ['[options]'] : [];
  return ['Usage:', program, ...path, ...places, ...needed, ...tail].join(' ');
}

function placeText({ key, parameter }: Slot): string {
  const { type, isList, isRequired } = parameter;
  const name = type.choices?.join('|') ?? placeholderOf(key);
  const word = isList ? `${name}…` : name;
  return isRequired ? word : `[${word}]`;
}

function longName({ names, key }: Slot): string {
  return names.find((name) => name.startsWith('--')) ?? key;
}

/** The rows of the options, and those of the arguments of which there is more to say than the usage line has. */
export function slotRows(slots: readonly Slot[]): {
  readonly places: readonly Row[];
  readonly options: readonly Row[];
} {
  const places = slots.filter(({ names }) => names.length === 0);
  const options = slots.filter(({ names }) => names.length > 0);
  return {
    places: places
      .map((slot): Row => [placeholderOf(slot.key), aboutOf(slot)])
      .filter(([, about]) => about !== ''),
    options: options.map((slot) => [optionTerm(slot), aboutOf(slot)]),
  };
}

/** `-b, --batch <N>`, `--[no-]force`. */
export function optionTerm(slot: Slot): string {
  const isFlag = slot.parameter.role === 'flag';
  const names = slot.names.map((name) =>
    slot.parameter.isNegatable && name.startsWith('--') ? `--[no-]${name.slice(2)}` : name,
  );
  return isFlag ? names.join(', ') : `${names.join(', ')} <${valueName(slot)}>`;
}

/** The help, then what is worth knowing: choices, required, default. */
function aboutOf({ parameter, names }: Slot): string {
  const { help, type, fallback, isList, isRequired, separator, role } = parameter;
  const { choices } = type;
  const isNamed = names.length > 0;
  const facts = [
    ...(choices === undefined || !isNamed || choices.length <= 4 ? [] : [choices.join(', ')]),
    ...(isNamed && isRequired ? ['required'] : []),
    ...(isNamed && isList
      ? [separator === '' ? 'repeatable' : `repeatable, or with "${separator}"`]
      : []),
    ...defaultFact(fallback, type.show, role === 'flag'),
  ];
  if (facts.length === 0) return help ?? '';
  return help === undefined ? `(${facts.join('; ')})` : `${help} (${facts.join('; ')})`;
}

function defaultFact(
  fallback: unknown,
  show: (value: unknown) => string,
  isFlag: boolean,
): readonly string[] {
  if (fallback === undefined || fallback === '') return [];
  if (isFlag) return fallback === true ? ['default: yes'] : [];
  if (!Array.isArray(fallback)) return [`default: ${show(fallback)}`];
  return fallback.length === 0 ? [] : [`default: ${fallback.map(show).join(', ')}`];
}

/** All about a task. */
export function taskUsage(command: TaskCommand, options: UsageOptions): string {
  const { places, options: own } = slotRows(slotsOf(command.schema));
  const sections: readonly OptionSection[] = [
    { heading: 'Arguments:', rows: places },
    { heading: 'Options:', rows: own },
    ...options.sections,
  ];
  const line = usageLine(options.program, command, options.sections.length > 0);
  return layOut([line, ...paragraphs(command)], sections, options.columns);
}

/** All about a group: its members, and what it does by itself. */
export function groupUsage(group: TaskGroup, options: UsageOptions): string {
  const head = ['Usage:', options.program, ...group.path, 'COMMAND …'].join(' ');
  const lines =
    group.own === undefined ? [head] : [usageLine(options.program, group.own, true), head];
  const own = group.own === undefined ? [] : slotRows(slotsOf(group.own.schema)).options;
  const sections = [
    { heading: 'Commands:', rows: memberRows(group.members) },
    { heading: 'Options:', rows: own },
    ...options.sections,
  ];
  return layOut([lines.join('\n'), ...paragraphs(group)], sections, options.columns);
}

/** The names of commands, and what they do. */
export function memberRows(members: readonly TaskNode[]): readonly Row[] {
  return members.map((each) => [nameOf(each), summaryOf(each)]);
}

function paragraphs({ help }: TaskNode): readonly string[] {
  return help === '' ? [] : [help];
}

/** Blocks with empty lines between them; the rows of all sections in the same two columns. */
export function layOut(
  blocks: readonly string[],
  sections: readonly OptionSection[],
  columns: number,
): string {
  const full = sections.filter(({ rows }) => rows.length > 0);
  const width = Math.max(0, ...full.flatMap(({ rows }) => rows.map(([term]) => term.length)));
  const tables = full.map(({ heading, rows }) =>
    [heading, ...rows.map((row) => rowText(row, Math.min(width, 34), columns))].join('\n'),
  );
  return `${[...blocks, ...tables].join('\n\n')}\n`;
}

function rowText([term, about]: Row, width: number, columns: number): string {
  const indent = width + 4;
  const lines = wrapped(about, Math.max(20, columns - indent));
  const [first = '', ...rest] = lines;
  const head = `  ${term.padEnd(width)}  `;
  const begin = term.length > width && first !== '' ? `  ${term}\n${' '.repeat(indent)}` : head;
  return [`${begin}${first}`.trimEnd(), ...rest.map((line) => `${' '.repeat(indent)}${line}`)].join(
    '\n',
  );
}

/** Text in lines of at most `columns`, broken between words. */
function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
