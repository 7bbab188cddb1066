// Several platforms of an index at once: the same bytes as one after the other, the first failure ends the others, what does
// not change is used again.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ShipperEvent } from '../../src/core/events.ts';
import { platformsAtOnce } from '../../src/operations/flatten-platforms.ts';
import type { System } from '../../src/system/system.ts';
import { amount } from '../support/amount.ts';
import { archive, Blobs } from '../support/archives.ts';
import { randomStack } from '../support/random-stack.ts';
import {
  indexIn,
  type Listed,
  manifestIn,
  putImage,
  putIndex,
} from '../support/registry-images.ts';
import type { FakeRepository } from '../support/registry-store.ts';
import { type RegistryPlace, registryPlace } from './registry-place.ts';
import { type Workplace, workplace } from './workplace.ts';

const ARCHITECTURES = ['amd64', 'arm64', 's390x', 'ppc64le', 'riscv64'];
/** Room for one more, and for none. */
const MUCH: Partial<System> = { cores: 8, freeMemory: () => 8e9 };
const LITTLE: Partial<System> = { cores: 8, freeMemory: () => 0 };

function platformOf(architecture: string) {
  return { os: 'linux', architecture };
}

describe('how many at once', () => {
  it.each([
    ['one image is one', 1, 8, 8e9, 1],
    ['as many as jobs', 5, 2, 8e9, 2],
    ['four at most', 9, 64, 1e12, 4],
    ['as many as have room', 5, 8, 800_000_000, 3],
    ['one in the narrowest place', 5, 8, 1000, 1],
  ])('%s', (_, images, jobs, free, expected) => {
    using place = workplace({ freeMemory: () => free });
    expect(platformsAtOnce(place.system, images, jobs)).toBe(expected);
  });
});

/** Five platforms of random stacks in a layout as an archive. */
function randomIndex(): Buffer {
  const blobs = new Blobs();
  const images = ARCHITECTURES.map((architecture, at) => {
    const { layers } = randomStack(700 + at);
    return blobs.image({ layers, wrap: 'gzip', platform: platformOf(architecture) });
  });
  const name = { 'org.opencontainers.image.ref.name': 'app:1' };
  return archive(blobs.members([{ ...blobs.index(images), annotations: name }]));
}

/** Every byte below a folder. */
function bytesIn(place: Workplace, folder: string): Record<string, string> {
  const names = place
    .names()
    .filter((name) => name.startsWith(`${folder}/`) && /\.json$|[0-9a-f]{64}$/.test(name));
  return Object.fromEntries(names.map((name) => [name, place.read(name).toString('base64')]));
}

describe('the same bytes as one after the other', () => {
  const made = async (changes: Partial<System>) => {
    using place = workplace(changes);
    place.write('x.tar', randomIndex());
    const outputs = ['oci:layout', 'oci-archive:flat.tar', 'oci-archive:more.tar'];
    const report = await place.flatten({ source: 'x.tar', outputs, verify: true });
    const { seconds, megabytesPerSecond, ...same } = report;
    return { same, layout: bytesIn(place, 'layout'), tar: place.read('flat.tar') };
  };

  it('in layouts and archives, with the platforms in their order', async () => {
    const [one, many] = [await made(LITTLE), await made(MUCH)];
    expect(many.same).toEqual(one.same);
    expect(many.same.images.map(({ platform }) => platform.architecture)).toEqual(ARCHITECTURES);
    expect(many.layout).toEqual(one.layout);
    expect(Object.keys(one.layout).length).toBeGreaterThan(15);
    expect(many.tar.equals(one.tar)).toBe(true);
  });

  it.each(
    ['none', 'tar', 'compressed'].slice(0, amount(1, 3)),
  )('in registries, with --spool %s', async (spool) => {
    const digests = await Promise.all(
      [LITTLE, MUCH].map(async (system) => {
        await using its = await registryPlace({ system });
        const images = ARCHITECTURES.map((architecture, at) => {
          const { layers } = randomStack(800 + at);
          const wrap = at % 2 === 0 ? 'gzip' : 'none';
          return putImage(its.repository('app'), undefined, {
            layers,
            wrap,
            platform: platformOf(architecture),
          });
        });
        putIndex(its.repository('app'), 'multi', images);
        const ran = await its.run('flatten', its.at('app:multi'), '--spool', spool);
        expect(ran).toMatchObject({ code: 0, err: '' });
        expect(its.place.leftovers()).toEqual([]);
        return its.repository('app').tags.get('multi-flat');
      }),
    );
    expect(digests[0]).toMatch(/^sha256:/);
    expect(digests[1]).toBe(digests[0]);
  });
});

/** `app:multi` of two platforms, with the digest of the topmost layer of each. */
function putTwo(repository: FakeRepository): { amd64: Listed; arm64: Listed; layers: string[] } {
  const put = (architecture: string, layers: string) =>
    putImage(repository, undefined, { layers, platform: platformOf(architecture) });
  const [amd64, arm64] = [put('amd64', 'a=1 | b=2'), put('arm64', 'c=3 | d=4')];
  putIndex(repository, 'multi', [amd64, arm64]);
  const layers = [amd64, arm64].map(
    ({ digest }) => manifestIn(repository, digest).layers[0]?.digest ?? '',
  );
  return { amd64, arm64, layers };
}

