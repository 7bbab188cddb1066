// What a registry keeps beside an image: signatures, attestations and SBOMs of a source that is flattened are named, or
// forbid it.
import { describe, expect, it } from 'vitest';
import { parseDigest } from '../../src/core/digest.ts';
import { statementsIn } from '../../src/transport/registry-statements.ts';
import { clientOf, TestClock, until } from '../registry/client-support.ts';
import {
  indexIn,
  type Listed,
  manifestIn,
  putImage,
  putIndex,
} from '../support/registry-images.ts';
import type { FakeRepository } from '../support/registry-store.ts';
import { type RegistryPlace, registryPlace } from './registry-place.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/** A tag made of a digest. */
function tagOf({ digest }: Listed, ending: string = ''): string {
  return `${digest.replace(':', '-')}${ending}`;
}

/** What cosign pushes: a manifest of its own under a tag. */
function putTagged(repository: FakeRepository, subject: Listed, ending: string): string {
  return putImage(repository, tagOf(subject, ending), { layers: `${ending}=1` }).digest;
}

/** A manifest with a subject; in a registry without lists also the tag that stands for one. */
function putReferrer(repository: FakeRepository, subject: Listed, hasTag: boolean): string {
  const { mediaType, digest, size } = subject;
  const artifactType = 'application/spdx+json';
  const changes = { artifactType, subject: { mediaType, digest, size } };
  const put = putImage(repository, undefined, { layers: 'spdx=1' }, changes);
  if (hasTag) putIndex(repository, tagOf(subject), [{ ...put, artifactType }]);
  return put.digest;
}

interface Dropped {
  readonly kind: string;
  readonly digest: string;
  readonly subject: string;
}

async function droppedOf(its: RegistryPlace, ...argv: readonly string[]): Promise<Dropped[]> {
  const ran = await its.run('flatten', ...argv, '--json');
  if (ran.code !== 0) throw new Error(ran.err);
  return (JSON.parse(ran.out) as { dropped: Dropped[] }).dropped;
}

describe.each([
  ['with lists of referrers', true],
  ['without lists of referrers', false],
])('a registry %s', (_, hasReferrers) => {
  it('names what cosign and others put beside an image', async () => {
    await using its = await registryPlace({ hasReferrers });
    const repository = its.repository('app');
    const image = putImage(repository, '1', { layers: 'a=1 | b=2' });
    const expected = [
      ['signature', putTagged(repository, image, '.sig')],
      ['attestation', putTagged(repository, image, '.att')],
      ['sbom', putTagged(repository, image, '.sbom')],
      ['referrer', putReferrer(repository, image, !hasReferrers)],
    ];
    for (const options of [['--dry-run'], []]) {
      const dropped = await droppedOf(its, its.at('app:1'), ...options);
      expect(dropped.map(({ kind, digest }) => [kind, digest])).toEqual(expected);
      expect(new Set(dropped.map(({ subject }) => subject))).toEqual(new Set([image.digest]));
    }
  });

  it('--attestations fail names them, and nothing is fetched or pushed', async () => {
    await using its = await registryPlace({ hasReferrers });
    const repository = its.repository('app');
    const image = putImage(repository, '1', { layers: 'a=1 | b=2' });
    const signature = putTagged(repository, image, '.sig');
    const referrer = putReferrer(repository, image, !hasReferrers);
    const ran = await its.failing('flatten', its.at('app:1'), '--attestations', 'fail');
    expect(ran.code).toBe(4);
    expect(ran.line).toContain(`dropped: signature ${signature}, referrer ${referrer}`);
    expect(its.fake.count('upload.start')).toBe(0);
    for (const { digest } of manifestIn(repository, '1').layers)
      expect(its.fake.requests.some(({ url }) => url.endsWith(digest))).toBe(false);
  });
});

it('an index: its own, those of its platforms, and each manifest once', async () => {
  await using its = await registryPlace();
  const repository = its.repository('app');
  const amd64 = putImage(repository, undefined, { layers: 'a=1 | b=2', platform: AMD64 });
  const arm64 = putImage(repository, undefined, { layers: 'a=1 | c=2', platform: ARM64 });
  const inside = putReferrer(repository, amd64, false);
  const listed = { ...manifestOf(repository, inside), artifactType: 'application/spdx+json' };
  const index = putIndex(repository, 'multi', [amd64, arm64, listed]);
  const ofIndex = putTagged(repository, index, '.sig');
  const ofArm = putTagged(repository, arm64, '.att');
  const all = await droppedOf(its, its.at('app:multi'));
  expect(all.map(({ digest }) => digest)).toEqual([inside, ofIndex, ofArm]);
  const some = await droppedOf(its, its.at('app:multi'), '--platform', 'linux/amd64');
  expect(some.map(({ digest }) => digest)).toEqual([inside, ofIndex]);
});

function manifestOf(repository: FakeRepository, digest: string): Listed {
  const { mediaType, bytes } = repository.find(digest) ?? { mediaType: '', bytes: Buffer.of() };
  return { mediaType, digest, size: bytes.length };
}

