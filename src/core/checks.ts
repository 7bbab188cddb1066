// Checks of what a caller in another language, or past the compiler, may pass in: a TypeError for the wrong type or an
// unknown name, a RangeError for a value that is out of bounds. Each names the option, what is expected and what came.
import { nearest } from './nearest.ts';

/** Throws unless `value` is right for the option `name`. */
export type Check = (value: unknown, name: string) => void;

/** One check for every member that an object may have. */
export type Checks = Readonly<Record<string, Check>>;

const SHOWN_LENGTH = 60;

function wrongType(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Cannot use ${name}: it must be ${expected}, not ${shown(value)}`);
}

function outOfRange(name: string, expected: string, value: unknown): RangeError {
  return new RangeError(`Cannot use ${name}: it must be ${expected}, not ${shown(value)}`);
}

/** The value and its type. What an object holds is not told: it may be large or a secret. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const short = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text;
  return `${short} (${typeof value})`;
}

/** A string with something in it that a path or name may hold. */
export const text: Check = (value, name) => {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (value === '') throw outOfRange(name, 'a string that is not empty', value);
  if (value.includes('\0')) throw outOfRange(name, 'a string without NUL', value);
};

/** Any string. */
export const anyText: Check = (value, name) => {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
};

export const flag: Check = (value, name) => {
  if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value);
};

export const callable: Check = (value, name) => {
  if (typeof value !== 'function') throw wrongType(name, 'a function', value);
};

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Check {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `${least} up` : `${least} to ${most}`;
  const expected = `a whole number from ${bounds}`;
  return (value, name) => {
    if (typeof value !== 'number') throw wrongType(name, expected, value);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return;
    throw outOfRange(name, expected, value);
  };
}

/** Any number from `least` to `most`. */
export function between(least: number, most: number): Check {
  const expected = `a number from ${least} to ${most}`;
  return (value, name) => {
    if (typeof value !== 'number') throw wrongType(name, expected, value);
    if (!(value >= least && value <= most)) throw outOfRange(name, expected, value);
  };
}

/** One of some words. */
export function oneOf(...words: readonly string[]): Check {
  const expected = `one of ${words.join(', ')}`;
  return (value, name) => {
    if (typeof value !== 'string') throw wrongType(name, expected, value);
    if (!words.includes(value))
      throw new RangeError(`${outOfRange(name, expected, value).message}${meant(value, words)}`);
  };
}

/** An array whose members all pass `check`. */
export function listOf(check: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrongType(name, 'an array', value);
    // Not forEach: a hole is a member that is missing.
    for (let i = 0; i < value.length; i += 1) check(value[i], `${name}[${i}]`);
  };
}

/** An object of the caller's own names, none of them empty, whose values all pass `check`. */
export function mapOf(check: Check): Check {
  return (value, name) => {
    requireObject(value, name);
    for (const [key, member] of Object.entries(value)) {
      if (key === '') throw new RangeError(`Cannot use ${name}: it has an empty name`);
      check(member, `${name}[${JSON.stringify(key)}]`);
    }
  };
}

/** An object with members of these names only; what is undefined counts as left out. `required` ones must be there. */
export function shapeOf(checks: Checks, required: readonly string[] = []): Check {
  return (value, name) => {
    requireObject(value, name);
    for (const key of required) if (value[key] === undefined) throw missing(name, key);
    for (const [key, member] of Object.entries(value)) {
      const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
      if (check === undefined) throw unknownName(name, key, Object.keys(checks));
      if (member !== undefined) check(member, memberName(name, key));
    }
  };
}

/** An object with what an interface asks for; it may have more. */
export function hasMembers(what: string, ...names: readonly string[]): Check {
  return (value, name) => {
    const isObject = (typeof value === 'object' || typeof value === 'function') && value !== null;
    if (!isObject || !names.every((key) => key in value)) throw wrongType(name, what, value);
  };
}

function requireObject(
  value: unknown,
  name: string,
): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw wrongType(name, 'an object', value);
}

/** Options are named as they are written: the object that holds them is only told where it is one of them. */
function memberName(parent: string, key: string): string {
  return parent.startsWith('the ') ? key : `${parent}.${key}`;
}

function missing(name: string, key: string): TypeError {
  return new TypeError(`Cannot use ${name}: ${key} is missing`);
}

function unknownName(name: string, key: string, known: readonly string[]): TypeError {
  const shownKey = JSON.stringify(key.slice(0, SHOWN_LENGTH));
  return new TypeError(
    `Cannot use ${name}: there is no option ${shownKey}${meant(key, known) || `, it takes ${known.join(', ')}`}`,
  );
}

function meant(word: string, known: readonly string[]): string {
  const near = nearest(word.replaceAll('-', ''), known);
  return near === undefined ? '' : `, did you mean ${near}?`;
}
