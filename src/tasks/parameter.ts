// What a task takes, as values: each parameter knows its place on the command line, how a word becomes its value, and its type.
// A shipfile may hold another copy of this package than the program that reads it, so that parameters are known by a symbol
// that all copies share.
import { choiceOf, parseDuration } from '../core/words.ts';
import {
  checkDefault,
  DURATION,
  FLAG,
  misuse,
  type NumberBounds,
  numberType,
  TEXT,
  type WordType,
} from './word-types.ts';

const PARAMETER: unique symbol = Symbol.for('shipper.parameter');

/** What completion offers for a value. */
export type Completion = 'file' | 'folder' | 'image' | 'service' | 'host' | 'environment' | 'group';

/** A parameter of any type. */
export interface AnyParameter {
  readonly [PARAMETER]: true;
  readonly role: 'positional' | 'option' | 'flag';
  readonly type: WordType;
  /** Takes any number of values; the value is their list. */
  readonly isList: boolean;
  /** What splits one word into several values; empty for nothing. */
  readonly separator: string;
  readonly isRequired: boolean;
  /** A flag that has a `--no-` form. */
  readonly isNegatable: boolean;
  /** What it is where it is not given; undefined where it has none. */
  readonly fallback: unknown;
  readonly help: string | undefined;
  /** Further names: letters become `-b`, longer ones `--batch`. */
  readonly aliases: readonly string[];
  readonly completion: Completion | undefined;
}

/**
 * A parameter of a task. `T` is what the function gets, `G` what a caller may give.
 */
export interface Parameter<T, G = T> extends AnyParameter {
  /** For the compiler alone; never there. */
  readonly types?: { readonly value: T; readonly given: G };
}

/** What may be said of every parameter. */
export interface ParameterSettings<T> {
  /** One line for the help. */
  readonly help?: string;
  /** Further names: a letter becomes `-b`, a longer one `--batch`. */
  readonly alias?: string | readonly string[];
  /** What it is where it is not given. */
  readonly default?: T;
  /** Refuse a command line without it. Default false. */
  readonly required?: boolean;
  /** What completion offers. */
  readonly complete?: Completion;
}

/** What may be said of a positional parameter. */
export interface PositionalSettings<T> {
  readonly help?: string;
  readonly default?: T;
  /** May be left out; the value is undefined then. Default false. */
  readonly optional?: boolean;
  readonly complete?: Completion;
}

/** What may be said of a number. */
export interface NumberSettings extends ParameterSettings<number>, NumberBounds {}

/** What may be said of a list. */
export interface ListSettings<T> extends Omit<ParameterSettings<readonly T[]>, 'default'> {
  readonly default?: readonly T[];
  /** What splits one word into several values; an empty one splits nothing. Default a comma. */
  readonly separator?: string;
}

type Nothing = Readonly<Record<never, never>>;
/** A default or `required` means that there always is a value. */
type Value<T, S> = S extends { readonly default: unknown } | { readonly required: true }
  ? T
  : T | undefined;
type Given<T, S> = S extends { readonly required: true } ? T : T | undefined;
type Positioned<T, S> = S extends { readonly default: unknown }
  ? T
  : S extends { readonly optional: true }
    ? T | undefined
    : T;
type PositionGiven<T, S> = S extends { readonly default: unknown } | { readonly optional: true }
  ? T | undefined
  : T;

/** Whether `value` is a parameter, of whichever copy of the package. */
export function isParameter(value: unknown): value is AnyParameter {
  return typeof value === 'object' && value !== null && PARAMETER in value;
}

/**
 * A parameter that is given by its place: `shipper bounce api`. Required, unless it has a `default` or is `optional`. `of` gives
 * it another type than text: `positional(number())`; of a list it takes all that follows: `positional(list())`.
 */
export function positional<const S extends PositionalSettings<string> = Nothing>(
  settings?: S,
): Parameter<Positioned<string, S>, PositionGiven<string, S>>;
export function positional<T, const S extends PositionalSettings<Exclude<T, undefined>> = Nothing>(
  of: Parameter<T, unknown>,
  settings?: S,
): Parameter<Positioned<Exclude<T, undefined>, S>, PositionGiven<Exclude<T, undefined>, S>>;
export function positional(
  first: AnyParameter | PositionalSettings<unknown> = {},
  second: PositionalSettings<unknown> = {},
): Parameter<never> {
  const of = isParameter(first) ? first : undefined;
  const settings = isParameter(first) ? second : first;
  const own = of ?? create('option', TEXT, {});
  const fallback = settings.default ?? own.fallback;
  checkDefault(own.type, own.isList, settings.default);
  return {
    ...own,
    role: 'positional',
    separator: '',
    isRequired: own.isList ? own.isRequired : fallback === undefined && settings.optional !== true,
    fallback,
    help: settings.help ?? own.help,
    completion: settings.complete ?? own.completion,
  };
}

