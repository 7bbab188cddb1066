// `copy` between every pair of places: the digest stays, blobs and manifests are the same bytes, nothing is left behind.
import { describe, expect, it } from 'vitest';
import { copy } from '../../src/library.ts';
import { isAll } from '../support/amount.ts';
import { archive, Blobs, legacyArchive } from '../support/archives.ts';
import { blobOf, copyPlace, imageContent, indexContent, KINDS, layoutBlob } from './copy-places.ts';

const PAIRS = KINDS.flatMap((from) => KINDS.map((to) => [from, to] as const));
/** Each kind to itself and to the next: of one image the way through is that of an index. */
const SOME_PAIRS = isAll()
  ? PAIRS
  : KINDS.flatMap((kind, at) => [
      [kind, kind] as const,
      [kind, KINDS[(at + 1) % KINDS.length] ?? kind] as const,
    ]);

describe('copy()', () => {
  it.each(PAIRS)('takes an index from %s to %s as it is', async (from, to) => {
    await using given = await copyPlace();
    const { place, registry } = given;
    const content = indexContent();
    const report = await place.copy({
      source: given.source(from, content),
      destination: given.target(to),
      preserveDigests: true,
    });
    expect(report.changes).toEqual([]);
    expect([report.digestKept, report.digest, report.indexDigest]).toEqual([
      true,
      content.top.digest,
      content.top.digest,
    ]);
    expect(report.attestations.map(({ digest }) => digest)).toEqual([content.manifests[3]?.digest]);
    // Once more into a layout, where every blob can be looked at.
    const back = await place.copy({ source: given.readable(to), destination: 'oci:back:app' });
    expect(back.digest).toBe(content.top.digest);
    const blobs = content.members.filter(([name]) => name.startsWith('blobs/'));
    for (const [name] of blobs) {
      const digest = name.slice('blobs/'.length).replace('/', ':');
      expect(layoutBlob(place, 'back', digest).equals(blobOf(content, digest))).toBe(true);
    }
    expect(place.leftovers()).toEqual([]);
    if (to === 'docker')
      expect(registry.repository('other/copy').tags.get('1')).toBe(content.top.digest);
  });

  it.each(SOME_PAIRS)('takes one image from %s to %s as it is', async (from, to) => {
    await using given = await copyPlace();
    const content = imageContent();
    const report = await given.place.copy({
      source: given.source(from, content),
      destination: given.target(to),
    });
    expect([report.digestKept, report.digest, report.indexDigest]).toEqual([
      true,
      content.top.digest,
      undefined,
    ]);
    const same = await given.place.verify(given.readable(to), given.readable(to));
    expect(same.same).toBe(true);
    expect(given.place.leftovers()).toEqual([]);
  });

  it('asks the same registry to mount what it has, and reads nothing', async () => {
    await using given = await copyPlace();
    const content = indexContent();
    const report = await given.place.copy({
      source: given.source('docker', content),
      destination: given.target('docker'),
    });
    // The configurations are read for the plan.
    expect([report.blobsRead, report.bytesRead]).toEqual([0, 0]);
    expect(given.registry.count('upload.patch')).toBe(0);
  });

  it('streams between two registries without a file', async () => {
    await using given = await copyPlace();
    await using other = await copyPlace();
    const content = indexContent();
    const created: string[] = [];
    const { files } = given.place.system;
    const spy = {
      ...given.place.system,
      files: new Proxy(files, {
        get(target, key, receiver) {
          if (key !== 'create') return Reflect.get(target, key, receiver);
          return (path: string, mode?: number) => {
            created.push(path);
            return target.create(path, mode);
          };
        },
      }),
    };
    const report = await copy(
      {
        source: given.source('docker', content),
        destination: `docker://${other.registry.address}/x/y:z`,
      },
      { system: spy },
    );
    expect(report.digest).toBe(content.top.digest);
    expect(other.registry.repository('x/y').tags.get('z')).toBe(content.top.digest);
    expect(report.blobsRead).toBeGreaterThan(5);
    expect(created).toEqual([]);
  });

  it('takes one platform by its own digest', async () => {
    await using given = await copyPlace();
    const content = indexContent();
    const report = await given.place.copy({
      source: given.source('docker', content),
      destination: 'oci:one:app',
      platform: 'linux/arm64',
      preserveDigests: true,
    });
    expect(report.digest).toBe(content.manifests[1]?.digest);
    expect(report.indexDigest).toBeUndefined();
    expect(report.dropped.map(({ kind }) => kind)).toEqual(['attestation']);
  });

  it('leaves attestations where that is asked for, and says that the digest is another', async () => {
    await using given = await copyPlace();
    const content = indexContent();
    const source = given.source('oci', content);
    const request = { source, destination: 'oci:copy:app', attestations: 'drop' } as const;
    const report = await given.place.copy(request);
    expect(report.changes).toEqual([
      'The index lists attestations, which are dropped: one without them is made',
    ]);
    expect(report.dropped.map(({ digest }) => digest)).toEqual([content.manifests[3]?.digest]);
    const index = JSON.parse(layoutBlob(given.place, 'copy', report.indexDigest ?? '').toString());
    // Unknown members stay.
    expect([index.annotations, index.unknown]).toEqual([{ own: 'kept' }, [1, 2]]);
    expect(index.manifests.map(({ digest }: { digest: string }) => digest)).toEqual(
      content.manifests.slice(0, 3).map(({ digest }) => digest),
    );
    await expect(given.place.copy({ ...request, preserveDigests: true })).rejects.toMatchObject({
      code: 'POLICY',
    });
  });

  it('keeps an index inside an index', async () => {
    await using given = await copyPlace();
    const blobs = new Blobs();
    const image = blobs.image({ layers: 'a=1', wrap: 'gzip' });
    const inner = blobs.index([image]);
    const top = blobs.index([inner]);
    const content = { members: blobs.members([top]), top, manifests: [image, inner, top] };
    given.place.write('source.tar', archive(content.members));
    const report = await given.place.copy({
      source: 'source.tar',
      destination: given.target('docker'),
      preserveDigests: true,
    });
    expect(report.digest).toBe(top.digest);
    expect(given.registry.repository('other/copy').manifests.has(inner.digest)).toBe(true);
  });

  it("keeps a manifest of Docker's kind in a layout, and says who does not find it", async () => {
    await using given = await copyPlace();
    const docker = 'application/vnd.docker';
    const mediaType = `${docker}.distribution.manifest.v2+json`;
    const blobs = new Blobs();
    const config = blobs.image({ layers: 'a=1', wrap: 'gzip' }, { mediaType });
    const top = { ...config, mediaType };
    const content = { members: blobs.members([top]), top, manifests: [top] };
    given.place.write('source.tar', archive(content.members));
    const report = await given.place.copy({ source: 'source.tar', destination: 'oci:copy:app' });
    expect([report.digest, report.remarks]).toEqual([
      top.digest,
      [
        "The manifest is of Docker's kind and stays so: skopeo and umoci do not find it by its name in a layout",
      ],
    ]);
  });

  it('writes nothing in a dry run, and knows the digest', async () => {
    await using given = await copyPlace();
    const content = indexContent();
    const report = await given.place.copy({
      source: given.source('docker', content),
      destination: given.target('docker'),
      dryRun: true,
    });
    expect(report.digest).toBe(content.top.digest);
    expect(given.registry.repository('other/copy').tags.size).toBe(0);
    expect(given.registry.count('upload.start')).toBe(0);
  });

  it('takes a destination named by digest only for what has it', async () => {
    await using given = await copyPlace();
    const content = imageContent();
    const source = given.source('docker', content);
    const at = (digest: string) => `docker://${given.registry.address}/other/x@${digest}`;
    await given.place.copy({ source, destination: at(content.top.digest) });
    expect(given.registry.repository('other/x').manifests.has(content.top.digest)).toBe(true);
    expect(given.registry.repository('other/x').tags.size).toBe(0);
    const wrong = given.place.copy({ source, destination: at(`sha256:${'0'.repeat(64)}`) });
    await expect(wrong).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it.each([
    'docker',
    'oci',
    'docker-archive',
  ] as const)('refuses to copy %s onto itself', async (kind) => {
    await using given = await copyPlace();
    const source = given.source(kind, imageContent());
    await expect(given.place.copy({ source, destination: source })).rejects.toMatchObject({
      code: 'OUTPUT_CONFLICT',
    });
  });
});

describe('a source without a manifest', () => {
  it.each([
    ['docker', 'application/vnd.oci.image.layer.v1.tar+gzip'],
    ['oci', 'application/vnd.oci.image.layer.v1.tar+gzip'],
    ['stdio', 'application/vnd.oci.image.layer.v1.tar'],
  ] as const)('gets one for %s, with layers as that place has them', async (to, mediaType) => {
    await using given = await copyPlace();
    given.place.write('x.tar', legacyArchive([{}]));
    const report = await given.place.copy({ source: 'x.tar', destination: given.target(to) });
    expect([report.digestKept, report.changes]).toEqual([
      false,
      ['The source has no manifest: a new one is made'],
    ]);
    const { platforms } = await given.place.inspect(given.readable(to));
    expect(platforms[0]?.layers.map((layer) => layer.mediaType)).toEqual([mediaType, mediaType]);
    const { same } = await given.place.verify('x.tar', given.readable(to));
    expect(same).toBe(true);
    expect(given.place.leftovers()).toEqual([]);
  });

  it.each(['gzip', 'zstd'] as const)('keeps layers that are in %s already', async (wrap) => {
    await using given = await copyPlace();
    given.place.write('x.tar', legacyArchive([{ wrap }]));
    const report = await given.place.copy({ source: 'x.tar', destination: given.target('docker') });
    const { platforms } = await given.place.inspect(given.readable('docker'));
    expect(platforms[0]?.layers.every(({ mediaType }) => mediaType.endsWith(`+${wrap}`))).toBe(
      true,
    );
    expect(report.digest).toBe(platforms[0]?.manifestDigest);
    expect((await given.place.verify('x.tar', given.readable('docker'))).same).toBe(true);
  });

  it('is compressed as asked', async () => {
    await using given = await copyPlace();
    given.place.write('x.tar', legacyArchive([{}]));
    await given.place.copy({
      source: 'x.tar',
      destination: 'oci:copy:app',
      compression: { kind: 'none' },
    });
    const { platforms } = await given.place.inspect('oci:copy:app');
    expect(platforms[0]?.layers[0]?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar');
    await expect(
      given.place.copy({ source: 'x.tar', destination: 'oci:b:app', preserveDigests: true }),
    ).rejects.toMatchObject({ code: 'POLICY' });
  });
});

describe('--compression', () => {
  it('is for layers without; the manifest is then another, and the index names it', async () => {
    await using given = await copyPlace();
    const content = imageContent('none');
    const report = await given.place.copy({
      source: given.source('oci', content),
      destination: given.target('docker'),
      compression: { kind: 'gzip', level: 9 },
    });
    expect(report.changes).toEqual([
      'Layers are stored in another way, so that the manifest names other blobs',
    ]);
    const { platforms } = await given.place.inspect(given.readable('docker'));
    expect(platforms[0]?.layers.every(({ mediaType }) => mediaType.endsWith('+gzip'))).toBe(true);
    expect((await given.place.verify('oci:source:app:1', given.readable('docker'))).same).toBe(
      true,
    );
  });

  it('leaves what is compressed already', async () => {
    await using given = await copyPlace();
    const content = indexContent();
    const report = await given.place.copy({
      source: given.source('oci', content),
      destination: given.target('docker'),
      compression: { kind: 'zstd', level: 3 },
    });
    expect(report.digest).toBe(content.top.digest);
  });
});
