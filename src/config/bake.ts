// The targets of a bake file in JSON → images (buildx, docs/bake-reference.md): a `docker-bake.json`, or what
// `docker buildx bake --print` made of any bake file.

import { mergeMappings } from './extend.ts';
import {
  absoluteIn,
  absolutePairs,
  asLiteral,
  literal,
  mapItems,
  mappingOf,
  mapValues,
} from './foreign.ts';
import type { IncludedFile, IncludeReading } from './include.ts';
import { text, texts } from './reading.ts';
import { child, type Entry, entriesOf, itemsOf, type Mapping, type Tree, textOf } from './tree.ts';

/** Keys of a target that have another name, or none, with us. What we do with an image says shipper.yaml. */
const KEYS: Readonly<Record<string, string | undefined>> = {
  attest: undefined,
  call: undefined,
  contexts: 'additional_contexts',
  description: undefined,
  inherits: undefined,
  output: undefined,
  secret: 'secrets',
};

/** Lists that a target adds to what it inherits; others it replaces (buildx, `Target.Merge`). */
const ADDED = new Set([
  ...['annotations', 'attest', 'cache-from', 'entitlements', 'no-cache-filter', 'secret', 'ssh'],
  'ulimits',
]);

/** What in `root` only buildx can work out: `function`, `matrix`, expressions; undefined where there is no such thing. */
export function needsBuildx(root: Tree): string | undefined {
  if (child(root, 'function') !== undefined) return 'functions';
  const targets = entriesOf(child(root, 'target'));
  if (child(root, 'target')?.kind === 'list') return 'blocks in a list';
  if (targets.some(([, { value }]) => child(value, 'matrix') !== undefined)) return 'a matrix';
  const known = variableNames(root);
  return textsIn(root).some((words) => !isSimple(words, known)) ? 'expressions' : undefined;
}

function variableNames(root: Tree): readonly string[] {
  return entriesOf(child(root, 'variable')).map(([name]) => name);
}

/** Whether all that is special in `words` is `${NAME}` of a declared variable. */
function isSimple(words: string, known: readonly string[]): boolean {
  const rest = words.replace(/\$\{(\w+)\}/g, (all, name: string) =>
    known.includes(name) ? '' : all,
  );
  return !/[$%]\{/.test(rest);
}

function textsIn(tree: Tree): readonly string[] {
  if (tree.kind === 'list') return tree.items.flatMap(textsIn);
  if (tree.kind === 'map') return [...tree.entries.values()].flatMap(({ value }) => textsIn(value));
  return typeof tree.value === 'string' ? [tree.text] : [];
}

/** The targets of `root` that are no mere base of others (`_name`), and its groups. */
export function readBake(root: Tree, reading: IncludeReading): IncludedFile {
  const values = variablesOf(root, reading);
  const all = withVariables(child(root, 'target'), values);
  const targets = new Map(entriesOf(all && reading.problems.capped(all, 'targets')));
  const images = new Map<string, Entry>();
  for (const [name, { keyPlace, value }] of targets) {
    if (name.startsWith('_') || value.kind !== 'map') continue;
    const whole = inherited(value, targets, [name], reading);
    images.set(name, { keyPlace, value: asLiteral(imageOf(whole, reading)) });
  }
  const groups = new Map<string, Entry>();
  for (const [name, { keyPlace, value }] of entriesOf(child(root, 'group'))) {
    const members = itemsOf(child(value, 'targets')).filter(
      (item) => !textOf(item)?.startsWith('_'),
    );
    const list: Tree = { kind: 'list', place: value.place, items: members.map(asLiteral) };
    groups.set(name, { keyPlace, value: list });
  }
  return { images, groups };
}

/** Those of the environment win over defaults, as in bake. */
function variablesOf(root: Tree, { facts }: IncludeReading): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, { value }] of entriesOf(child(root, 'variable'))) {
    found.set(name, facts.variable(name) ?? text(value, 'default') ?? '');
  }
  return found;
}

function withVariables(
  tree: Tree | undefined,
  values: ReadonlyMap<string, string>,
): Tree | undefined {
  if (tree === undefined) return undefined;
  const change = (each: Tree): Tree => {
    if (each.kind === 'list') return { ...each, items: each.items.map(change) };
    if (each.kind === 'map') return mapValues(each, change);
    if (typeof each.value !== 'string' || !each.text.includes('${')) return each;
    return literal(
      each,
      each.text.replace(/\$\{(\w+)\}/g, (all, name: string) => values.get(name) ?? all),
    );
  };
  return change(tree);
}

/** `own` over the targets that it inherits from, of which later ones win. */
function inherited(
  own: Mapping,
  targets: ReadonlyMap<string, Entry>,
  path: readonly string[],
  reading: IncludeReading,
): Mapping {
  let base: Mapping = { ...own, entries: new Map() };
  for (const item of itemsOf(child(own, 'inherits'))) {
    const name = textOf(item);
    if (name === undefined) continue;
    const parent = targets.get(name)?.value;
    if (path.includes(name)) {
      const circle = [...path, name].join(' -> ');
      reading.problems.add(item.place, `targets inherit from each other in a circle: ${circle}`);
    } else if (parent?.kind !== 'map') {
      reading.problems.unknown(item.place, 'target', name, [...targets.keys()]);
    } else base = over(base, inherited(parent, targets, [...path, name], reading));
  }
  return over(base, own);
}

