// The difference of two states as the entries of a layer, in one of many styles that are all right by the
// specification. It never merges: what a name was below is looked up in the older state.
import { type EntrySpec, type EntryType, fits, type TarFormat } from '../../support/tar-builder.ts';
import { comparePaths, parentOf } from '../../support/tar-oracle.ts';
import { createDetours, type Detours } from './detours.ts';
import { type Inode, joinPath, sameInode } from './model.ts';
import type { Random } from './random.ts';

/** How a layer is written. */
export interface Style {
  /** Where whiteouts stand among the entries. */
  readonly markers: 'first' | 'last' | 'mixed';
  readonly order: 'path' | 'random' | 'reverse';
  /** How names begin. */
  readonly prefix: 'none' | 'dot' | 'slash' | 'mixed';
  readonly formats: readonly TarFormat[];
  /** Probability of an entry for a directory that did not change. */
  readonly parents: number;
  /** Probability of an opaque marker or whiteout over a directory that stays. */
  readonly hide: number;
  /** Whether directories may stand behind their children where that is harmless. */
  readonly loose: boolean;
  /** Probability of things that no tidy producer writes: duplicates, needless whiteouts, `//`. */
  readonly untidy: number;
  /** Whether no marker hides what the root has: others may have put something there. Default false. */
  readonly sharesRoot?: boolean;
}

/** Draws a style. */
export function randomStyle(random: Random): Style {
  const formats: readonly (readonly TarFormat[])[] = [
    ['ustar'],
    ['gnu'],
    ['pax'],
    ['pax-all'],
    ['v7', 'ustar'],
    ['v7', 'ustar', 'gnu', 'pax', 'pax-all'],
  ];
  return {
    markers: random.pick(['first', 'last', 'mixed']),
    order: random.pick(['path', 'path', 'random', 'reverse']),
    prefix: random.pick(['none', 'none', 'dot', 'slash', 'mixed']),
    formats: random.pick(formats),
    parents: random.pick([0, 0.5, 1]),
    hide: random.pick([0, 0.05, 0.3]),
    loose: random.chance(0.3),
    untidy: random.pick([0, 0, 0.1]),
  };
}

/** An entry to be placed, and what must stand before it. */
interface Step {
  readonly path: string;
  readonly isMarker: boolean;
  /** Of a directory: whether it must stand before what is below it. */
  readonly isFirst: boolean;
  readonly spec: EntrySpec;
  readonly after: Set<Step>;
}

/** What the comparison of the two states found. */
interface Changes {
  readonly older: Inode;
  readonly steps: Step[];
  /** Directories that no layer entry removes or replaces: a name may go through them at any time. */
  readonly steady: Set<string>;
  /** Names of the newer state that need an entry, by inode. */
  readonly changed: Map<Inode, string[]>;
  /** Names that mean the same inode as below, by inode. */
  readonly kept: Map<Inode, string[]>;
  /** What a name of the newer state meant below, where nothing hides it. */
  readonly lower: Map<string, Inode>;
  readonly whiteouts: Set<string>;
}

/** Entries that turn the state `older` into `newer`. */
export function diffStates(
  older: Inode,
  newer: Inode,
  random: Random,
  style: Style,
): readonly EntrySpec[] {
  const changes = compare(older, newer, random, style);
  addFiles(changes, random, style);
  const ordered = placeInOrder(changes.steps, random, style);
  const detours = createDetours(newer, changes);
  return ordered.map((step) => dress(step, detours, random, style));
}

function compare(older: Inode, newer: Inode, random: Random, style: Style): Changes {
  const changes: Changes = {
    older,
    steps: [],
    steady: new Set(),
    changed: new Map(),
    kept: new Map(),
    lower: new Map(),
    whiteouts: new Set(),
  };
  visitDirectory(changes, '.', newer, older, random, style);
  return changes;
}

/** Visits a path of the newer state; `below` is what the lower layers show there. */
function visit(
  changes: Changes,
  path: string,
  node: Inode,
  below: Inode | undefined,
  random: Random,
  style: Style,
): void {
  if (node.type === 'dir') {
    visitDirectory(changes, path, node, below, random, style);
    return;
  }
  if (below !== undefined) changes.lower.set(path, below);
  const isKept = below !== undefined && below.id === node.id && sameInode(below, node);
  append(isKept ? changes.kept : changes.changed, node, path);
  if (isKept) return;
  if (below === undefined) addNeedless(changes, path, `.wh.${nameOf(path)}`, random, style);
  else if (random.chance(0.2)) addWhiteout(changes, path);
}