describe('at once', () => {
  it('the layers of one are fetched while those of another are not there yet', async () => {
    await using its = await registryPlace({ system: MUCH });
    putTwo(its.repository('app'));
    // The four layers of both are asked for before the first one has come.
    its.fake.fault('blob.get', { kind: 'headers', set: {} }, 2);
    its.fake.fault('blob.get', { kind: 'slow', chunkBytes: 512, everyMs: 60 }, 4);
    const flattening = its.run('flatten', its.at('app:multi'));
    const layersAsked = () => its.fake.count('blob.get') - 2;
    for (let round = 0; round < 400 && layersAsked() < 4; round += 1) await sleep(5);
    expect(layersAsked()).toBe(4);
    expect(its.fake.count('upload.start')).toBe(0);
    expect(await flattening).toMatchObject({ code: 0, err: '' });
  });

  it('progress names the platform where there are several', async () => {
    await using its = await registryPlace({ system: MUCH });
    const repository = its.repository('app');
    putTwo(repository);
    putImage(repository, 'one', { layers: 'a=1 | b=2' });
    const scopes = (events: readonly ShipperEvent[]) =>
      new Set(events.map(({ scope }) => scope.platform));
    await its.place.flatten({ source: its.at('app:multi') });
    expect(scopes(its.place.events)).toEqual(new Set(['linux/amd64', 'linux/arm64']));
    its.place.events.splice(0);
    await its.place.flatten({ source: its.at('app:one') });
    expect(scopes(its.place.events)).toEqual(new Set([undefined]));
  });
});

describe('the first failure', () => {
  it('ends the others, and names its platform', async () => {
    await using its = await registryPlace({ system: MUCH });
    const repository = its.repository('app');
    const { layers } = putTwo(repository);
    repository.blobs.set(layers[1] ?? '', Buffer.from('other bytes'));
    // The two configurations, then a layer of amd64 that never ends.
    its.fake.fault('blob.get', { kind: 'headers', set: {} }, 2);
    its.fake.fault('blob.get', { kind: 'hang', afterBytes: 100 }, 1);
    const failed = await its.failing('flatten', its.at('app:multi'));
    expect(failed.code).toBe(1);
    expect(failed.line).toContain('Cannot flatten platform linux/arm64: Cannot read docker:');
    expect(failed.line).toContain('layer 1 of 2');
    expect(repository.tags.has('multi-flat')).toBe(false);
  });

  it('ends those that wait for their turn', async () => {
    using place = workplace(MUCH);
    const blobs = new Blobs();
    const images = ARCHITECTURES.map((architecture, at) => {
      const wrong =
        at === 0 ? { diffIds: [`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`] } : {};
      return blobs.image({ ...wrong, platform: platformOf(architecture) });
    });
    place.write('x.tar', archive(blobs.members([blobs.index(images)])));
    const error = await place.refusal({ source: 'x.tar', outputs: ['oci-archive:flat.tar'] });
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(error.message).toMatch(/^Cannot flatten platform linux\/amd64: Cannot read x\.tar: /);
  });

  it('a gate names the platform once', async () => {
    await using its = await registryPlace({ system: MUCH });
    putTwo(its.repository('app'));
    const failed = await its.failing('flatten', its.at('app:multi'), '--max-size', '1');
    expect(failed.code).toBe(4);
    expect(failed.line.match(/linux\/a/g)?.length).toBe(1);
  });
});

describe('what does not change', () => {
  async function again(its: RegistryPlace, ...argv: readonly string[]): Promise<number> {
    const before = its.fake.count('upload.start');
    const ran = await its.run('flatten', its.at('app:mixed'), ...argv);
    expect(ran).toMatchObject({ code: 0, err: '' });
    const begun = its.fake.requests.filter(({ operation }) => operation === 'upload.start');
    return begun.slice(before).filter(({ url }) => !url.includes('mount=')).length;
  }

  it('a platform that is flat is listed as it was, and not uploaded again', async () => {
    await using its = await registryPlace({ system: MUCH });
    const repository = its.repository('app');
    putTwo(repository);
    await its.run('flatten', its.at('app:multi'));
    const [flat] = indexIn(repository, 'multi-flat').manifests;
    const arm64 = putImage(repository, undefined, {
      layers: 'e=5 | f=6',
      platform: platformOf('arm64'),
    });
    putIndex(repository, 'mixed', [flat as Listed, arm64]);
    // The layer and the configuration of arm64.
    expect(await again(its)).toBe(2);
    const [kept, made] = indexIn(repository, 'mixed-flat').manifests;
    expect(kept).toEqual(flat);
    expect(made?.digest).not.toBe(arm64.digest);
  });

  it('an index of flat platforms stays byte for byte, with nothing uploaded', async () => {
    await using its = await registryPlace({ system: MUCH });
    const repository = its.repository('app');
    putTwo(repository);
    await its.run('flatten', its.at('app:multi'));
    const flat = indexIn(repository, 'multi-flat').manifests as readonly Listed[];
    const listed = flat.map((each) => ({ ...each, annotations: { note: 'of the listing' } }));
    const index = putIndex(repository, 'mixed', listed, { annotations: { b: '1', a: '2' } });
    expect(await again(its, '-t', its.at('app:same'))).toBe(0);
    expect(repository.tags.get('same')).toBe(index.digest);
    // A label is a change.
    expect(await again(its, '-t', its.at('app:other'), '--label', 'a=b')).toBe(2);
    expect(repository.tags.get('other')).not.toBe(index.digest);
  });
});
