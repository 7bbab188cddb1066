// Random layer stacks whose right answer is known without any merge: a model file system is changed at random, and
// each layer is the difference of two of its states. The answer is the last state.
import { diffStates, randomStyle } from '../flatten/random/diff.ts';
import {
  cloneState,
  createInode,
  describeState,
  type Inode,
  walk,
} from '../flatten/random/model.ts';
import { createRoot, mutate } from '../flatten/random/mutate.ts';
import { createRandom, type Random } from '../flatten/random/random.ts';
import { escapeText } from './layers.ts';
import { type EntrySpec, entry, paxTime, tar } from './tar-builder.ts';

/** A stack and its right answer. */
export interface RandomStack {
  readonly seed: number;
  readonly layers: readonly Uint8Array[];
  /** The layers for people. */
  readonly listing: string;
  /** The flat tree as `describeTree` gives it. */
  readonly expected: readonly string[];
  /** The file system when each layer was made, base first. */
  readonly states: readonly Inode[];
}

/** One base, and some ways from it to one and the same state. */
export interface KeptLayerings {
  readonly base: readonly Uint8Array[];
  /** What stands above the base. */
  readonly stacks: readonly (readonly Uint8Array[])[];
  readonly listing: string;
}

/** Some stacks with one and the same right answer. */
export interface Layerings {
  readonly seed: number;
  readonly stacks: readonly (readonly Uint8Array[])[];
  readonly listing: string;
}

/** The stack of a seed. */
export function randomStack(seed: number): RandomStack {
  const random = createRandom(seed);
  const states = randomStates(random, 1 + random.below(6), counter());
  const entries = entriesOf(states, random);
  const last = states.at(-1);
  return {
    seed,
    layers: entries.map(encode),
    listing: listingOf(entries),
    expected: last === undefined ? [] : describeState(last),
    states,
  };
}

/** A base, and one state reached from it in four ways. */
export function randomKeptLayerings(seed: number): KeptLayerings {
  const random = createRandom(seed);
  const nextId = counter();
  const all = randomStates(random, 3 + random.below(4), nextId);
  const cut = 1 + random.below(all.length - 1);
  const [states, last] = [all.slice(cut), all.slice(-1)];
  const unrelated = randomStates(random, 2, nextId);
  const some = states.slice(0, -1).filter(() => random.chance(0.5));
  const ways = [states, [...some, ...last], last, [...unrelated, ...last]];
  const base = entriesOf(all.slice(0, cut), random);
  const stacks = ways.map((way) => entriesOf(way, random, all[cut - 1]));
  const listing = [base, ...stacks].map((stack) => listingOf(stack)).join('\n---\n');
  return { base: base.map(encode), stacks: stacks.map((stack) => stack.map(encode)), listing };
}

/** One state reached in four ways: step by step, with steps left out, at once, and from an unrelated state. */
export function randomLayerings(seed: number): Layerings {
  const random = createRandom(seed);
  const nextId = counter();
  const states = randomStates(random, 3 + random.below(3), nextId);
  const last = states.slice(-1);
  const unrelated = randomStates(random, 2, nextId);
  const some = states.slice(0, -1).filter(() => random.chance(0.5));
  const ways = [states, [...some, ...last], last, [...unrelated, ...last]];
  const stacks = ways.map((way) => entriesOf(way, random));
  const listing = stacks.map((stack, at) => `way ${at + 1}\n${listingOf(stack)}`).join('\n');
  return { seed, stacks: stacks.map((stack) => stack.map(encode)), listing };
}

/** Lines that are in one list only, `-` for what is missing and `+` for what is too much. */
export function differenceOf(expected: readonly string[], actual: readonly string[]): string {
  const [want, have] = [new Set(expected), new Set(actual)];
  const missing = expected.filter((line) => !have.has(line)).map((line) => `- ${line}`);
  const extra = actual.filter((line) => !want.has(line)).map((line) => `+ ${line}`);
  const lines = [...missing, ...extra].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
  return lines.length === 0 ? 'the same lines in another order' : lines.join('\n');
}

function counter(): () => number {
  let last = 0;
  return () => {
    last += 1;
    return last;
  };
}

/** Snapshots of a file system that is changed between them. */
function randomStates(random: Random, count: number, nextId: () => number): Inode[] {
  const states: Inode[] = [];
  const root = createRoot(random, nextId);
  for (let layer = 0; layer < count; layer += 1) {
    const lower = states.at(-1);
    const lowerIds = new Set(lower === undefined ? [] : walk(lower).map(([, { id }]) => id));
    mutate({ root, random, nextId, lowerIds }, layer === 0 ? 30 : random.below(16));
    states.push(cloneState(root));
  }
  return states;
}

/** One layer for each step from state to state, the first from `from` or an empty root. */
function entriesOf(
  states: readonly Inode[],
  random: Random,
  from: Inode = createInode(0, 'dir'),
): EntrySpec[][] {
  let older = from;
  const style = randomStyle(random);
  return states.map((newer) => {
    const own = random.chance(0.5) ? style : randomStyle(random);
    const entries = [...diffStates(older, newer, random, own)];
    older = newer;
    return entries;
  });
}

function encode(entries: readonly EntrySpec[]): Uint8Array {
  return tar(entries.map(entry));
}

function listingOf(layers: readonly (readonly EntrySpec[])[]): string {
  return layers
    .map((entries, at) => [`layer ${at}`, ...entries.map((spec) => `  ${wordOf(spec)}`)].join('\n'))
    .join('\n');
}

function wordOf(spec: EntrySpec): string {
  const mode = (spec.mode ?? 0).toString(8);
  const words = [spec.type.padEnd(7), (spec.format ?? '').padEnd(7), escapeText(spec.name)];
  if (spec.type === 'link') words.push(`=> ${escapeText(spec.linkname ?? '')}`);
  if (spec.type === 'symlink') words.push(`-> ${escapeText(spec.linkname ?? '')}`);
  if (spec.type === 'file') words.push(bodyText(String(spec.body ?? '')));
  words.push(`[${mode},${spec.uid ?? 0}:${spec.gid ?? 0},@${paxTime(spec.mtimeNs ?? 0n)}]`);
  for (const [name, value] of spec.xattrs ?? []) {
    words.push(
      `${escapeText(name)}=${value.length > 40 ? `<${value.length}>` : escapeText(value)}`,
    );
  }
  return words.join(' ');
}

function bodyText(body: string): string {
  return body.length > 30
    ? `<${body.length} bytes: ${escapeText(body.slice(0, 12))}…>`
    : `"${escapeText(body)}"`;
}
