// From and to registries, end to end: the whole command line against the fake registry.
import { readFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FlattenReport } from '../../src/index.ts';
import { ociArchive } from '../support/archives.ts';
import {
  configIn,
  indexIn,
  type Listed,
  manifestIn,
  putImage,
  putIndex,
  treeIn,
} from '../support/registry-images.ts';
import type { FakeRepository } from '../support/registry-store.ts';
import { type Ran, type RegistryPlace, registryPlace } from './registry-place.ts';

const STACK = 'a=1 b=>a d/ | -a d/c=2';
const FLAT = 'b=1 d/ d/c=2';
const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

function reportOf(ran: Ran): FlattenReport {
  if (ran.code !== 0) throw new Error(`exit code ${ran.code}: ${ran.err}`);
  return JSON.parse(ran.out) as FlattenReport;
}

/** `app:multi`: two platforms and an attestation of the first, with an annotation. */
function putMulti(repository: FakeRepository, family: 'oci' | 'docker' = 'oci'): Listed[] {
  const amd64 = putImage(repository, undefined, { layers: STACK, platform: AMD64, family });
  const arm64 = putImage(repository, undefined, { layers: 'x=1 | y=2', platform: ARM64, family });
  if (family === 'docker') {
    putIndex(repository, 'multi', [amd64, arm64], { family });
    return [amd64, arm64];
  }
  const statement = putImage(repository, undefined, { layers: 'in-toto=1' });
  const attestation = {
    ...statement,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': amd64.digest,
    },
  };
  putIndex(repository, 'multi', [amd64, arm64, attestation], { annotations: { who: 'me' } });
  return [amd64, arm64, attestation];
}

/** What the platforms of a flat index hold. */
function treesIn(repository: FakeRepository, tag: string): Record<string, string> {
  const entries = indexIn(repository, tag).manifests.map(({ digest, platform }) => [
    platform?.architecture,
    treeIn(repository, digest),
  ]);
  return Object.fromEntries(entries);
}

