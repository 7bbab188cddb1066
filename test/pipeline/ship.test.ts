// The pipeline end to end on a fake registry: what is pushed, in which order, and that nothing moves before everything is
// ready.
import { describe, expect, it } from 'vitest';
import { putImage, treeIn } from '../support/registry-images.ts';
import { shipPlace } from './ship-place.ts';

const TWO = `
project: shop
registry: REGISTRY/shop
images:
  api: { image: REGISTRY/from/api:1, tags: [v1, latest] }
  db: { image: REGISTRY/from/db:1 }
`;

async function twoImages() {
  const place = await shipPlace(TWO);
  putImage(place.its.repository('from/api'), '1', { layers: 'a=1 b=2 | -a c=3', wrap: 'gzip' });
  putImage(place.its.repository('from/db'), '1', { layers: 'd=1 | e=2', wrap: 'gzip' });
  return place;
}

describe('two images that exist', () => {
  it('are flattened and published under their tags', async () => {
    await using place = await twoImages();
    const report = await place.ship();
    expect(report.outcome).toBe('done');
    const { its } = place;
    expect(treeIn(its.repository('shop/api'), 'v1')).toBe('b=2 c=3');
    expect(treeIn(its.repository('shop/api'), 'latest')).toBe('b=2 c=3');
    expect(treeIn(its.repository('shop/db'), 'latest')).toBe('d=1 e=2');
    expect(place.leftovers()).toEqual([]);
  });
});