function visitDirectory(
  changes: Changes,
  path: string,
  node: Inode,
  below: Inode | undefined,
  random: Random,
  style: Style,
): void {
  const hiding = below === undefined ? 'none' : hide(path, node, below, random, style);
  if (hiding === 'whiteout') addWhiteout(changes, path);
  if (hiding === 'opaque') addMarker(changes, joinPath(path, '.wh..wh..opq'));
  if (below === undefined) addNeedless(changes, `${path}/x`, '.wh..wh..opq', random, style);
  const seen = hiding === 'whiteout' ? undefined : below;
  const merged = seen?.type === 'dir' ? seen : undefined;
  addDirectory(changes, path, node, seen, random, style);
  const lowerChildren = hiding === 'none' ? merged?.children : undefined;
  for (const [name, child] of node.children) {
    visit(changes, joinPath(path, name), child, lowerChildren?.get(name), random, style);
  }
  for (const name of lowerChildren?.keys() ?? []) {
    if (!node.children.has(name)) addWhiteout(changes, joinPath(path, name));
  }
}

/** Whether, and how, a directory hides what the lower layers have below it. */
function hide(
  path: string,
  node: Inode,
  below: Inode,
  random: Random,
  style: Style,
): 'none' | 'opaque' | 'whiteout' {
  if (below.type !== 'dir') {
    if (random.chance(0.3)) return 'whiteout';
    // Overlay engines mark a directory opaque whatever it replaces, a symlink to a directory too.
    return random.chance(0.4) ? 'opaque' : 'none';
  }
  if (path === '.' && style.sharesRoot) return 'none';
  const isNew = below.id !== node.id;
  if (!random.chance(isNew ? 0.7 : style.hide)) return 'none';
  return path === '.' || random.chance(0.5) ? 'opaque' : 'whiteout';
}

/** Adds the entry of a directory, unless it can be left out. */
function addDirectory(
  changes: Changes,
  path: string,
  node: Inode,
  seen: Inode | undefined,
  random: Random,
  style: Style,
): void {
  const isSeen = seen?.type === 'dir';
  if (isSeen) changes.steady.add(path);
  const isSame = isSeen && (path === '.' ? sameRoot(seen, node) : sameInode(seen, node));
  if (isSame && !random.chance(path === '.' ? style.parents / 2 : style.parents)) return;
  const mayBeImplied = seen === undefined && isDefaultDirectory(node) && hasOthers(node);
  if (mayBeImplied && random.chance(0.5)) return;
  const isFirst = !style.loose || (seen !== undefined && !isSeen);
  addStep(changes, path, specOf(path, node), isFirst);
}

/** Whether a directory that is new holds something that gets an entry and so implies it. */
function hasOthers(node: Inode): boolean {
  return [...node.children.values()].some((child) => child.type !== 'dir');
}

function sameRoot(a: Inode, b: Inode): boolean {
  return sameInode({ ...a, mtimeNs: 0n }, { ...b, mtimeNs: 0n });
}

/** What a missing parent gets where no lower layer has it (`flatten.md` 2). */
function isDefaultDirectory(node: Inode): boolean {
  const isRootOwned = node.uid === 0 && node.gid === 0;
  return node.mode === 0o755 && isRootOwned && node.mtimeNs === 0n && node.xattrs.size === 0;
}

/** Entries of everything but directories: for each inode a carrier, and links to it or to a lower name. */
function addFiles(changes: Changes, random: Random, style: Style): void {
  const borrowed = new Set<string>();
  const early = new Map<string, Step>();
  const inodes = new Set([...changes.changed.keys(), ...changes.kept.keys()]);
  for (const inode of inodes) {
    const names = changes.changed.get(inode) ?? [];
    const kept = changes.kept.get(inode) ?? [];
    const rewrite = random.chance(names.length === 0 ? 0.03 : 0.3);
    if (names.length === 0 && !rewrite) continue;
    if (kept.length > 0 && !rewrite) {
      addLinks(changes, inode, names, kept, [], random);
      continue;
    }
    const all = random.shuffled([...names, ...kept]);
    changes.kept.delete(inode);
    changes.changed.set(inode, all);
    const lowerName = kept.length > 0 ? undefined : earlyTarget(changes, inode, random, borrowed);
    if (lowerName !== undefined) {
      borrowed.add(lowerName);
      for (const path of all) borrowed.add(path);
      const [first = '', ...rest] = all;
      const step = addStep(changes, first, linkSpec(first, inode, lowerName, random));
      early.set(lowerName, step);
      addLinks(changes, inode, rest, [first], [step], random);
    } else {
      const [first = '', ...rest] = all;
      const step = addStep(changes, first, specOf(first, inode));
      if (random.chance(style.untidy)) addDuplicate(changes, step, borrowed, random);
      addLinks(changes, inode, rest, [first], [step], random);
    }
  }
  for (const step of changes.steps) {
    const before = step.isMarker ? undefined : early.get(step.path);
    if (before !== undefined && before !== step) step.after.add(before);
  }
}