describe('names', () => {
  it('the result is NAME:TAG-flat in the same repository, and the source stays', async () => {
    await using its = await registryPlace();
    const repository = its.repository('team/app');
    putImage(repository, '1', { layers: STACK, wrap: 'gzip' });
    const ran = await its.run('flatten', its.at('team/app:1'));
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(treeIn(repository, '1-flat')).toBe(FLAT);
    expect(manifestIn(repository, '1').layers.length).toBe(2);
    expect([...repository.tags.keys()]).toEqual(['1', '1-flat']);
    expect(its.place.leftovers()).toEqual([]);
  });

  it('a source without a tag is :latest', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), 'latest', { layers: STACK });
    expect(await its.run('flatten', its.at('app'))).toMatchObject({ code: 0 });
    expect(treeIn(its.repository('app'), 'latest-flat')).toBe(FLAT);
  });

  it('several -t go into several repositories of the registry, with one upload of the layer', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    const names = ['app:2', 'other/app:3', 'other/app:4'];
    const tags = names.flatMap((name) => ['-t', `${its.fake.address}/${name}`]);
    const report = reportOf(await its.run('flatten', its.at('app:1'), ...tags, '--json'));
    expect(report.tags).toEqual(names.map((name) => `${its.fake.address}/${name}`));
    const digests = [
      its.repository('app').tags.get('2'),
      its.repository('other/app').tags.get('3'),
      its.repository('other/app').tags.get('4'),
    ];
    expect(new Set(digests)).toEqual(new Set([report.images[0]?.manifestDigest]));
    expect(treeIn(its.repository('other/app'), '3')).toBe(FLAT);
    expect(its.fake.count('upload.patch')).toBe(1);
    const mounts = its.fake.requests.filter(({ url }) => url.includes('mount='));
    expect(mounts.map(({ status }) => status)).toContain(201);
  });

  it('a mount that is denied becomes a copy (R24)', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    const tags = ['-t', `${its.fake.address}/app:2`, '-t', `${its.fake.address}/b:2`];
    // The first begin is that of the layer, the second that of the configuration; mounts come after them.
    its.fake.fault('upload.start', { kind: 'denyMount' }, 8);
    expect(await its.run('flatten', its.at('app:1'), ...tags)).toMatchObject({ code: 0 });
    expect(treeIn(its.repository('b'), '2')).toBe(FLAT);
  });

  it('-t with docker:// goes to several registries', async () => {
    await using its = await registryPlace();
    await using other = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    const tags = ['-t', its.at('app:2'), '-t', other.at('far/app:2')];
    const report = reportOf(await its.run('flatten', its.at('app:1'), ...tags, '--json'));
    expect(report.outputs).toEqual([its.at('app:2'), other.at('far/app:2')]);
    expect(treeIn(its.repository('app'), '2')).toBe(FLAT);
    expect(treeIn(other.repository('far/app'), '2')).toBe(FLAT);
  });

  it('a name without a transport never goes to a registry that nobody named', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    const before = its.fake.requests.length;
    for (const name of ['app:2', 'ghcr.io/me/app:2']) {
      const ran = await its.failing('flatten', its.at('app:1'), '-t', name);
      expect(ran.code).toBe(2);
      expect(ran.line).toContain('and the result goes to');
    }
    const writes = its.fake.requests.slice(before).filter(({ method }) => !/GET|HEAD/.test(method));
    expect(writes).toEqual([]);
  });

  it('the own tag is replaced only with --in-place', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    putImage(repository, '1', { layers: STACK });
    for (const name of [`${its.fake.address}/app:1`, its.at('app:1')]) {
      const refused = await its.failing('flatten', its.at('app:1'), '-t', name);
      expect(refused).toMatchObject({ code: 1 });
      expect(refused.line).toContain('it is the source itself');
    }
    expect(await its.run('flatten', its.at('app:1'), '--in-place')).toMatchObject({ code: 0 });
    expect(treeIn(repository, '1')).toBe(FLAT);
    expect([...repository.tags.keys()]).toEqual(['1']);
  });

  it('a digest is a source, and needs a name for the result', async () => {
    await using its = await registryPlace();
    const { digest } = putImage(its.repository('app'), '1', { layers: STACK });
    const both = await its.failing('flatten', its.at(`app:1@${digest}`), '-t', its.at('app:1'));
    expect(both.line).toContain('it is the source itself');
    const source = its.at(`app@${digest}`);
    expect((await its.failing('flatten', source)).code).toBe(2);
    expect((await its.failing('flatten', source, '--in-place')).code).toBe(2);
    const tag = `${its.fake.address}/app:2`;
    expect(await its.run('flatten', source, '-t', tag)).toMatchObject({ code: 0 });
    expect(treeIn(its.repository('app'), '2')).toBe(FLAT);
  });

  it('--digestfile and --iidfile tell what was pushed', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    putImage(repository, '1', { layers: STACK });
    const files = ['--digestfile', 'digest', '--iidfile', 'id'];
    expect(await its.run('flatten', its.at('app:1'), ...files)).toMatchObject({ code: 0 });
    const text = (name: string) => readFileSync(its.place.path(name), 'utf8').trim();
    expect(text('digest')).toBe(repository.tags.get('1-flat'));
    expect(text('id')).toBe(manifestIn(repository, '1-flat').config.digest);
  });
});

