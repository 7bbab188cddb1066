// The program as completion sees it: names, options, choices.
import type { ArgumentSpec, OptionSpec, ValueKind, Verb } from '../verb.ts';

/** One option. */
export interface OptionShape {
  /** `-t`, `--tag`. */
  readonly names: readonly string[];
  readonly about: string;
  readonly takesValue: boolean;
  /** Values that are offered. */
  readonly choices: readonly string[];
  readonly value: ValueKind;
  readonly repeats: boolean;
}

/** One positional argument. */
export interface ArgumentShape {
  readonly name: string;
  readonly choices: readonly string[];
  readonly value: ValueKind;
  readonly repeats: boolean;
}

/** One command. */
export interface CommandShape {
  readonly name: string;
  readonly about: string;
  readonly args: readonly ArgumentShape[];
  /** Its own, without the global ones. */
  readonly options: readonly OptionShape[];
}

/** The program. */
export interface ProgramShape {
  readonly commands: readonly CommandShape[];
  readonly options: readonly OptionShape[];
}

/** The hidden command by which the scripts of shells ask for what only the folder knows. */
export const COMPLETE_WORD = '__complete';

/** Kinds of values that the scripts ask the program for. */
export function isAskedFor(value: ValueKind): boolean {
  return value === 'environment' || value === 'service' || value === 'host';
}

/** Prefixes of image names that are worth offering. */
export const IMAGE_PREFIXES = [
  'docker-daemon:',
  'docker-archive:',
  'oci:',
  'oci-archive:',
] as const;

/** The shape of a program of `verbs`, with the `help` command and the options that commander adds. */
export function shapeOf(verbs: readonly Verb[], globals: readonly OptionSpec[]): ProgramShape {
  const commands = verbs.map(({ name, summary, args, options }) => ({
    name,
    about: summary,
    args: args.map(argumentShape),
    options: options.map(optionShape),
  }));
  const names = verbs.map(({ name }) => name);
  const help: CommandShape = {
    name: 'help',
    about: 'print the help of a command',
    args: [{ name: 'COMMAND', choices: names, value: 'none', repeats: false }],
    options: [],
  };
  const added = [
    flagShape('-V, --version', 'print the version'),
    flagShape('-h, --help', 'print help'),
  ];
  return { commands: [...commands, help], options: [...globals.map(optionShape), ...added] };
}

function argumentShape(spec: ArgumentSpec): ArgumentShape {
  const { name, choices = [], value = 'none', repeats = false } = spec;
  return { name, choices, value, repeats };
}

function optionShape(spec: OptionSpec): OptionShape {
  const { flags, about, suggestions = [], choices = suggestions, value = 'none' } = spec;
  return { ...flagShape(flags, about), choices, value, repeats: spec.repeats ?? false };
}

function flagShape(flags: string, about: string): OptionShape {
  return {
    names: flags.match(/(?<![\w-])--?[A-Za-z][\w-]*/g) ?? [],
    about,
    takesValue: flags.includes('<'),
    choices: [],
    value: 'none',
    repeats: false,
  };
}
