// The options that every task has beside its own: which engines are meant, how the work is spread, and the global ones.
import type { Slot } from '../../tasks/command.ts';
import { slotOf } from '../../tasks/command.ts';
import { type AnyParameter, create, list, number, option } from '../../tasks/parameter.ts';
import { type OptionSection, optionTerm, type Row, slotRows } from '../../tasks/usage-text.ts';
import { FLAG, TEXT } from '../../tasks/word-types.ts';
import { GLOBAL_GROUP, GLOBAL_OPTIONS, type GlobalFlags } from '../options.ts';
import { usage } from '../values.ts';
import type { OptionSpec } from '../verb.ts';
import { namesIn } from './task-line.ts';

/** What the options of a task say about its targets. */
export interface TargetFlags {
  readonly env?: string;
  readonly hosts?: readonly string[];
  readonly group?: string;
  readonly config?: string;
  readonly parallel?: number;
  readonly serial?: boolean;
  readonly keepGoing?: boolean;
  readonly dryRun?: boolean;
}

function switchOf(help: string): AnyParameter {
  return { ...create('flag', FLAG, { help }), isNegatable: false };
}

const TARGETS: Readonly<Record<keyof TargetFlags, AnyParameter>> = {
  env: option({ help: 'the environment of shipper.yaml that is meant', complete: 'environment' }),
  hosts: list({
    help: 'addresses of engines; with --env which of its hosts: s1, s*',
    complete: 'host',
  }),
  group: option({ help: 'only services of this group', complete: 'group' }),
  config: option({
    help: 'the configuration (default: env SHIPPER_CONFIG, else the nearest shipper.yaml from here up)',
    complete: 'file',
  }),
  parallel: number({
    min: 1,
    max: 1000,
    whole: true,
    help: 'at most so many hosts at once (default: 30)',
  }),
  serial: switchOf('one host after the other'),
  keepGoing: switchOf('go on where a host failed; the exit code tells'),
  dryRun: switchOf('print what would be done, and do nothing'),
};

/** Slots of the options that say what is meant, and how. */
export const TARGET_SLOTS: readonly Slot[] = Object.entries(TARGETS).map(([key, parameter]) =>
  slotOf(key, parameter),
);

/** Slots of the global options. */
export const GLOBAL_SLOTS: readonly Slot[] = GLOBAL_OPTIONS.map(slotOfSpec);

function slotOfSpec({ flags, about, parse }: OptionSpec): Slot {
  const names = namesIn(flags);
  const [, placeholder] = /<([^>]+)>/.exec(flags) ?? [];
  const key = (names.at(-1) ?? '')
    .replace(/^-+/, '')
    .replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const parameter =
    placeholder === undefined
      ? switchOf(about)
      : create(
          'option',
          { ...TEXT, placeholder, ...(parse === undefined ? {} : { read: parse }) },
          { help: about },
        );
  return { key, parameter, names, otherNames: [] };
}

/** Names that no option of a task may have: those that say where and how it runs. */
export const COMMON_NAMES: readonly string[] = [
  ...TARGET_SLOTS.flatMap(({ names }) => names),
  '--json',
  '--timeout',
  '--help',
  '-h',
];

/** The sections of the help of a task behind its own. A global option that the task has under the same name is left out. */
export function commonSections(own: readonly Slot[]): readonly OptionSection[] {
  const taken = new Set(own.flatMap(({ names }) => names));
  const globals: readonly Row[] = GLOBAL_SLOTS.filter(
    ({ key, names }) => key !== 'C' && !names.every((name) => taken.has(name)),
  ).map((slot) => [optionTerm(slot), aboutOf(slot)]);
  return [
    { heading: 'Where, and how it runs:', rows: slotRows(TARGET_SLOTS).options },
    { heading: GLOBAL_GROUP, rows: [...globals, ['-h, --help', 'print this help']] },
  ];
}

function aboutOf({ names, parameter }: Slot): string {
  const spec = GLOBAL_OPTIONS.find(({ flags }) => namesIn(flags).join() === names.join());
  const { choices, otherwise } = spec ?? {};
  const facts = [
    ...(choices === undefined ? [] : [choices.join(', ')]),
    ...(otherwise === undefined ? [] : [`default: ${otherwise}`]),
  ];
  return facts.length === 0 ? (parameter.help ?? '') : `${parameter.help} (${facts.join('; ')})`;
}

/** What was given to the slots of `slots`, by key. */
export function flagsOf<T extends object>(
  slots: readonly Slot[],
  given: ReadonlyMap<Slot, unknown>,
): T {
  const values = slots.flatMap((slot) =>
    given.has(slot) ? [[slot.key, given.get(slot)] as const] : [],
  );
  // The slots are made of the names and types of `T`.
  return Object.fromEntries(values) as T;
}

/** The global options that were given. */
export function globalFlags(given: ReadonlyMap<Slot, unknown>): GlobalFlags {
  return flagsOf<GlobalFlags>(GLOBAL_SLOTS, given);
}

/** The options about targets that were given; `USAGE` where they contradict each other. */
export function targetFlags(given: ReadonlyMap<Slot, unknown>): TargetFlags {
  const flags = flagsOf<TargetFlags>(TARGET_SLOTS, given);
  if (flags.serial && flags.parallel !== undefined) {
    throw usage(
      'Cannot combine --serial with --parallel: each says how many hosts are at work at once',
    );
  }
  if (flags.group !== undefined && flags.env === undefined) {
    throw usage('Cannot use --group without --env: the groups are those of an environment');
  }
  return flags;
}