describe('what is read', () => {
  it.each(['oci', 'docker'] as const)('images of the family %s stay in it', async (family) => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK, wrap: 'gzip', family });
    reportOf(await its.run('flatten', its.at('app:1'), '--json', '--verify'));
    const { mediaType, config, layers } = manifestIn(its.repository('app'), '1-flat');
    const prefix = `application/vnd.${family === 'oci' ? 'oci.image' : 'docker'}.`;
    for (const type of [mediaType, config.mediaType, layers[0]?.mediaType])
      expect(type?.startsWith(prefix)).toBe(true);
  });

  it('layers of gzip, of zstd and of neither give the same flat image', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    // Node 20 has no zstd of its own: frames that only store are made here.
    const wraps = ['none', 'gzip', 'zstd'] as const;
    for (const wrap of wraps) putImage(repository, wrap, { layers: STACK, wrap });
    for (const wrap of wraps)
      expect(await its.run('flatten', its.at(`app:${wrap}`))).toMatchObject({ code: 0, err: '' });
    const layers = wraps.map((wrap) => manifestIn(repository, `${wrap}-flat`).layers[0]?.digest);
    expect(new Set(layers).size).toBe(1);
    expect(treeIn(repository, 'zstd-flat')).toBe(FLAT);
  });

  it('zstd is written where Node has it, and refused where it has not', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    const call = ['flatten', its.at('app:1'), '--compression', 'zstd', '--verify'];
    if (typeof zstdCompressSync !== 'function') {
      expect((await its.failing(...call)).line).toMatch(/zstd/);
      return;
    }
    expect(await its.run(...call)).toMatchObject({ code: 0 });
    const [layer] = manifestIn(its.repository('app'), '1-flat').layers;
    expect(layer?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd');
  });

  it('--compression none is pushed as it is', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK, wrap: 'gzip' });
    const call = ['flatten', its.at('app:1'), '--compression', 'none', '--verify'];
    expect(await its.run(...call)).toMatchObject({ code: 0 });
    const [layer] = manifestIn(its.repository('app'), '1-flat').layers;
    expect(layer?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar');
    expect(treeIn(its.repository('app'), '1-flat')).toBe(FLAT);
  });

  it('an index keeps its platforms and annotations; attestations are dropped and named', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const [, , attestation] = putMulti(repository);
    const report = reportOf(await its.run('flatten', its.at('app:multi'), '--json', '--verify'));
    expect(treesIn(repository, 'multi-flat')).toEqual({ amd64: FLAT, arm64: 'x=1 y=2' });
    expect(indexIn(repository, 'multi-flat').annotations).toEqual({ who: 'me' });
    expect(report.indexDigest).toBe(repository.tags.get('multi-flat'));
    expect(report.verified).toBe(true);
    expect(report.dropped.map(({ digest, kind }) => [digest, kind])).toEqual([
      [attestation?.digest, 'attestation'],
    ]);
  });

  it('--attestations fail refuses before anything is fetched or pushed', async () => {
    await using its = await registryPlace();
    putMulti(its.repository('app'));
    const ran = await its.failing('flatten', its.at('app:multi'), '--attestations', 'fail');
    expect(ran.code).toBe(4);
    expect(its.fake.count('upload.start')).toBe(0);
  });

  it('a manifest list of Docker stays one', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    putMulti(repository, 'docker');
    expect(await its.run('flatten', its.at('app:multi'))).toMatchObject({ code: 0 });
    const { mediaType } = indexIn(repository, 'multi-flat');
    expect(mediaType).toBe('application/vnd.docker.distribution.manifest.list.v2+json');
    expect(treesIn(repository, 'multi-flat')).toEqual({ amd64: FLAT, arm64: 'x=1 y=2' });
  });

  it('--platform takes one, and fetches no other', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const [amd64] = putMulti(repository);
    for (const { digest } of manifestIn(repository, amd64?.digest ?? '').layers)
      repository.blobs.delete(digest);
    const call = ['flatten', its.at('app:multi'), '--platform', 'linux/arm64'];
    expect(await its.run(...call)).toMatchObject({ code: 0 });
    expect(treeIn(repository, 'multi-flat')).toBe('x=1 y=2');
    const none = await its.failing('flatten', its.at('app:multi'), '--platform', 'linux/s390x');
    expect(none.line).toContain('it has no image for that platform');
  });

  it('--platform --in-place keeps the other platforms of the index', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const [amd64] = putMulti(repository);
    const call = ['flatten', its.at('app:multi'), '--platform', 'linux/arm64', '--in-place'];
    expect(await its.run(...call)).toMatchObject({ code: 0 });
    const { manifests } = indexIn(repository, 'multi');
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    expect(manifests[0]?.digest).toBe(amd64?.digest);
    expect(treeIn(repository, manifests[1]?.digest ?? '')).toBe('x=1 y=2');
  });

  it('an index in an index is flattened, four deep at most (R33)', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    let listed = putImage(repository, undefined, { layers: STACK, platform: AMD64 });
    for (let depth = 1; depth <= 6; depth += 1)
      listed = putIndex(repository, `deep-${depth}`, [listed]);
    expect(await its.run('flatten', its.at('app:deep-3'))).toMatchObject({ code: 0 });
    expect(treesIn(repository, 'deep-3-flat')).toEqual({ amd64: FLAT });
    const ran = await its.failing('flatten', its.at('app:deep-6'));
    expect(ran.line).toMatch(/indexes are nested more than 4 deep/);
  });

  it('an index that claims to hold itself is refused (R33)', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const image = putImage(repository, undefined, { layers: STACK, platform: AMD64 });
    // A digest cannot be known before what it is the digest of: the registry has to lie.
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const digest = `sha256:${'5'.repeat(64)}`;
    const index = { schemaVersion: 2, mediaType, manifests: [{ mediaType, digest, size: 300 }] };
    const bytes = Buffer.from(JSON.stringify(index));
    repository.manifests.set(digest, { mediaType, bytes });
    repository.putManifest(mediaType, bytes, 'self');
    const ran = await its.failing('flatten', its.at('app:self'));
    expect(ran.code).toBe(1);
    expect(ran.line).toContain(digest);
    expect(image.digest).toBeTruthy();
  });

  it('an index whose child is missing is refused (R33)', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const [, arm64] = putMulti(repository);
    repository.manifests.delete(arm64?.digest ?? '');
    const ran = await its.failing('flatten', its.at('app:multi'));
    expect(ran.code).toBe(1);
    expect(ran.line).toContain(arm64?.digest);
    expectNames(its, ran.line, 'app:multi');
    expect(its.fake.count('upload.start')).toBe(0);
  });

  it('children of a wrong size are refused, and configurations that are missing', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const image = putImage(repository, 'one', { layers: STACK, platform: AMD64 });
    putIndex(repository, 'sized', [{ ...image, size: image.size + 1 }]);
    expect((await its.failing('flatten', its.at('app:sized'))).line).toContain('are claimed');
    repository.blobs.delete(manifestIn(repository, 'one').config.digest);
    const ran = await its.failing('flatten', its.at('app:one'));
    expect(ran.line).toMatch(/Cannot read blob .* 404/);
    expectNames(its, ran.line, 'app:one');
  });

  it('an artifact is no image', async () => {
    await using its = await registryPlace();
    const changes = { artifactType: 'application/vnd.example+type' };
    putImage(its.repository('app'), 'art', { layers: STACK }, changes);
    expect((await its.failing('flatten', its.at('app:art'))).line).toContain('no image');
  });
});