it('an image that is passed on as it is keeps what speaks about it', async () => {
  await using its = await registryPlace();
  const repository = its.repository('app');
  putImage(repository, '1', { layers: 'a=1 | b=2' });
  await its.run('flatten', its.at('app:1'));
  const flat = manifestOf(repository, repository.tags.get('1-flat') ?? '');
  const signature = putTagged(repository, flat, '.sig');
  const again = [its.at('app:1-flat'), '-t', its.at('app:again')];
  for (const options of [['--dry-run'], []])
    expect(await droppedOf(its, ...again, ...options)).toEqual([]);
  const strict = await its.run('flatten', ...again, '--attestations', 'fail');
  expect(strict).toMatchObject({ code: 0, err: '' });
  expect(repository.tags.get('again')).toBe(flat.digest);
  // One layer, so that only its bytes can tell: refused late, and still before the tag.
  const changed = [its.at('app:1-flat'), '-t', its.at('app:other'), '--label', 'a=b'];
  const refused = await its.failing('flatten', ...changed, '--attestations', 'fail');
  expect(refused).toMatchObject({ code: 4 });
  expect(refused.line).toContain(signature);
});

it('platforms that stay as they are keep theirs', async () => {
  await using its = await registryPlace();
  const repository = its.repository('app');
  const amd64 = putImage(repository, undefined, { layers: 'a=1 | b=2', platform: AMD64 });
  const arm64 = putImage(repository, undefined, { layers: 'a=1 | c=2', platform: ARM64 });
  putIndex(repository, 'multi', [amd64, arm64]);
  const ofAmd = putTagged(repository, amd64, '.sig');
  putTagged(repository, arm64, '.sig');
  const part = [its.at('app:multi'), '--in-place', '--platform', 'linux/amd64'];
  const dropped = await droppedOf(its, ...part);
  expect(dropped.map(({ digest }) => digest)).toEqual([ofAmd]);
  expect(indexIn(repository, 'multi').manifests[1]?.digest).toBe(arm64.digest);
});

it.each([400, 405, 501])('a registry that knows no lists may say so with %i', async (status) => {
  await using its = await registryPlace();
  const repository = its.repository('app');
  const image = putImage(repository, '1', { layers: 'a=1 | b=2' });
  const referrer = putReferrer(repository, image, true);
  its.fake.fault('referrers', { kind: 'status', status });
  const dropped = await droppedOf(its, its.at('app:1'));
  expect(dropped.map(({ digest }) => digest)).toEqual([referrer]);
});

describe('a registry that does not answer such questions', () => {
  it.each([
    ['lists are forbidden', 'referrers', { status: 403 }, /403/],
    ['tags are forbidden', 'manifest.head', { status: 403 }, /403/],
    ['lists are broken', 'referrers', { status: 500 }, /500/],
    ['lists are no lists', 'referrers', { status: 200, body: '<html>' }, /Cannot read/],
  ] as const)('%s: a warning, an error only where it must be known', async (_, operation, fault, said) => {
    await using its = await registryPlace();
    const repository = its.repository('app');
    const image = putImage(repository, '1', { layers: 'a=1 | b=2' });
    const order = () => its.fake.fault(operation, { kind: 'status', ...fault }, 3);
    order();
    const strict = await its.failing('flatten', its.at('app:1'), '--attestations', 'fail');
    expect(strict.code).toBe(1);
    expect(strict.line).toMatch(/Cannot tell whether all signatures and attestations of docker:/);
    expect(strict.line).toMatch(said);
    its.fake.clearFaults();
    order();
    const report = await its.place.flatten({ source: its.at('app:1') });
    expect(report.dropped).toEqual([]);
    const notes = its.place.events.flatMap((event) =>
      event.type === 'note' ? [event.message] : [],
    );
    expect(notes).toEqual([expect.stringMatching(said)]);
    expect(repository.tags.get('1')).toBe(image.digest);
    expect(repository.tags.has('1-flat')).toBe(true);
  });
});

it('few requests, and none but HEAD for tags that are not there', async () => {
  await using its = await registryPlace();
  putImage(its.repository('app'), '1', { layers: 'a=1 | b=2' });
  await droppedOf(its, its.at('app:1'));
  const asked = its.fake.requests.filter(({ url }) => /referrers|\/sha256-/.test(url));
  expect(asked.map(({ method }) => method).sort()).toEqual(['GET', 'HEAD', 'HEAD', 'HEAD']);
  expect(asked.every(({ url }) => !url.includes(OCI_INDEX))).toBe(true);
});

it('a registry that falls silent is waited for half a minute, and what was found is told', async () => {
  await using its = await registryPlace();
  const image = putImage(its.repository('team/app'), '1', { layers: 'a=1 | b=2' });
  const signature = putTagged(its.repository('team/app'), image, '.sig');
  its.fake.fault('referrers', { kind: 'hang' }, 3);
  const clock = new TestClock();
  await using client = clientOf(its.fake, { clock });
  const subject = parseDigest(image.digest, 'a test digest');
  const asking = statementsIn(client.ctx, client.registry, client.repository, [subject]);
  await until(() => its.fake.count('referrers') === 1 && its.fake.count('manifest.head') === 3);
  await until(() =>
    its.fake.requests.every(({ operation, status }) => operation === 'referrers' || status),
  );
  clock.advance(30_000);
  const { found, failure } = await asking;
  expect(found.map(({ descriptor }) => descriptor.digest)).toEqual([signature]);
  expect(failure).toMatchObject({ code: 'TIMEOUT' });
  expect(failure?.message).toContain('team/app: the registry took more than 30 s');
});