function addLinks(
  changes: Changes,
  inode: Inode,
  names: readonly string[],
  targets: readonly string[],
  steps: readonly Step[],
  random: Random,
): void {
  const known = [...targets];
  const makers = new Map(steps.map((step) => [step.path, step]));
  for (const path of names) {
    const target = random.pick(known);
    const step = addStep(changes, path, linkSpec(path, inode, target, random));
    const maker = makers.get(target);
    if (maker !== undefined) step.after.add(maker);
    makers.set(path, step);
    known.push(path);
  }
}

/**
 * A lower name of the same unchanged inode that this layer overwrites with a later entry: the link stands before that
 * entry, so that it names the lower inode (`flatten.md` R7, "at that point").
 */
function earlyTarget(
  changes: Changes,
  inode: Inode,
  random: Random,
  borrowed: ReadonlySet<string>,
): string | undefined {
  const names = changes.changed.get(inode) ?? [];
  if (names.some((name) => borrowed.has(name)) || !random.chance(0.6)) return undefined;
  const usable = [...changes.lower].filter(([path, below]) => {
    const isSame = below.id === inode.id && sameInode(below, inode);
    const isFree = !borrowed.has(path) && !changes.whiteouts.has(path) && !names.includes(path);
    return isSame && isFree && !hasDuplicate(changes, path);
  });
  return usable.length === 0 ? undefined : random.pick(usable)[0];
}

function hasDuplicate(changes: Changes, path: string): boolean {
  return changes.steps.filter((step) => step.path === path && !step.isMarker).length > 1;
}

/** An entry that a later one of the same path replaces. */
function addDuplicate(
  changes: Changes,
  step: Step,
  borrowed: ReadonlySet<string>,
  random: Random,
): void {
  if (borrowed.has(step.path)) return;
  const type = random.pick(['file', 'dir', 'symlink'] as const);
  const junk = { name: step.path, type, mode: 0o123 };
  const content = { file: { body: 'junk' }, dir: {}, symlink: { linkname: 'junk' } }[type];
  step.after.add(addStep(changes, step.path, { ...junk, ...content }));
}

function addStep(changes: Changes, path: string, spec: EntrySpec, isFirst = false): Step {
  const step: Step = { path, isMarker: false, isFirst, spec, after: new Set() };
  changes.steps.push(step);
  return step;
}

function addWhiteout(changes: Changes, path: string): void {
  changes.whiteouts.add(path);
  addMarker(changes, joinPath(parentOf(path) ?? '.', `.wh.${nameOf(path)}`));
}

/**
 * A marker beside `sibling` that hides nothing. Only where the lower layers have directories or nothing on the way:
 * whiteouts see lower layers only, so that one below a lower symlink would hide something after all.
 */
function addNeedless(
  changes: Changes,
  sibling: string,
  name: string,
  random: Random,
  style: Style,
): void {
  if (!random.chance(style.untidy)) return;
  const parent = parentOf(sibling) ?? '.';
  let below: Inode | undefined = changes.older;
  for (const part of parent === '.' ? [] : parent.split('/')) {
    below = below?.children.get(part);
    if (below !== undefined && below.type !== 'dir') return;
  }
  if (name === '.wh..wh..opq' && below !== undefined) return;
  if (below?.children.has(name.slice(4)) === true) return;
  addMarker(changes, joinPath(parent, name));
}