/** The line names the image and its registry. */
function expectNames(its: RegistryPlace, line: string, image: string): void {
  expect(line).toContain(image);
  expect(line).toContain(its.fake.address);
}

describe('the other verbs and media', () => {
  it('archives go to registries, registries to archives and layouts', async () => {
    await using its = await registryPlace();
    its.place.write('x.tar', ociArchive([{ layers: STACK, wrap: 'gzip' }]));
    const push = await its.run('flatten', './x.tar', '-o', its.at('app:1'), '--verify');
    expect(push).toMatchObject({ code: 0, err: '' });
    expect(treeIn(its.repository('app'), '1')).toBe(FLAT);
    for (const to of ['./y.tar', 'oci:layout:app', 'oci-archive:z.tar']) {
      expect(await its.run('flatten', its.at('app:1'), '-o', to)).toMatchObject({ code: 0 });
      const same = await its.run('verify', its.at('app:1'), to);
      expect(same).toMatchObject({ code: 0, err: '' });
    }
  });

  it('verify and inspect read registries', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    putImage(its.repository('app'), '2', { layers: 'b=1 d/ | d/c=3' });
    expect(await its.run('verify', its.at('app:1'), its.at('app:1'))).toMatchObject({ code: 0 });
    expect(await its.run('verify', its.at('app:1'), its.at('app:2'))).toMatchObject({ code: 4 });
    const seen = await its.run('inspect', its.at('app:1'), '--json');
    expect(JSON.parse(seen.out)).toMatchObject({
      platforms: [{ layers: [{ index: 0 }, { index: 1 }] }],
    });
    expect(its.place.leftovers()).toEqual([]);
  });

  it('--dry-run writes nothing', async () => {
    await using its = await registryPlace();
    putImage(its.repository('app'), '1', { layers: STACK });
    expect(await its.run('flatten', its.at('app:1'), '--dry-run')).toMatchObject({ code: 0 });
    const writes = its.fake.requests.filter(({ method }) => !/GET|HEAD/.test(method));
    expect(writes).toEqual([]);
    expect([...its.repository('app').tags.keys()]).toEqual(['1']);
  });

  it('an image that is flat already is passed on as it is', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    putImage(repository, '1', { layers: STACK });
    await its.run('flatten', its.at('app:1'));
    const again = await its.run('flatten', its.at('app:1-flat'), '-t', its.at('copy/app:1'));
    expect(again).toMatchObject({ code: 0 });
    expect(its.repository('copy/app').tags.get('1')).toBe(repository.tags.get('1-flat'));
    // Its layer was taken over from the other repository.
    expect(its.fake.count('upload.patch')).toBe(1);
  });

  it('two runs push the same bytes, and the second uploads no configuration again', async () => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    putImage(repository, '1', { layers: STACK });
    await its.run('flatten', its.at('app:1'), '-t', its.at('app:a'));
    const blobs = repository.blobs.size;
    await its.run('flatten', its.at('app:1'), '-t', its.at('app:b'));
    expect(repository.tags.get('a')).toBe(repository.tags.get('b'));
    expect(repository.blobs.size).toBe(blobs);
    expect(configIn(repository, 'a')).toMatchObject({ architecture: 'amd64' });
  });
});
