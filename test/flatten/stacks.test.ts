// Fidelity: random stacks made by diffing random file-system states, and the laws of a canonical flatten.
// A failing seed is printed; `SHIPPER_SEED=<seed> npx vitest run --project unit test/flatten/stacks.test.ts` replays it,
// `SHIPPER_STACKS=<count>` runs more than the default, `SHIPPER_FIRST=<seed>` starts elsewhere.
import { describe, expect, it } from 'vitest';
import { flattenTars } from '../support/flatten.ts';
import { differenceOf, randomLayerings, randomStack } from '../support/random-stack.ts';
import { readFlat } from '../support/tar-oracle.ts';
import { describeTree } from './random/model.ts';

const STACKS = Number(process.env['SHIPPER_STACKS'] ?? 160);
const FIRST = Number(process.env['SHIPPER_FIRST'] ?? 1);
const ONLY = process.env['SHIPPER_SEED'];
const PARTS = 8;
const MINUTES = 60_000;
/** Of the sink, in bytes: some smaller than a file, some that take several with their headers. */
const CHUNKS = [1021, 5000, 30_011];

/** The seeds of one part of a run, each of them in one part only. */
function seedsOf(part: number, count: number): number[] {
  if (ONLY !== undefined) return part === 0 ? [Number(ONLY)] : [];
  const all = Array.from({ length: count }, (_, at) => FIRST + at);
  return all.filter((_, at) => at % PARTS === part);
}

/** Runs a check for each seed; a check gives what is wrong, or throws. */
async function forSeeds(
  seeds: readonly number[],
  check: (seed: number) => Promise<string | undefined>,
): Promise<void> {
  for (const seed of seeds) {
    const failure = await check(seed).catch(
      (error: unknown) => `threw ${error instanceof Error ? error.stack : String(error)}`,
    );
    if (failure === undefined) continue;
    expect.fail(`seed ${seed}: replay with SHIPPER_SEED=${seed}\n${failure}`);
  }
}

async function checkStack(seed: number): Promise<string | undefined> {
  const stack = randomStack(seed);
  try {
    const { tar } = await flattenTars(stack.layers, {
      chunkBytes: CHUNKS[seed % CHUNKS.length] ?? 1021,
    });
    const actual = describeTree(readFlat(tar));
    if (actual.join('\n') === stack.expected.join('\n')) return undefined;
    return `${stack.listing}\ndifference\n${differenceOf(stack.expected, actual)}`;
  } catch (error) {
    return `${stack.listing}\nthrew ${error instanceof Error ? error.stack : String(error)}`;
  }
}

async function flatBytes(layers: readonly Uint8Array[]): Promise<Buffer> {
  return Buffer.from((await flattenTars(layers)).tar);
}

describe('a stack of differences flattens to the last state', () => {
  for (let part = 0; part < PARTS; part += 1) {
    it(`part ${part + 1} of ${PARTS}`, { timeout: 10 * MINUTES }, async () => {
      await forSeeds(seedsOf(part, STACKS), checkStack);
    });
  }
});

describe('laws', () => {
  const seeds = [...Array(PARTS).keys()].flatMap((part) => seedsOf(part, Math.ceil(STACKS / 8)));

  it('flattening a flat layer gives the same bytes', async () => {
    await forSeeds(seeds, async (seed) => {
      const once = await flatBytes(randomStack(seed).layers);
      return once.equals(await flatBytes([once])) ? undefined : randomStack(seed).listing;
    });
  });

  it('flattening in two steps gives the same bytes as in one', async () => {
    await forSeeds(seeds, async (seed) => {
      const { layers, listing } = randomStack(seed);
      const cut = 1 + (seed % Math.max(1, layers.length - 1));
      const lower = await flatBytes(layers.slice(0, cut));
      const inTwo = await flatBytes([lower, ...layers.slice(cut)]);
      return inTwo.equals(await flatBytes(layers)) ? undefined : `cut at ${cut}\n${listing}`;
    });
  });

  it('the same state in four layerings gives the same bytes', async () => {
    await forSeeds(seeds, async (seed) => {
      const { stacks, listing } = randomLayerings(seed);
      const [first, ...others] = await Promise.all(stacks.map(flatBytes));
      const isSame = others.every((other) => first?.equals(other) === true);
      return isSame ? undefined : listing;
    });
  });
});
