// `tag`: more names in registries and layouts; nothing but the manifest moves.
import { describe, expect, it } from 'vitest';
import { archive } from '../support/archives.ts';
import { copyPlace, imageContent, indexContent, seed } from './copy-places.ts';
import { refusalOf } from './workplace.ts';

describe('tag() in a registry', () => {
  it('puts the same manifest under each tag, and tells what one meant before', async () => {
    await using given = await copyPlace();
    const { place, registry } = given;
    const content = indexContent();
    const other = imageContent();
    const source = given.source('docker', content);
    seed(registry, 'team/app', other, 'stable');
    const report = await place.tag({ source, names: ['1.2', 'stable', '1'] });
    const { tags } = registry.repository('team/app');
    expect(['1', '1.2', 'stable'].map((tag) => tags.get(tag))).toEqual(
      Array(3).fill(content.top.digest),
    );
    const name = (tag: string) => `${registry.address}/team/app:${tag}`;
    expect([report.digest, report.names]).toEqual([
      content.top.digest,
      [
        { name: name('1.2'), before: undefined },
        { name: name('stable'), before: other.top.digest },
        { name: name('1'), before: content.top.digest },
      ],
    ]);
    expect([registry.count('blob.get'), registry.count('upload.start')]).toEqual([0, 0]);
  });

  it('mounts what another repository needs', async () => {
    await using given = await copyPlace();
    const { place, registry } = given;
    const content = indexContent();
    const source = given.source('docker', content);
    await place.tag({ source, names: [`docker://${registry.address}/prod/app:1`] });
    expect(registry.repository('prod/app').tags.get('1')).toBe(content.top.digest);
    expect(registry.count('upload.patch')).toBe(0);
  });

  it('changes nothing in a dry run', async () => {
    await using given = await copyPlace();
    const source = given.source('docker', imageContent());
    const report = await given.place.tag({ source, names: ['2'], dryRun: true });
    expect(report.names.length).toBe(1);
    expect([...given.registry.repository('team/app').tags.keys()]).toEqual(['1']);
  });

  it('says which names are in place when one fails', async () => {
    await using given = await copyPlace();
    const { registry, place } = given;
    const source = given.source('docker', imageContent());
    const slow = place.tag({ source, names: ['2', '3'] });
    await slow;
    registry.fault('manifest.put', { kind: 'status', status: 403 });
    const none = await refusalOf(() => place.tag({ source, names: ['4', '5'] }));
    expect(none.code).toBe('UNAUTHORIZED');
    expect(registry.repository('team/app').tags.has('4')).toBe(false);
  });

  it.each([
    ['a name of another registry', 'docker.io/library/app:1', 'USAGE'],
    ['a digest', `app@sha256:${'0'.repeat(64)}`, 'USAGE'],
    ['another transport', 'oci:x:y', 'USAGE'],
    ['no name at all', 'x/UPPER', 'BAD_REFERENCE'],
  ])('refuses %s', async (_, name, code) => {
    await using given = await copyPlace();
    const source = given.source('docker', imageContent());
    expect((await refusalOf(() => given.place.tag({ source, names: [name] }))).code).toBe(code);
  });
});

describe('tag() in a layout', () => {
  it('adds entries to its index', async () => {
    await using given = await copyPlace();
    const { place } = given;
    const content = indexContent();
    const source = given.source('oci', content);
    const report = await place.tag({ source, names: ['stable', 'app:2'] });
    expect([report.digest, report.names.map(({ before }) => before)]).toEqual([
      content.top.digest,
      [undefined, undefined],
    ]);
    for (const name of ['app:1', 'stable', 'app:2']) {
      const copied = await place.copy({
        source: `oci:source:${name}`,
        destination: given.target('docker'),
      });
      expect(copied.digest).toBe(content.top.digest);
    }
    expect(place.leftovers()).toEqual([]);
    const again = await place.tag({ source, names: ['stable'] });
    expect(again.names).toEqual([{ name: 'stable', before: content.top.digest }]);
  });
});

describe('tag() of an archive', () => {
  it('is refused, and says what to do instead', async () => {
    await using given = await copyPlace();
    given.place.write('x.tar', archive(imageContent().members));
    const error = await refusalOf(() => given.place.tag({ source: 'x.tar', names: ['a'] }));
    expect([error.code, error.hint]).toEqual([
      'UNSUPPORTED',
      'shipper copy writes another one with the name: docker-archive:PATH:NAME',
    ]);
  });
});