function addMarker(changes: Changes, path: string): void {
  const spec: EntrySpec = { name: path, type: 'file', mode: 0 };
  changes.steps.push({ path, isMarker: true, isFirst: false, spec, after: new Set() });
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function specOf(path: string, inode: Inode): EntrySpec {
  const { mode, uid, gid, mtimeNs, xattrs, body, target, major, minor } = inode;
  const type: EntryType = inode.type;
  return {
    name: path,
    type,
    mode,
    uid,
    gid,
    mtimeNs,
    xattrs,
    body,
    linkname: target,
    major,
    minor,
  };
}

/** A link entry; its own attributes do not count, so they are sometimes wrong. */
function linkSpec(path: string, inode: Inode, target: string, random: Random): EntrySpec {
  const spec: EntrySpec = { ...specOf(path, inode), type: 'link', linkname: target, body: '' };
  const plain = { ...spec, major: 0, minor: 0 };
  if (random.chance(0.8)) return plain;
  return { ...plain, mode: 0o111, uid: 7, gid: 8, mtimeNs: 9_000_000_000n, xattrs: [] };
}

function placeInOrder(steps: readonly Step[], random: Random, style: Style): Step[] {
  addParentOrder(steps);
  const markers = steps.filter((step) => step.isMarker);
  const entries = steps.filter((step) => !step.isMarker);
  if (style.markers === 'mixed') return sortSteps(steps, random, style);
  const sortedMarkers = sortSteps(markers, random, style);
  const sortedEntries = sortSteps(entries, random, style);
  return style.markers === 'first'
    ? [...sortedMarkers, ...sortedEntries]
    : [...sortedEntries, ...sortedMarkers];
}

/** A directory entry stands before what is below it, where it has to. */
function addParentOrder(steps: readonly Step[]): void {
  const directories = new Map<string, Step>();
  for (const step of steps) if (step.isFirst) directories.set(step.path, step);
  for (const step of steps) {
    for (let up = parentOf(step.path); up !== undefined; up = parentOf(up)) {
      const directory = directories.get(up);
      if (directory !== undefined) step.after.add(directory);
    }
  }
}

/** A topological order, drawn or by path. */
function sortSteps(steps: readonly Step[], random: Random, style: Style): Step[] {
  const waiting = steps.toSorted((a, b) => comparePaths(a.path, b.path));
  if (style.order === 'reverse') waiting.reverse();
  const placed = new Set<Step>();
  const mine = new Set(steps);
  const out: Step[] = [];
  while (waiting.length > 0) {
    const ready = waiting.filter((s) => [...s.after].every((b) => placed.has(b) || !mine.has(b)));
    const next = style.order === 'random' ? random.pick(ready) : ready[0];
    if (next === undefined) throw new Error('the entries of a random layer wait for each other');
    waiting.splice(waiting.indexOf(next), 1);
    placed.add(next);
    out.push(next);
  }
  return out;
}

/** The entry with its names spelled and a dialect chosen. */
function dress(step: Step, detours: Detours, random: Random, style: Style): EntrySpec {
  const { spec } = step;
  const isDirectory = spec.type === 'dir';
  const name = spell(detours(step.path, random), isDirectory, random, style);
  const linkname =
    spec.type === 'link'
      ? spell(detours(spec.linkname ?? '', random), false, random, style)
      : spec.linkname;
  const noisy = random.chance(0.05) ? { uname: 'root', gname: 'wheel' } : {};
  const dressed: EntrySpec = {
    ...spec,
    ...noisy,
    name,
    ...(linkname === undefined ? {} : { linkname }),
  };
  const fitting = style.formats.filter((format) => fits(dressed, format));
  const format = fitting.length === 0 ? 'pax' : random.pick(fitting);
  return { ...dressed, ...withTypeBits(dressed, random), format };
}

/** Old producers wrote the file type into the mode too. */
function withTypeBits(spec: EntrySpec, random: Random): Partial<EntrySpec> {
  if (spec.mode === undefined || !random.chance(0.05)) return {};
  const bits = { file: 0o100000, dir: 0o040000, symlink: 0o120000, link: 0o100000 } as const;
  const known = spec.type in bits ? bits[spec.type as keyof typeof bits] : 0;
  return { mode: spec.mode | known };
}

function spell(path: string, isDirectory: boolean, random: Random, style: Style): string {
  const prefix = style.prefix === 'mixed' ? random.pick(['none', 'dot', 'slash']) : style.prefix;
  if (path === '.') return prefix === 'slash' ? '/' : './';
  const start = { none: '', dot: './', slash: '/' }[prefix as 'none' | 'dot' | 'slash'];
  const end = isDirectory && (style.formats.includes('v7') || random.chance(0.9)) ? '/' : '';
  const middle = random.chance(style.untidy) ? untidyPath(path, random) : path;
  return `${start}${middle}${end}`;
}

function untidyPath(path: string, random: Random): string {
  const kind = random.below(3);
  if (kind === 0) return path.replaceAll('/', '//');
  if (kind === 1) return path.replaceAll('/', '/./');
  return `not/there/../../${path}`;
}

function append(map: Map<Inode, string[]>, inode: Inode, path: string): void {
  const paths = map.get(inode);
  if (paths === undefined) map.set(inode, [path]);
  else paths.push(path);
}
