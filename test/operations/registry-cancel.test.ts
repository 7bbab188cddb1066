// A run that is cancelled while layers stream: it ends at once, every request is ended, no temporary file and no tag is left.
import { describe, expect, it } from 'vitest';
import { flatten } from '../../src/library.ts';
import type { FlattenRequest } from '../../src/operations/flatten-types.ts';
import { noise, until } from '../registry/client-support.ts';
import { putImage, putIndex } from '../support/registry-images.ts';
import type { RegistryFault } from '../support/registry-server.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { type RegistryPlace, registryPlace } from './registry-place.ts';

/** Layers of noise, so that compressed bytes are as many as others. */
function layersOf(...names: readonly string[]): Uint8Array[] {
  return names.map((name, at) => {
    const body = noise(300_000 + at).toString('latin1');
    return tar([entry({ name, type: 'file', body })]);
  });
}

const NO_FAULT: RegistryFault = { kind: 'headers', set: {} };
/** Nothing comes any more, or a little all the time. */
const STREAMS: Readonly<Record<string, RegistryFault>> = {
  silent: { kind: 'hang', afterBytes: 100_000 },
  flowing: { kind: 'slow', chunkBytes: 2000, everyMs: 10 },
};

/** Cancels a flatten of `app:1` once `begun` blobs were asked for and some of the last one has come. */
async function expectCancelled(
  its: RegistryPlace,
  begun: number,
  request: Partial<FlattenRequest>,
): Promise<void> {
  const stop = new AbortController();
  const options = { system: its.place.system, signal: stop.signal };
  const running = flatten({ source: its.at('app:1'), ...request }, options);
  const waiting = expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await until(() => its.fake.count('blob.get') >= begun);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(its.fake.connections()).toBeGreaterThan(0);
  const started = performance.now();
  stop.abort('SIGINT');
  await waiting;
  expect(performance.now() - started).toBeLessThan(3000);
  expect(its.place.leftovers()).toEqual([]);
  await until(() => its.fake.connections() === 0);
  const asked = its.fake.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(its.fake.requests.length).toBe(asked);
  expect([...its.repository('app').tags.keys()]).toEqual(['1']);
}

describe.each(Object.entries(STREAMS))('a stream that is %s', (_, fault) => {
  it.each<readonly ['tar' | 'compressed' | 'none', number, string]>([
    ['tar', 2, 'while layers are fetched'],
    ['compressed', 2, 'while layers are fetched'],
    ['none', 2, 'in the first reading'],
    ['none', 4, 'in the second reading, while the flat layer is uploaded'],
  ])('--spool %s, after %i blobs: %s', async (spool, before, _when) => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: layersOf('one', 'two', 'three'), wrap: 'gzip' });
    its.fake.fault('blob.get', NO_FAULT, before);
    its.fake.fault('blob.get', fault, 9);
    await expectCancelled(its, before + 1, { spool });
    const isSecond = before > 1 + 2;
    expect(its.fake.count('upload.start')).toBe(isSecond ? 1 : 0);
    expect(its.fake.count('upload.put')).toBe(0);
  });

  it('a cache keeps no part of a blob', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: layersOf('one', 'two'), wrap: 'gzip' });
    its.fake.fault('blob.get', NO_FAULT);
    its.fake.fault('blob.get', fault, 9);
    await expectCancelled(its, 2, { cache: 'cache' });
    expect(its.place.names().filter((name) => /[0-9a-f]{64}/.test(name))).toEqual([]);
  });

  it('several platforms at once', async () => {
    await using its = await registryPlace({ system: { cores: 4, freeMemory: () => 8e9 } });
    const repository = its.repository('app');
    const images = ['amd64', 'arm64', 's390x'].map((architecture) => {
      const platform = { os: 'linux', architecture };
      return putImage(repository, undefined, { layers: layersOf(architecture, 'b'), platform });
    });
    putIndex(repository, '1', images);
    its.fake.fault('blob.get', NO_FAULT, 3);
    its.fake.fault('blob.get', fault, 9);
    await expectCancelled(its, 6, { spool: 'none' });
  });
});
