// `copy` where something is wrong: a clean refusal, and no tag on what is not complete.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { archive, Blobs } from '../support/archives.ts';
import { type Content, copyPlace, imageContent, indexContent, KINDS } from './copy-places.ts';
import { refusalOf } from './workplace.ts';

/** The content with one byte of its first layer changed, under its old digest. */
function damaged(content: Content): Content {
  let isDone = false;
  const members = content.members.map(([name, body]) => {
    const isLayer = body instanceof Uint8Array && name.startsWith('blobs/') && body[0] === 0x1f;
    if (isDone || !isLayer) return [name, body] as const;
    isDone = true;
    const changed = Buffer.from(body);
    changed[9] = (changed[9] ?? 0) ^ 1;
    return [name, changed] as const;
  });
  return { ...content, members };
}

describe('a blob that is not what its digest says', () => {
  it.each(KINDS)('is refused on the way to %s, also where it is only copied', async (to) => {
    await using given = await copyPlace();
    const { place, registry } = given;
    place.write('bad.tar', archive(damaged(indexContent()).members));
    const error = await refusalOf(() =>
      place.copy({ source: 'bad.tar', destination: given.target(to) }),
    );
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(error.message).toMatch(/layer 1/);
    expect([...registry.repository('other/copy').tags]).toEqual([]);
    expect(registry.repository('other/copy').manifests.size).toBe(0);
    expect(place.names().filter((name) => name.startsWith('copy'))).toEqual([]);
    expect(place.leftovers()).toEqual([]);
  });

  it('is refused where a registry serves it', async () => {
    await using given = await copyPlace();
    const content = imageContent();
    const source = given.source('docker', content);
    given.registry.fault('blob.get', { kind: 'flip', atByte: 30 }, 20);
    const error = await refusalOf(() => given.place.copy({ source, destination: 'oci:copy:app' }));
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(given.place.names()).toEqual([]);
  });
});

describe('a copy from a registry', () => {
  it('goes on where a download was cut', async () => {
    await using given = await copyPlace();
    const content = imageContent();
    const source = given.source('docker', content);
    // The first is the configuration.
    given.registry.fault('blob.get', { kind: 'cut', afterBytes: 40 }, 2);
    const report = await given.place.copy({ source, destination: 'oci:copy:app' });
    expect(report.digest).toBe(content.top.digest);
    expect((await given.place.verify(source, 'oci:copy:app')).same).toBe(true);
  });

  it('goes on where an upload was cut', async () => {
    await using given = await copyPlace();
    const source = given.source('oci', imageContent());
    given.registry.fault('upload.patch', { kind: 'cutUpload', afterBytes: 20 });
    given.registry.fault('upload.put', { kind: 'lost' });
    const destination = given.target('docker');
    const report = await given.place.copy({ source, destination });
    expect(report.digestKept).toBe(true);
    expect((await given.place.verify(source, destination)).same).toBe(true);
  });

  it('uploads only what is missing when it is run again', async () => {
    await using given = await copyPlace();
    const content = indexContent();
    const source = given.source('oci', content);
    const destination = given.target('docker');
    given.registry.fault('manifest.put', { kind: 'status', status: 403 });
    const error = await refusalOf(() => given.place.copy({ source, destination }));
    expect(error.code).toBe('UNAUTHORIZED');
    expect([...given.registry.repository('other/copy').tags]).toEqual([]);
    const again = await given.place.copy({ source, destination });
    expect([again.digest, again.blobsRead]).toEqual([content.top.digest, 0]);
  });

  it('leaves the tag as it was where the manifest is refused', async () => {
    await using given = await copyPlace();
    const { registry, place } = given;
    const first = imageContent();
    await place.copy({
      source: given.source('oci-archive', first),
      destination: given.target('docker'),
    });
    given.registry.fault('manifest.put', { kind: 'status', status: 400 });
    const source = given.source('oci', indexContent());
    await refusalOf(() => place.copy({ source, destination: given.target('docker') }));
    expect(registry.repository('other/copy').tags.get('1')).toBe(first.top.digest);
  });
});

describe('a copy that is refused before it is begun', () => {
  it('has several platforms for an archive of one', async () => {
    await using given = await copyPlace();
    const source = given.source('oci', indexContent());
    const error = await refusalOf(() =>
      given.place.copy({ source, destination: 'docker-archive:x.tar' }),
    );
    expect(error.code).toBe('AMBIGUOUS_IMAGE');
  });

  it('has a layer that may not be distributed, and nothing to keep it in', async () => {
    await using given = await copyPlace();
    const type = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
    const content = imageContent('gzip');
    const text = readManifest(content).replaceAll(/application[^"]*layer[^"]*/g, type);
    const blobs = new Blobs();
    const top = blobs.add(text, content.top.mediaType);
    const members = [
      ...content.members.filter(([name]) => name.startsWith('blobs/')),
      ...blobs.members([top]),
    ];
    given.place.write('x.tar', archive(members));
    const request = { source: 'x.tar', destination: 'docker-archive:y.tar' };
    const error = await refusalOf(() => given.place.copy(request));
    expect([error.code, error.hint]).toEqual([
      'UNSUPPORTED',
      '--allow-nondistributable copies it nevertheless',
    ]);
    const left = await given.place.copy({ ...request, destination: 'oci:left:app' });
    expect([left.digest, left.remarks[0]]).toEqual([
      top.digest,
      'linux/amd64: layer 1 may not be distributed and is not copied',
    ]);
    const whole = await given.place.copy({ ...request, allowNondistributable: true });
    expect(whole.digest).toBe(top.digest);
  });

  it('has a layer that is gone', async () => {
    await using given = await copyPlace();
    const content = imageContent();
    const source = given.source('oci', content);
    const { layers } = JSON.parse(readManifest(content));
    const path = given.place.path(`source/blobs/${layers[1].digest.replace(':', '/')}`);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(1));
    const error = await refusalOf(() => given.place.copy({ source, destination: './x.tar' }));
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(given.place.leftovers()).toEqual([]);
  });
});

function readManifest(content: Content): string {
  const name = `blobs/${content.top.digest.replace(':', '/')}`;
  return Buffer.from(
    (content.members.find(([each]) => each === name)?.[1] ?? '') as Uint8Array,
  ).toString();
}
