// Fidelity through a real registry: random stacks, and the hard-link, opaque and whiteout cases of other tools' bugs, with
// layers of gzip, of zstd and of neither in one repository of Debian's registry.
import { afterAll, expect, it } from 'vitest';
import { flatten } from '../../src/library.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { describeTree } from '../flatten/random/model.ts';
import { TREES } from '../support/field-bug-trees.ts';
import { notationOf } from '../support/layers.ts';
import { differenceOf, randomStack } from '../support/random-stack.ts';
import { readFlat } from '../support/tar-oracle.ts';
import { pulledTars, pushImage } from './support/pushed.ts';
import { sharedRegistry } from './support/shared.ts';

const STACKS = Number(process.env['SHIPPER_STACKS'] ?? 200);
const FIRST = Number(process.env['SHIPPER_FIRST'] ?? 1);
const WRAPS = ['gzip', 'zstd', 'none'] as const;
const REPOSITORY = 'shipper/stacks';
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

it(`the ${TREES.length} stacks that other tools get wrong come back right`, async () => {
  const failures = await failuresOf(TREES, async ([bug, name, stack, tree], at) => {
    const actual = notationOf(readFlat(await flatThrough(`bug-${at}`, at, stack)));
    return actual === tree ? undefined : `bug ${bug}, ${name}: ${stack}\n${actual}\n${tree}`;
  });
  expect(failures).toEqual([]);
});
