// Trees of other tools' files → trees of ours: what converters of Compose and bake have in common.
import { resolve } from 'node:path';
import type { Place } from '../core/errors.ts';
import type { Entry, Mapping, Scalar, Tree } from './tree.ts';

/** A scalar in which a `$` means nothing, at the place of `from`. */
export function literal(from: Tree, text: string): Scalar {
  return { kind: 'scalar', place: from.place, value: text, text, variables: 'none' };
}

/** `tree` with every text marked as final. */
export function asLiteral(tree: Tree): Tree {
  switch (tree.kind) {
    case 'scalar':
      return tree.variables === undefined ? { ...tree, variables: 'none' } : tree;
    case 'list':
      return { ...tree, items: tree.items.map(asLiteral) };
    case 'map':
      return mapValues(tree, asLiteral);
  }
}

/** `tree` with every value changed. */
export function mapValues(tree: Mapping, change: (value: Tree, key: string) => Tree): Mapping {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of tree.entries) {
    entries.set(key, { ...entry, value: change(entry.value, key) });
  }
  return { ...tree, entries };
}

/** `tree` with every item of a list changed; anything else stays. */
export function mapItems(tree: Tree, change: (item: Tree) => Tree): Tree {
  return tree.kind === 'list' ? { ...tree, items: tree.items.map(change) } : tree;
}

/** A mapping made for `place`, of those `members` that are there. */
export function mappingOf(
  place: Place,
  members: Readonly<Record<string, Tree | undefined>>,
): Mapping {
  const entries = Object.entries(members).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, { keyPlace: value.place, value }] as const],
  );
  return { kind: 'map', place, entries: new Map(entries) };
}

/** What a builder takes as it is: URLs, and contexts with a kind in front. */
const NO_PATH = /^[a-z][a-z0-9+.-]*:|^git@|^github\.com\//;

/** A path of a file in `folder` as an absolute one; anything else stays. */
export function absoluteIn(folder: string, tree: Tree): Tree {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return tree;
  // What bake calls a folder of this machine, also where its file is a remote one.
  const path = tree.text.replace(/^cwd:\/\//, '');
  return NO_PATH.test(path) ? tree : literal(tree, resolve(folder, path));
}

/** `NAME=PATH` texts of a list, or the values of a mapping, with absolute paths. */
export function absolutePairs(folder: string, tree: Tree): Tree {
  if (tree.kind === 'map') return mapValues(tree, (value) => absoluteIn(folder, value));
  return mapItems(tree, (item) => {
    const [, key, path] = item.kind === 'scalar' ? (/^([^=]*)=(.+)$/s.exec(item.text) ?? []) : [];
    if (key === undefined || path === undefined || NO_PATH.test(path)) return item;
    return literal(item, `${key}=${resolve(folder, path)}`);
  });
}
