// Keep-base over random stacks: the base, and the layer that is made over it, are the last state. A failing seed is
// printed; `SHIPPER_SEED=<seed> npx vitest run --project unit test/flatten/keep-base-stacks.test.ts` replays it,
// `SHIPPER_STACKS=<count>` runs more than the default.
import { describe, expect, it } from 'vitest';
import { flattenTars } from '../support/flatten.ts';
import { differenceOf, randomKeptLayerings, randomStack } from '../support/random-stack.ts';
import { readUpper } from '../support/tar-oracle.ts';
import { applyUpper } from './random/apply.ts';
import { describeState } from './random/model.ts';

const STACKS = Number(process.env['SHIPPER_STACKS'] ?? 40);
const ONLY = process.env['SHIPPER_SEED'];
const MINUTES = 60_000;

const seeds =
  ONLY === undefined ? Array.from({ length: STACKS }, (_, at) => at + 1) : [Number(ONLY)];

async function forSeeds(
  some: readonly number[],
  check: (seed: number) => Promise<string | undefined>,
): Promise<void> {
  for (const seed of some) {
    const failure = await check(seed).catch(
      (error: unknown) => `threw ${error instanceof Error ? error.stack : String(error)}`,
    );
    if (failure === undefined) continue;
    expect.fail(`seed ${seed}: replay with SHIPPER_SEED=${seed}\n${failure}`);
  }
}

async function upperOf(layers: readonly Uint8Array[], keptLayers: number): Promise<Uint8Array> {
  return (await flattenTars(layers, { keptLayers })).tar;
}

describe('a base and the layer over it', { timeout: 600_000 }, () => {
  it(
    'are the last state, and the layer says nothing that it need not',
    async () => {
      await forSeeds(seeds, async (seed) => {
        const { layers, states, expected, listing } = randomStack(seed);
        const cut = 1 + (seed % layers.length);
        const base = states[cut - 1];
        if (base === undefined) return 'there is no base';
        try {
          const upper = readUpper(await upperOf(layers, cut));
          const actual = describeState(applyUpper(base, upper));
          if (actual.join('\n') === expected.join('\n')) return undefined;
          return `cut at ${cut}\n${listing}\ndifference\n${differenceOf(expected, actual)}`;
        } catch (error) {
          return `cut at ${cut}\n${listing}\nthrew ${error instanceof Error ? error.stack : error}`;
        }
      });
    },
    10 * MINUTES,
  );

  it(
    'flatten to the same bytes as the whole stack',
    async () => {
      await forSeeds(seeds.slice(0, Math.ceil(STACKS / 8)), async (seed) => {
        const { layers, listing } = randomStack(seed);
        const cut = 1 + (seed % layers.length);
        const inTwo = [...layers.slice(0, cut), await upperOf(layers, cut)];
        const [whole, again] = [await upperOf(layers, 0), await upperOf(inTwo, 0)];
        if (!Buffer.from(whole).equals(again)) return `cut at ${cut}\n${listing}`;
        // Once more over the same base changes nothing.
        const upper = await upperOf(inTwo, cut);
        return Buffer.from(upper).equals(inTwo.at(-1) ?? upper)
          ? undefined
          : `twice, ${cut}\n${listing}`;
      });
    },
    10 * MINUTES,
  );

  it(
    'do not depend on the layers in between',
    async () => {
      await forSeeds(seeds.slice(0, Math.ceil(STACKS / 8)), async (seed) => {
        const { base, stacks, listing } = randomKeptLayerings(seed);
        const [first, ...others] = await Promise.all(
          stacks.map((stack) => upperOf([...base, ...stack], base.length)),
        );
        const isSame = others.every((other) => Buffer.from(other).equals(first ?? other));
        return isSame ? undefined : listing;
      });
    },
    10 * MINUTES,
  );
});