/**
 * A parameter that is given by its name: `--tag 1.2`. A default gives it its type: `option(2)` takes numbers, `option(false)` is
 * a flag. Without a default the value is text, and undefined where it is not given.
 */
export function option<const S extends ParameterSettings<string> = Nothing>(
  settings?: S,
): Parameter<Value<string, S>, Given<string, S>>;
export function option(
  fallback: string,
  settings?: ParameterSettings<string>,
): Parameter<string, string | undefined>;
export function option(
  fallback: number,
  settings?: NumberSettings,
): Parameter<number, number | undefined>;
export function option(
  fallback: boolean,
  settings?: ParameterSettings<boolean>,
): Parameter<boolean, boolean | undefined>;
export function option(
  first: string | number | boolean | ParameterSettings<string> = {},
  settings: object = {},
): Parameter<never> {
  switch (typeof first) {
    case 'number':
      return create('option', numberType(settings), { ...settings, default: first });
    case 'boolean':
      return create('flag', FLAG, { ...settings, default: first });
    case 'string':
      return create('option', TEXT, { ...settings, default: first });
    default:
      return create('option', TEXT, first);
  }
}

/** `--force`, `--no-force`. False where it is not given, unless `default` says otherwise. */
export function flag(
  settings: Omit<ParameterSettings<boolean>, 'required' | 'complete'> = {},
): Parameter<boolean, boolean | undefined> {
  return create('flag', FLAG, { default: false, ...settings });
}

/** An option that takes a number. */
export function number<const S extends NumberSettings = Nothing>(
  settings?: S,
): Parameter<Value<number, S>, Given<number, S>> {
  return create('option', numberType(settings ?? {}), settings ?? {});
}

/** An option that takes a duration, such as `90s` or `1h30m`. The value is in milliseconds; a default may be written either way. */
export function duration<const S extends ParameterSettings<number | string> = Nothing>(
  settings?: S,
): Parameter<Value<number, S>, Given<number, S>> {
  const all: ParameterSettings<number | string> = settings ?? {};
  const { default: written } = all;
  if (typeof written !== 'string') return create('option', DURATION, all);
  const fallback = misuse(() => parseDuration('default', written));
  return create('option', DURATION, { ...all, default: fallback });
}

/** An option that takes one of `choices`. */
export function choice<const T extends string, const S extends ParameterSettings<T> = Nothing>(
  choices: readonly T[],
  settings?: S,
): Parameter<Value<T, S>, Given<T, S>> {
  if (!Array.isArray(choices) || choices.length === 0) {
    throw new TypeError('Cannot make a choice: the list of its values is empty');
  }
  const type: WordType = { choices, read: choiceOf(choices), show: String };
  return create('option', type, settings ?? {});
}

/**
 * An option that may be given several times, or once with commas. The value is the list, empty where it is not given. `of` gives
 * its members another type than text: `list(number())`.
 */
export function list(
  settings?: ListSettings<string>,
): Parameter<readonly string[], readonly string[] | undefined>;
export function list<T>(
  of: Parameter<T, unknown>,
  settings?: ListSettings<Exclude<T, undefined>>,
): Parameter<readonly Exclude<T, undefined>[], readonly Exclude<T, undefined>[] | undefined>;
export function list(
  first: AnyParameter | ListSettings<unknown> = {},
  second: ListSettings<unknown> = {},
): Parameter<never> {
  const of = isParameter(first) ? first : undefined;
  const settings = isParameter(first) ? second : first;
  if (of !== undefined && (of.isList || of.role !== 'option')) {
    throw new TypeError('Cannot make a list: its members are options, not lists or positionals');
  }
  const { separator = ',', default: fallback = [], ...others } = settings;
  const own = create('option', of?.type ?? TEXT, others);
  checkDefault(own.type, true, fallback);
  return {
    ...own,
    isList: true,
    separator,
    fallback,
    help: own.help ?? of?.help,
    completion: own.completion ?? of?.completion,
  };
}

/** A parameter, checked; of the type that the caller says, who knows what `type` reads. */
export function create(
  role: AnyParameter['role'],
  type: WordType,
  settings: ParameterSettings<unknown>,
): Parameter<never> {
  const { help, alias = [], required = false, complete } = settings;
  const aliases = typeof alias === 'string' ? [alias] : alias;
  const wrong = aliases.find((name) => !/^[A-Za-z][\w-]*$/.test(name));
  if (wrong !== undefined) {
    throw new TypeError(
      `Cannot use the alias ${JSON.stringify(wrong)}: it is a letter or a word, without dashes in front`,
    );
  }
  checkDefault(type, false, settings.default);
  return {
    [PARAMETER]: true,
    role,
    type,
    isList: false,
    separator: '',
    isRequired: required && settings.default === undefined,
    isNegatable: role === 'flag',
    fallback: settings.default,
    help,
    aliases,
    completion: complete,
  };
}
