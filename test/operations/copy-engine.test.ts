// `copy` from and to engines, against the fake one.
import { describe, expect, it } from 'vitest';
import { legacyArchive } from '../support/archives.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { copyPlace, imageContent, indexContent } from './copy-places.ts';

describe('copy() to an engine with a graph driver', () => {
  it('loads all layers as they are, and keeps the image id', async () => {
    await using given = await copyPlace();
    await using engine = await startFakeEngine();
    const source = given.source('oci', imageContent());
    const { host } = engine;
    const report = await given.place.copy({ source, destination: 'app:2', host });
    const image = engine.images.find('app:2');
    expect([image?.id, image?.diffIds.length]).toEqual([report.images[0]?.configDigest, 3]);
    expect([report.digest, report.digestKept, report.changes]).toEqual([
      image?.id,
      false,
      ['The engine keeps no manifest: it knows the image by its id, which stays'],
    ]);
    expect(image?.tags).toEqual(['app:2']);
    const preserving = { source, destination: 'app:3', host, preserveDigests: true };
    await expect(given.place.copy(preserving)).rejects.toMatchObject({ code: 'POLICY' });
    expect(engine.images.find('app:3')).toBeUndefined();
  });

  it('takes the platform of the engine, and unpacks zstd', async () => {
    await using given = await copyPlace();
    await using engine = await startFakeEngine();
    const source = given.source('oci', indexContent());
    const { host } = engine;
    const report = await given.place.copy({ source, destination: 'app:2', host });
    expect(report.images.map(({ platform }) => platform.architecture)).toEqual(['amd64']);
    expect(report.dropped.length).toBe(1);
    const zstd = await given.place.copy({
      source,
      destination: 'risc:1',
      host,
      platform: 'linux/riscv64',
    });
    expect(engine.images.find('risc:1')?.id).toBe(zstd.digest);
    expect(zstd.changes.length).toBe(2);
    expect(given.place.leftovers()).toEqual([]);
  });
});

describe('copy() from an engine', () => {
  it('makes a manifest, with layers in gzip', async () => {
    await using given = await copyPlace();
    await using engine = await startFakeEngine();
    await engine.images.load(legacyArchive([{}]));
    const { host } = engine;
    const destination = given.target('docker');
    const report = await given.place.copy({ source: 'docker-daemon:app:1', destination, host });
    expect(report.changes).toEqual(['The source has no manifest: a new one is made']);
    const id = engine.images.find('app:1')?.id;
    expect(report.images[0]?.configDigest).toBe(id);
    given.place.write('x.tar', legacyArchive([{}]));
    expect((await given.place.verify('x.tar', destination)).same).toBe(true);
    const back = await given.place.copy({ source: destination, destination: 'back:1', host });
    expect(back.digest).toBe(id);
  });
});

describe('tag() in an engine', () => {
  it('gives more names and tells what they meant', async () => {
    await using given = await copyPlace();
    await using engine = await startFakeEngine();
    await engine.images.load(legacyArchive([{}]));
    await engine.images.load(legacyArchive([{ layers: 'z=9', tags: ['app:old'] }]));
    const [id, old] = ['app:1', 'app:old'].map((name) => engine.images.find(name)?.id);
    const { host } = engine;
    const report = await given.place.tag({
      source: 'app:1',
      names: ['stable', 'app:old', 'r.example/team/app'],
      host,
    });
    expect([report.digest, report.names]).toEqual([
      id,
      [
        { name: 'app:stable', before: undefined },
        { name: 'app:old', before: old },
        { name: 'r.example/team/app:latest', before: undefined },
      ],
    ]);
    expect(engine.images.find('r.example/team/app:latest')?.id).toBe(id);
    expect(engine.images.find('app:old')?.id).toBe(id);
  });
});
