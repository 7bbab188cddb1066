// Many random stacks in one image with their layers as they were drawn, each below a folder of its own: an unpacker takes
// little longer for a hundred of them than for one. What they must become is made from their last states, by nothing of `src`.
import { diffStates, randomStyle, type Style } from '../../flatten/random/diff.ts';
import {
  cloneState,
  createInode,
  describeState,
  type Inode,
  walk,
} from '../../flatten/random/model.ts';
import { createRandom, type Random } from '../../flatten/random/random.ts';
import { randomStack } from '../../support/random-stack.ts';
import { type EntrySpec, entry, tar } from '../../support/tar-builder.ts';

/** Stacks of one image. */
export interface KeptStacks {
  /** Base first. Those of the base are tidy, so that every unpacker reads them alike; the others are in any style. */
  readonly layers: readonly Uint8Array[];
  /** One tidy layer of what all of them are at last. */
  readonly expected: Uint8Array;
  /** The same as lines of `describeTree`. */
  readonly lines: readonly string[];
}

/** No layer of these has a marker behind its entries, a name through a symlink or a link to what it overwrites. */
const TIDY: Style = {
  markers: 'first',
  order: 'path',
  prefix: 'none',
  formats: ['pax'],
  parents: 1,
  hide: 0,
  loose: false,
  untidy: 0,
  sharesRoot: true,
};
/** Nothing that is left to chance happens. */
const NO_CHANCE: Random = {
  below: () => 0,
  chance: () => false,
  pick: (items) => items[0] as (typeof items)[number],
  shuffled: (items) => [...items],
};

/** The stacks of the seeds `first` to `first + count - 1`, of which the first `baseLayers` layers are the base. */
export function keptStacks(first: number, count: number, baseLayers: number): KeptStacks {
  const stacks = Array.from({ length: count }, (_, at) => statesOf(first + at));
  const depth = Math.max(baseLayers + 1, ...stacks.map(({ states }) => states.length));
  const layers: EntrySpec[][] = Array.from({ length: depth }, () => []);
  const expected: EntrySpec[] = [];
  const all = createInode(0, 'dir');
  for (const { seed, states } of stacks) {
    const random = createRandom(-seed);
    let older = createInode(0, 'dir');
    for (const [at, newer] of states.entries()) {
      const isBase = at < baseLayers;
      const style = isBase ? TIDY : { ...randomStyle(random), sharesRoot: true };
      layers[at]?.push(...diffStates(older, newer, isBase ? NO_CHANCE : random, style));
      older = newer;
    }
    for (const [name, folder] of older.children) all.children.set(name, folder);
    expected.push(...diffStates(createInode(0, 'dir'), older, NO_CHANCE, TIDY));
  }
  return { layers: layers.map(encode), expected: encode(expected), lines: describeState(all) };
}

function encode(specs: readonly EntrySpec[]): Uint8Array {
  return tar(specs.map(entry));
}

/** The states of a seed, each as a root that has it in its folder. */
function statesOf(seed: number): { readonly seed: number; readonly states: readonly Inode[] } {
  const states = randomStack(seed).states.map((state) => {
    const root = createInode(0, 'dir');
    root.children.set(`s${seed}`, storable(state));
    return root;
  });
  return { seed, states };
}

/** Without the attributes that not every file system takes. */
function storable(state: Inode): Inode {
  const copy = cloneState(state);
  for (const [, inode] of walk(copy)) {
    const isTaken = inode.type === 'file' || inode.type === 'dir';
    for (const [name, value] of inode.xattrs)
      if (!isTaken || !/^user\.[!-~]+$/.test(name) || value.length >= 500)
        inode.xattrs.delete(name);
  }
  return copy;
}

/** The stacks that lines of trees are about, which begin with a sign, their folder and a slash or space. */
export function stacksIn(lines: readonly string[]): string[] {
  const folders = lines.map((line) => /^[-+] (s\d+)[/ ]/.exec(line)?.[1] ?? line);
  return [...new Set(folders)].sort();
}
