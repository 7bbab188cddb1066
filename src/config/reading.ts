// How readers take values out of a tree whose form has been checked.
import { resolve } from 'node:path';
import { isShipperError, type Place } from '../core/errors.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { Problems } from './problems.ts';
import { child, entriesOf, itemsOf, type Tree, textOf } from './tree.ts';

/** What every reader needs. */
export interface Reading {
  /** What relative paths are relative to, absolute. */
  readonly folder: string;
  readonly homedir: string;
  readonly problems: Problems;
  /** A variable of the environment. */
  variable(name: string): string | undefined;
}

/** Text under `key`. */
export function text(tree: Tree | undefined, key: string): string | undefined {
  return textOf(child(tree, key));
}

/** A truth value under `key`. */
export function flag(tree: Tree | undefined, key: string): boolean | undefined {
  const found = child(tree, key);
  return found?.kind === 'scalar' && typeof found.value === 'boolean' ? found.value : undefined;
}

/** A number under `key`. */
export function number(tree: Tree | undefined, key: string): number | undefined {
  const found = textOf(child(tree, key));
  const value = found === undefined || found === '' ? Number.NaN : Number(found);
  return Number.isNaN(value) ? undefined : value;
}

/** One of the words that the schema lets through, under `key`. */
export function choice<const T extends string>(
  tree: Tree | undefined,
  key: string,
  words: readonly T[],
): T | undefined {
  const found = text(tree, key);
  return words.find((each) => each === found);
}

/** A text or a list of texts under `key`. */
export function texts(tree: Tree | undefined, key: string): readonly string[] {
  const found = child(tree, key);
  const members = found?.kind === 'scalar' ? [found] : itemsOf(found);
  return members.map(textOf).filter((each) => each !== undefined);
}

/** One `KEY: VALUE` or `KEY=VALUE`. */
export interface Pair {
  readonly key: string;
  /** Undefined where only the key stands. */
  readonly value: string | undefined;
  readonly place: Place;
}

/** `KEY: VALUE` of a mapping, or `KEY=VALUE` of a list, under `key`. `separators` of lists; the first that is found. */
export function pairs(
  tree: Tree | undefined,
  key: string,
  separators: RegExp = /=/,
): readonly Pair[] {
  const found = child(tree, key);
  if (found?.kind === 'map') {
    return entriesOf(found).map(([name, { keyPlace, value }]) => ({
      key: name,
      value: textOf(value),
      place: keyPlace,
    }));
  }
  return itemsOf(found).map((item) => {
    const all = textOf(item) ?? '';
    const at = all.search(separators);
    const [name, value] = at < 0 ? [all, undefined] : [all.slice(0, at), all.slice(at + 1)];
    return { key: name, value, place: item.place };
  });
}

/** The pairs as a record; what has no value has an empty one. */
export function record(tree: Tree | undefined, key: string): Readonly<Record<string, string>> {
  return recordOf(pairs(tree, key).map((pair) => ({ ...pair, value: pair.value ?? '' })));
}

/** The pairs as a record; what has no value gets that of the environment, or is left out. */
export function recordFromEnvironment(
  tree: Tree | undefined,
  key: string,
  { variable }: Reading,
): Readonly<Record<string, string>> {
  return recordOf(
    pairs(tree, key).map((pair) => ({ ...pair, value: pair.value ?? variable(pair.key) })),
  );
}

/** Own members only, whatever they are called. */
export function recordOf(all: readonly Pair[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    all.flatMap(({ key, value }) => (value === undefined ? [] : [[key, value] as const])),
  );
}

/** `path` as an absolute one; `~/` is the home folder. */
export function absolute({ folder, homedir }: Reading, path: string): string {
  if (path === '~' || path.startsWith('~/')) return resolve(homedir, path.slice(2));
  return resolve(folder, path);
}

/** A whole reference as people write it, with `:latest` where it has neither tag nor digest; undefined and a problem where it is none. */
export function wholeReference(
  words: string,
  place: Place,
  problems: Problems,
): string | undefined {
  try {
    return familiarReference(withDefaultTag(parseReference(words)));
  } catch (error) {
    if (!isShipperError(error)) throw error;
    const [, shown = '', reason = ''] =
      /^Cannot use reference ("(?:[^"\\]|\\.)*"): (.*)$/s.exec(error.message) ?? [];
    const hint = words.startsWith('docker://') ? 'leave out "docker://"' : undefined;
    problems.add(place, `the reference ${shown} cannot be used: ${reason}`, hint);
    return undefined;
  }
}

/** Whether a word can only be a whole reference, and no name of this file or tag. */
export function looksWhole(words: string): boolean {
  return /[/:@]/.test(words);
}
