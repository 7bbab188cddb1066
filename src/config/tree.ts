// A configuration file as a tree that knows where everything stands: what checks, merges and readers work on.
import type { Place } from '../core/errors.ts';

/** What a scalar of YAML 1.2 (core schema) is. */
export type ScalarValue = string | number | boolean | null;

/** A text, number, truth value or nothing. */
export interface Scalar {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: ScalarValue;
  /** As written, for what is no text: `1.10` is not 1.1 where a version is meant. */
  readonly text: string;
  /**
   * `set` where variables were put in; `missing` where one of them is not set, so that the value is not known; `none` for
   * text of another tool, in which a `$` means nothing.
   */
  readonly variables?: 'set' | 'missing' | 'none';
}

/** A list. */
export interface List {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly Tree[];
}

/** A mapping of names to values, in the order of the file. */
export interface Mapping {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A key with its value. */
export interface Entry {
  readonly keyPlace: Place;
  readonly value: Tree;
}

/** A value with its place. Aliases share one: it is a tree when it is walked. */
export type Tree = Scalar | List | Mapping;

/** Keys and positions from the root. */
export type TreePath = readonly (string | number)[];

/** The value under `key`; undefined where there is none or `tree` is no mapping. */
export function child(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === 'map' ? tree.entries.get(key)?.value : undefined;
}

/** Keys with their entries; none where `tree` is no mapping. */
export function entriesOf(tree: Tree | undefined): readonly (readonly [string, Entry])[] {
  return tree?.kind === 'map' ? [...tree.entries] : [];
}

/** Members of a list; none where `tree` is none. */
export function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === 'list' ? tree.items : [];
}

/** The text of a scalar as written; undefined for nothing, lists and mappings, and where a variable is missing. */
export function textOf(tree: Tree | undefined): string | undefined {
  if (tree?.kind !== 'scalar' || tree.value === null || tree.variables === 'missing')
    return undefined;
  return tree.text;
}

/** Where `path` leads. */
export function treeAt(root: Tree, path: TreePath): Tree | undefined {
  let at: Tree | undefined = root;
  for (const step of path) {
    at = typeof step === 'number' ? itemsOf(at)[step] : child(at, step);
  }
  return at;
}

/** The place of the last key or member of `path` that exists: the key where the value is a mapping or nothing. */
export function placeAt(root: Tree, path: TreePath): Place {
  let at: Tree = root;
  let place = root.place;
  for (const step of path) {
    if (typeof step === 'number') {
      const item = itemsOf(at)[step];
      if (item === undefined) return place;
      at = item;
      place = item.place;
    } else {
      const entry = at.kind === 'map' ? at.entries.get(step) : undefined;
      if (entry === undefined) return place;
      at = entry.value;
      place =
        at.kind === 'map' || (at.kind === 'scalar' && at.text === '') ? entry.keyPlace : at.place;
    }
  }
  return place;
}

/** The place of the last key of `path`, or of the member where the last step is a position. */
export function keyPlaceAt(root: Tree, path: TreePath): Place {
  const last = path.at(-1);
  const parent = treeAt(root, path.slice(0, -1));
  const entry =
    parent?.kind === 'map' && typeof last === 'string' ? parent.entries.get(last) : undefined;
  return entry?.keyPlace ?? placeAt(root, path);
}

/** The bare values, for a schema. Objects have no prototype, so that no key means anything but itself. */
export function plainOf(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map(plainOf);
    case 'map': {
      const plain: Record<string, unknown> = Object.create(null);
      for (const [key, { value }] of tree.entries) plain[key] = plainOf(value);
      return plain;
    }
  }
}

/** `tree` with other entries; a mapping that is made for the place where there is none. */
export function withEntries(tree: Tree, changes: Iterable<readonly [string, Entry]>): Mapping {
  const entries = new Map(tree.kind === 'map' ? tree.entries : []);
  for (const [key, entry] of changes) entries.set(key, entry);
  return { kind: 'map', place: tree.place, entries };
}