function over(base: Mapping, own: Mapping): Mapping {
  const merged = new Map(mergeMappings(base, withoutNulls(own)).entries);
  for (const key of ADDED) {
    const [before, after] = [base.entries.get(key), own.entries.get(key)];
    if (before?.value.kind !== 'list' || after?.value.kind !== 'list') continue;
    const items = [...before.value.items, ...after.value.items];
    merged.set(key, { ...after, value: { ...after.value, items } });
  }
  return { ...own, entries: merged };
}

/** Null says nothing in bake, where ours takes away what is inherited. */
function withoutNulls(tree: Mapping): Mapping {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of tree.entries) {
    const { value } = entry;
    if (value.kind === 'scalar' && value.value === null) continue;
    entries.set(key, value.kind === 'map' ? { ...entry, value: withoutNulls(value) } : entry);
  }
  return { ...tree, entries };
}

/** The keys of a target as ours, with absolute paths. */
function imageOf(target: Mapping, { folder }: IncludeReading): Mapping {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of target.entries) {
    const ours = Object.hasOwn(KEYS, key) ? KEYS[key] : key.replaceAll('-', '_');
    if (ours !== undefined)
      entries.set(ours, { ...entry, value: valueOfKey(ours, entry.value, folder) });
  }
  if (!entries.has('context')) {
    const value = literal(target, folder);
    entries.set('context', { keyPlace: target.place, value });
  }
  // As in bake, where a path is always there.
  if (entries.has('dockerfile_inline')) entries.delete('dockerfile');
  for (const [key, entry] of attestations(target)) entries.set(key, entry);
  return { ...target, entries };
}

function valueOfKey(key: string, value: Tree, folder: string): Tree {
  switch (key) {
    case 'context':
      return absoluteIn(folder, value);
    case 'additional_contexts':
      return absolutePairs(folder, value.kind === 'map' ? withoutEmpty(value) : value);
    case 'secrets':
      return mapItems(value, (item) => secretOf(item, folder));
    case 'ssh':
      return absolutePairs(folder, mapItems(value, sshOf));
    case 'cache_from':
    case 'cache_to':
      return mapItems(value, pairsText);
    case 'ulimits':
      return ulimitsOf(value);
    default:
      return value;
  }
}

/** An empty context takes away one that is inherited. */
function withoutEmpty(tree: Mapping): Mapping {
  const entries = [...tree.entries].filter(([, { value }]) => textOf(value) !== '');
  return { ...tree, entries: new Map(entries) };
}

/** `{type: gha, scope: x}` as the `type=gha,scope=x` that it stands for. */
function pairsText(item: Tree): Tree {
  if (item.kind !== 'map') return item;
  const words = entriesOf(item).map(([key, { value }]) => `${key}=${textOf(value) ?? ''}`);
  return literal(item, words.join(','));
}

/** `id=x,src=path` or `{id, src, env}` as `{id, file, env}`. */
function secretOf(item: Tree, folder: string): Tree {
  const words = textOf(item);
  const pairs = new Map<string, Tree>(
    words === undefined
      ? entriesOf(item).map(([key, { value }]) => [key, value] as const)
      : words.split(',').map((word) => {
          const [key = '', value = ''] = word.split(/=(.*)/s);
          return [key, literal(item, value)] as const;
        }),
  );
  const source = pairs.get('src') ?? pairs.get('source');
  return mappingOf(item.place, {
    id: pairs.get('id'),
    file: source && absoluteIn(folder, source),
    env: pairs.get('env'),
  });
}

function sshOf(item: Tree): Tree {
  if (item.kind !== 'map') return item;
  const paths = texts(item, 'paths').join(',');
  return literal(item, `${text(item, 'id') ?? 'default'}${paths === '' ? '' : `=${paths}`}`);
}

/** `nofile=1024:2048` as `nofile: {soft, hard}`. */
function ulimitsOf(tree: Tree): Tree {
  if (tree.kind !== 'list') return tree;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    const [, name, soft, hard = soft] =
      /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(textOf(item) ?? '') ?? [];
    if (name === undefined) continue;
    const number = (words = '') => ({ ...literal(item, words), value: Number(words) });
    const value = mappingOf(item.place, { soft: number(soft), hard: number(hard) });
    entries.set(name, { keyPlace: item.place, value });
  }
  return { kind: 'map', place: tree.place, entries };
}

/** `type=provenance,mode=max` as `provenance: mode=max`. */
function attestations(target: Mapping): readonly (readonly [string, Entry])[] {
  return itemsOf(child(target, 'attest')).flatMap((item) => {
    const words = (item.kind === 'map' ? textOf(pairsText(item)) : textOf(item)) ?? '';
    const [, type] = /(?:^|,)type=(provenance|sbom)(?:,|$)/.exec(words) ?? [];
    if (type === undefined) return [];
    const rest = words.split(',').filter((word) => !word.startsWith('type='));
    const isOff = rest.includes('disabled=true');
    const value = literal(item, isOff ? 'false' : rest.length === 0 ? 'true' : rest.join(','));
    return [[type, { keyPlace: item.place, value }] as const];
  });
}
