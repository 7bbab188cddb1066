// Fidelity through a real registry: random stacks, and the hard-link, opaque and whiteout cases of other tools' bugs, with
// layers of gzip, of zstd and of neither in one repository of Debian's registry.
import { afterAll, expect, it } from 'vitest';
import { flatten } from '../../src/library.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { describeTree } from '../flatten/random/model.ts';

import { notationOf } from '../support/layers.ts';
import { differenceOf, randomStack } from '../support/random-stack.ts';
import { readFlat } from '../support/tar-oracle.ts';
import { keptStacks } from './support/kept-stacks.ts';
import { pulledTars, pushImage } from './support/pushed.ts';
import { sharedRegistry } from './support/shared.ts';

const STACKS = Number(process.env['SHIPPER_STACKS'] ?? 60);
/** Stacks that share an image: most of the time of one goes into its requests. */
const PACKED = 200;
const PACKED_AT_ONCE = 20;
const FIRST = Number(process.env['SHIPPER_FIRST'] ?? 1);
const WRAPS = ['gzip', 'zstd', 'none'] as const;
const REPOSITORY = 'shipper/stacks';
/** Rows of test/flatten/field-bugs.test.ts, two of each bug: number, name, stack, tree. A test file cannot be imported. */
const TREES: readonly (readonly [number, string, string, string])[] = [
  [1, 'hl_target_deleted', 'a=1 b=>a | -a', 'b=1'],
  [1, 'hl_target_deleted with its directory', 'd/ d/a=1 b=>d/a | -d', 'b=1'],
  [2, 'hl_target_overwritten', 'a=1 b=>a | a=2', 'a=2 b=1'],
  [2, 'hl_target_overwritten by a symlink', 'a=1 b=>a | a->x', 'a->x b=1'],
  [3, 'two siblings of an overwritten target', 'a=1 b=>a c=>a | a=2', 'a=2 b=1 c=>b'],
  [3, 'siblings overwritten one by one', 'a=1 b=>a c=>a | a=2 | b=3', 'a=2 b=3 c=1'],
  [4, 'hl_upper_to_lower', 'z=1 | a=>z', 'a=1 z=>a'],
  [4, 'hl_upper_to_lower in a directory', 'a!/ a!/z=1 | a/ a/b=>a!/z', 'a/ a/b=1 a!/ a!/z=>a/b'],
  [5, 'hl_chain_cross_layer', 'a=1 | b=>a | c=>b | -b', 'a=1 c=>a'],
  [5, 'hl_chain_cross_layer, first deleted', 'a=1 | b=>a | c=>b | -a', 'b=1 c=>b'],
  [6, 'hl_dotslash', 'a=1 b=>./a | -a', 'b=1'],
  [6, 'hl_abs', 'a=1 b=>/a | -a', 'b=1'],
  [7, 'hl_to_symlink', 't=1 s->t h=>s', 'h->t s=>h t=1'],
  [7, 'hl_to_symlink, symlink deleted', 't=1 s->t h=>s | -s', 'h->t t=1'],
  [9, 'hardlinks added again', 'a=1 b=>a | a=1 b=>a', 'a=1 b=>a'],
  [9, 'hardlinks added again the other way round', 'a=1 b=>a | b=1 a=>b', 'a=1 b=>a'],
  [10, 'links that a layer border cuts', 'a=1 b=>a | c=>b | d=>c', 'a=1 b=>a c=>a d=>a'],
  [11, 'wh_file_and_file_same_layer', 'a=1 | -a a=2', 'a=2'],
  [11, 'the same, whiteout last', 'a=1 | a=2 -a', 'a=2'],
  [12, 'wh_and_recreate_same_layer_wh_first', 'd/ d/x=1 | -d d/ d/y=2', 'd/ d/y=2'],
  [13, 'wh_and_recreate_same_layer_wh_last', 'd/ d/x=1 | d/ d/y=2 -d', 'd/ d/y=2'],
  [14, 'an opaque marker is no whiteout of .wh..opq', 'd/ d/x=1 | d/ d/!', 'd/'],
  [14, 'an opaque marker reaches any depth', 'd/ d/e/ d/e/f/ d/e/f/x=1 | d/!', 'd/'],
  [15, 'opq_implicit_parent_last', 'd/ d/x=1 | d/n/y=2 d/!', 'd/ d/n/ d/n/y=2'],
  [15, 'the same below a lower directory', 'd/ d/s/ d/s/x=1 | d/s/y=2 d/!', 'd/ d/s/ d/s/y=2'],
  [16, 'opq_no_dir_entry', 'd/[1700,5:6,@5] d/x=1 | d/!', 'd/[1700,5:6,@5]'],
  [17, 'an opaque marker stays out of the result', 'd/ d/! d/x=1', 'd/ d/x=1'],
  [17, 'so does a whiteout of nothing', 'a=1 -b d/ -d/c', 'a=1 d/'],
  [18, 'opaque through a symlinked directory', 'u/ u/x=1 l->u | l/!', 'l->u u/'],
  [19, 'whiteout_prefix_in_middle', 'foo.wh.bar=1 bar=2 | x=3', 'bar=2 foo.wh.bar=1 x=3'],
  [19, 'the same in a directory', 'd.wh.e/ d.wh.e/f=1 .wh=2', '.wh=2 d.wh.e/ d.wh.e/f=1'],
  [21, 'dir_to_file', 'd/ d/x=1 d/e/ d/e/y=2 | d=f', 'd=f'],
  [21, 'dir_to_file and back', 'd/ d/x=1 | d=f | d/ d/y=2', 'd/ d/y=2'],
  [22, 'dir_to_symlink', 'd/ d/x=1 t/ | d->t', 'd->t t/'],
  [22, 'dir_to_symlink, then below it', 'd/ d/x=1 t/ | d->t | d/y=2', 'd->t t/ t/y=2'],
  [24, 'symlink_parent_implicit', 'u/ u/l/ l->u/l | l/n=1', 'l->u/l u/ u/l/ u/l/n=1'],
  [24, 'symlink_parent_implicit_wh', 'u/ u/l/ u/l/o=1 l->u/l | -l/o', 'l->u/l u/ u/l/'],
  [25, 'missing_parent_lower_has', 'tmp/[1777,@5] | tmp/x=1', 'tmp/[1777,@5] tmp/x=1'],
  [25, 'missing parents that no layer has', 'a/b/c=1', 'a/ a/b/ a/b/c=1'],
  [26, 'dotslash_mixed', 'a=1 | ./a=2 | /a=3', 'a=3'],
  [26, 'dotslash_mixed with whiteouts', './d/ ./d/x=1 d/y=2 /d/z=3 | -/d/x -./d/y -d/z', 'd/'],
  [27, 'dup_in_layer', 'a=1 a=2', 'a=2'],
  [27, 'dup_dir_then_file_in_layer', 'd/ d/x=1 d=f', 'd=f'],
  [28, 'links that leave the root', 'd/ d/l->../../x m->/../etc', 'd/ d/l->../../x m->/../etc'],
  [30, 'names that are not UTF-8', '\\xff\\xfe=1 caf\\xe9=2', 'caf\\xe9=2 \\xff\\xfe=1'],
  [30, 'link texts that are not UTF-8', 'l->caf\\xe9/\\x80', 'l->caf\\xe9/\\x80'],
  [34, 'char00', 'a=1 | a=char:0,0', 'a=char:0,0'],
];

