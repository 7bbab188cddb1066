// `extends`: what a mapping says counts, and what it does not say comes from another one. Mappings are merged key by key,
// anything else is replaced as a whole, and a key with nothing (`key:`) takes away what would be inherited.
import type { Place } from '../core/errors.ts';
import type { Problems } from './problems.ts';
import { child, type Entry, entriesOf, type Mapping, type Tree } from './tree.ts';

/** Every member of `group` with what it extends merged in. `what` is `image` or `environment`. */
export function extendAll(group: Tree, what: string, problems: Problems): Tree {
  if (group.kind !== 'map') return group;
  const names = [...group.entries.keys()];
  const done = new Map<string, Tree>();
  const extend = (name: string, below: readonly string[]): Tree | undefined => {
    const finished = done.get(name);
    if (finished !== undefined) return finished;
    const own = child(group, name);
    const link = child(own, 'extends');
    if (own?.kind !== 'map' || link?.kind !== 'scalar' || typeof link.value !== 'string')
      return own;
    const parentName = link.value;
    const path = [...below, name];
    let merged: Tree = own;
    if (path.includes(parentName)) {
      const circle = [...path.slice(path.indexOf(parentName)), parentName].join(' -> ');
      problems.add(link.place, `${what}s extend each other in a circle: ${circle}`);
    } else if (!names.includes(parentName)) {
      problems.unknown(
        link.place,
        what,
        parentName,
        names.filter((each) => each !== name),
      );
    } else {
      const parent = extend(parentName, path);
      if (parent?.kind === 'map') merged = mergeMappings(parent, own);
    }
    done.set(name, merged);
    return merged;
  };
  const entries = new Map<string, Entry>();
  for (const [name, entry] of group.entries) {
    entries.set(name, { ...entry, value: extend(name, []) ?? entry.value });
  }
  return { ...group, entries };
}

/** Members of `own` first, over included ones of the same name; then those that are only included. */
export function mergeGroups(
  included: ReadonlyMap<string, Entry>,
  own: Tree | undefined,
  place: Place,
): Mapping {
  const entries = new Map<string, Entry>();
  for (const [name, entry] of entriesOf(own)) {
    const below = included.get(name)?.value;
    const isBoth = below?.kind === 'map' && entry.value.kind === 'map';
    entries.set(name, isBoth ? { ...entry, value: mergeMappings(below, entry.value) } : entry);
  }
  for (const [name, entry] of included) if (!entries.has(name)) entries.set(name, entry);
  return { kind: 'map', place, entries };
}

/** `own` over `inherited`. */
export function mergeMappings(inherited: Mapping, own: Mapping): Mapping {
  const entries = new Map(inherited.entries);
  entries.delete('extends');
  for (const [key, entry] of entriesOf(own)) {
    const { value } = entry;
    const before = entries.get(key)?.value;
    if (value.kind === 'scalar' && value.value === null && before !== undefined)
      entries.delete(key);
    else if (value.kind === 'map' && before?.kind === 'map')
      entries.set(key, { ...entry, value: mergeMappings(before, value) });
    else entries.set(key, entry);
  }
  return { ...own, entries };
}
