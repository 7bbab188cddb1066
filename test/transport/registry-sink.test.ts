// A registry as a destination: what is taken over without an upload, and in which order things become visible.
import { describe, expect, it } from 'vitest';
import { registryPlace } from '../operations/registry-place.ts';
import { ociArchive } from '../support/archives.ts';
import { putImage, putIndex, treeIn } from '../support/registry-images.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

describe('a push', () => {
  it('puts blobs, then manifests by digest, then the index, and tags last', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const images = [
      putImage(repository, undefined, { layers: 'a=1 | b=2', platform: AMD64 }),
      putImage(repository, undefined, { layers: 'c=1 | d=2', platform: ARM64 }),
    ];
    putIndex(repository, '1', images);
    const tags = ['-t', its.at('app:2'), '-t', its.at('b:3')];
    expect(await its.run('flatten', its.at('app:1'), ...tags)).toMatchObject({ code: 0 });
    const puts = its.fake.requests.filter(({ method, url }) => method === 'PUT' && url !== '');
    const kinds = puts.map(({ url }) => {
      if (url.includes('/blobs/')) return 'blob';
      return url.includes('/manifests/sha256:') ? 'manifest' : 'tag';
    });
    const order = kinds.filter((kind, at) => kind !== kinds[at - 1] && kind !== 'blob');
    expect(order.at(-1)).toBe('tag');
    expect(kinds.slice(kinds.indexOf('tag'))).toEqual(['tag', 'tag']);
    expect(kinds.lastIndexOf('blob')).toBeLessThan(kinds.indexOf('tag'));
  });

  it('a layer of another repository of the registry is mounted, of another registry copied', async () => {
    await using its = await registryPlace();
    await using other = await registryPlace();
    putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
    await its.run('flatten', its.at('app:1'));
    const before = its.fake.count('upload.patch');
    const tags = ['-t', its.at('near:1'), '-t', other.at('far:1')];
    expect(await its.run('flatten', its.at('app:1-flat'), ...tags)).toMatchObject({ code: 0 });
    expect(its.fake.count('upload.patch')).toBe(before);
    expect(its.fake.requests.some(({ url }) => url.includes('mount=sha256'))).toBe(true);
    for (const repository of [its.repository('near'), other.repository('far')])
      expect(treeIn(repository, '1')).toBe('a=1 b=2');
    expect(other.fake.requests.some(({ url }) => url.includes('mount='))).toBe(false);
  });

  it('what is there already is not sent again', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
    await its.run('flatten', its.at('app:1'));
    const sent = its.fake.count('upload.put');
    await its.run('flatten', its.at('app:1-flat'), '-t', its.at('app:again'));
    expect(its.fake.count('upload.put')).toBe(sent);
  });

  it.each(['relative', 'absolute'])('%s places of uploads are followed', async (kind) => {
    await using its = await registryPlace({ hasRelativeLocations: kind === 'relative' });
    its.place.write('x.tar', ociArchive([{}]));
    expect(await its.run('flatten', './x.tar', '-o', its.at('app:1'))).toMatchObject({ code: 0 });
    expect(treeIn(its.repository('app'), '1')).toBe('a=1 b=2');
  });

  it('to a digest is refused before anything is read', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', {});
    const digest = `sha256:${'0'.repeat(64)}`;
    const ran = await its.failing('flatten', its.at('app:1'), '-t', its.at(`app@${digest}`));
    expect(ran.code).toBe(2);
    expect(its.fake.count('upload.start')).toBe(0);
  });
});
