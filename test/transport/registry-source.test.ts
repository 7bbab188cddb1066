// A registry as a source: what it fetches, when, and what it does not believe.
import { describe, expect, it } from 'vitest';
import { parsePlatform } from '../../src/image/platform.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { layerOpener } from '../../src/transport/layer-opener.ts';
import { registrySource } from '../../src/transport/registry-source.ts';
import { refusalOf } from '../operations/workplace.ts';
import { clientOf } from '../registry/client-support.ts';
import { putImage, putIndex } from '../support/registry-images.ts';
import { startFakeRegistry } from '../support/registry-server.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

describe('registrySource()', () => {
  it('fetches manifests and configurations at once, layers when they are opened', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    putImage(fake.repository('app'), '1', { layers: 'a=1 | b=2' });
    await using source = registrySource(
      layerOpener(nodeSystem()),
      client.registry,
      `${fake.address}/app:1`,
    );
    const { images, isIndex } = await source.read(client.ctx);
    expect([images.length, isIndex, fake.count('blob.get')]).toEqual([1, false, 1]);
    expect(images[0]?.tags).toEqual([`${fake.address}/app:1`]);
    expect(images[0]?.name).toBe(`docker://${fake.address}/app:1`);
    const [layer] = images[0]?.layers ?? [];
    expect(layer?.origin).toEqual({ domain: fake.address, path: 'app' });
    await using opened = await layer?.open(client.ctx);
    await opened?.verified();
    expect(fake.count('blob.get')).toBe(2);
  });

  it('reads one image, however often it is asked and whoever moves the tag', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const first = putImage(fake.repository('app'), '1', { layers: 'a=1 | b=2' });
    await using source = registrySource(
      layerOpener(nodeSystem()),
      client.registry,
      `${fake.address}/app:1`,
    );
    await source.read(client.ctx);
    putImage(fake.repository('app'), '1', { layers: 'other=1' });
    const { images } = await source.read(client.ctx);
    expect(images[0]?.manifest?.descriptor.digest).toBe(first.digest);
  });

  it('of a digest has no tag, and its bytes are checked', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const { digest } = putImage(fake.repository('app'), '1', {});
    const text = `${fake.address}/app@${digest}`;
    const source = registrySource(layerOpener(nodeSystem()), client.registry, text);
    expect((await source.read(client.ctx)).images[0]?.tags).toEqual([]);
    fake.fault('manifest.get', { kind: 'flip', atByte: 30 }, 9);
    const lied = registrySource(layerOpener(nodeSystem()), client.registry, text);
    expect((await refusalOf(() => lied.read(client.ctx))).code).toBe('DIGEST_MISMATCH');
  });

  it('fetches the manifests of other platforms only where the index does not tell', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const repository = fake.repository('app');
    const images = [AMD64, ARM64].map((platform) => putImage(repository, undefined, { platform }));
    putIndex(repository, '1', images);
    const source = registrySource(
      layerOpener(nodeSystem()),
      client.registry,
      `${fake.address}/app:1`,
    );
    const set = await source.read(client.ctx, parsePlatform('linux/arm64'));
    expect(set.images.map(({ platform }) => platform.architecture)).toEqual(['arm64']);
    expect(fake.count('manifest.get')).toBe(2);
  });

  it.each([
    ['a tag that is not there', 'app:2', 'NOT_FOUND'],
    ['a repository that is not there', 'nobody:1', 'NOT_FOUND'],
  ])('%s', async (_, name, code) => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    putImage(fake.repository('app'), '1', {});
    const source = registrySource(
      layerOpener(nodeSystem()),
      client.registry,
      `${fake.address}/${name}`,
    );
    const error = await refusalOf(() => source.read(client.ctx));
    expect(error.code).toBe(code);
    expect(error.message).toContain(fake.address);
  });

  it('a configuration of more than the cap is refused before it is fetched', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const digest = `sha256:${'1'.repeat(64)}`;
    const mediaType = 'application/vnd.oci.image.config.v1+json';
    putImage(fake.repository('app'), '1', {}, { config: { mediaType, digest, size: 1e9 } });
    const source = registrySource(
      layerOpener(nodeSystem()),
      client.registry,
      `${fake.address}/app:1`,
    );
    const error = await refusalOf(() => source.read(client.ctx));
    expect([error.code, fake.count('blob.get')]).toEqual(['LIMIT_EXCEEDED', 0]);
  });
});
