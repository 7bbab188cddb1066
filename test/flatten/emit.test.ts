// The emitter where memory is used again: what was read ahead into a chunk is gone with it.
import { expect, it } from 'vitest';
import { flattenTars } from '../support/flatten.ts';
import { layers } from '../support/layers.ts';
import { readFlat } from '../support/tar-oracle.ts';

it('emitPlan() does not take what was read ahead for the content of a file in the next chunk', async () => {
  // 0, a and z follow each other in the layer, so z is read ahead; the directories between a and z in the output fill
  // exactly one chunk, after which z would stand where it did.
  const chunkBytes = 8192;
  const directories = Array.from({ length: chunkBytes / 512 }, (_, i) => `b${i}/`).join(' ');
  const { tar } = await flattenTars(layers(`0=zero a=first z=last ${directories}`), { chunkBytes });
  expect(readFlat(tar).get('z')?.body.toString()).toBe('last');
});
