// K12 of `faults.md` at length: 100 places at which a save stream ends early, each abruptly and as if it were whole.
import { beforeAll, describe, expect, it } from 'vitest';
import { ENGINE_KINDS, type RunningEngine } from '../real/support/engines.ts';
import { recipeImage } from '../real/support/images.ts';
import { sharedEngine } from '../real/support/shared.ts';
import { imageList } from '../real/support/shipper.ts';
import { cutsOf, expectCutIsSeen, SOURCE, savedBytes } from '../real/support/struck.ts';

describe.each(ENGINE_KINDS)('a save stream of Docker Engine %s that ends early', (kind) => {
  let engine: RunningEngine;
  beforeAll(async () => {
    engine = await sharedEngine(kind);
    await recipeImage(engine, SOURCE);
  });

  it.each(['abrupt', 'clean'] as const)('%s, 100 values of N', async (end) => {
    const before = await imageList(engine);
    const size = await savedBytes(engine);
    for (const afterBytes of cutsOf(size, 100)) {
      await expectCutIsSeen(engine, size, afterBytes, end);
    }
    expect(await imageList(engine)).toEqual(before);
  });
});