const node = nodeSystem();
/** Its threads outlive a flatten: to start them takes longer than a small image. */
const system = { ...node, threads: { ...node.threads, close: async () => undefined } };

afterAll(() => node.threads.close());

/** Flattens at once: one waits for the registry while another computes. */
const AT_ONCE = 3;

async function flatThrough(
  tag: string,
  at: number,
  layers: string | readonly Uint8Array[],
): Promise<Uint8Array> {
  const { url, address } = await sharedRegistry();
  await pushImage(url, REPOSITORY, tag, { layers, wrap: WRAPS[at % WRAPS.length] ?? 'gzip' });
  const source = `docker://${address}/${REPOSITORY}:${tag}`;
  const compression = at % 5 === 4 ? ({ kind: 'none' } as const) : undefined;
  const request = { source, jobs: 1, ...(compression === undefined ? {} : { compression }) };
  await flatten(request, { system });
  const [tar, ...others] = await pulledTars(url, REPOSITORY, `${tag}-flat`);
  if (tar === undefined || others.length > 0) throw new Error('it is not one layer');
  return tar;
}

/** What is wrong with each, by several at once. */
async function failuresOf<T>(
  all: readonly T[],
  check: (one: T, at: number) => Promise<string | undefined>,
): Promise<string[]> {
  const failures: string[] = [];
  let next = 0;
  const work = async () => {
    for (let at = next++; at < all.length; at = next++) {
      const failure = await check(all[at] as T, at).catch((error: unknown) => String(error));
      if (failure !== undefined) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures;
}

it(`${STACKS} random stacks come back as their last state`, async () => {
  const seeds = Array.from({ length: STACKS }, (_, at) => FIRST + at);
  const failures = await failuresOf(seeds, async (seed, at) => {
    const stack = randomStack(seed);
    const actual = describeTree(readFlat(await flatThrough(`stack-${seed}`, at, stack.layers)));
    if (actual.join('\n') === stack.expected.join('\n')) return undefined;
    return `SHIPPER_FIRST=${seed} SHIPPER_STACKS=1\n${differenceOf(stack.expected, actual)}`;
  });
  expect(failures).toEqual([]);
});

it(`${PACKED} more, packed ${PACKED_AT_ONCE} to an image, do too`, async () => {
  const firsts = Array.from({ length: PACKED / PACKED_AT_ONCE }, (_, at) => at * PACKED_AT_ONCE);
  const failures = await failuresOf(firsts, async (first, at) => {
    const { layers, lines } = keptStacks(FIRST + STACKS + first, PACKED_AT_ONCE, 0);
    const actual = describeTree(readFlat(await flatThrough(`packed-${first}`, at, layers)));
    return actual.join('\n') === lines.join('\n') ? undefined : differenceOf(lines, actual);
  });
  expect(failures).toEqual([]);
});

it(`the ${TREES.length} stacks that other tools get wrong come back right`, async () => {
  const failures = await failuresOf(TREES, async ([bug, name, stack, tree], at) => {
    const actual = notationOf(readFlat(await flatThrough(`bug-${at}`, at, stack)));
    return actual === tree ? undefined : `bug ${bug}, ${name}: ${stack}\n${actual}\n${tree}`;
  });
  expect(failures).toEqual([]);
});
