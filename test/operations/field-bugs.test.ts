// Known bugs of other tools that concern a whole image and not the merge, one named test for each. Those of the merge
// are in test/flatten/field-bugs.test.ts; docs/fidelity.md lists all.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FlattenedImage } from '../../src/index.ts';
import { remarksOn } from '../../src/operations/remarks.ts';
import {
  archive,
  attestation,
  Blobs,
  legacyArchive,
  ociArchive,
  sha256,
} from '../support/archives.ts';
import { layers } from '../support/layers.ts';
import { type Workplace, workplace } from './workplace.ts';

/** A document of an OCI layout by its digest, as text. */
function blob(place: Workplace, layout: string, digest: string): string {
  return place.read(`${layout}/blobs/${digest.replace(':', '/')}`).toString();
}

/** Index entries, manifest and configuration of the only image of a layout. */
function onlyImage(place: Workplace, layout: string) {
  const index = JSON.parse(place.read(`${layout}/index.json`).toString());
  const manifest = JSON.parse(blob(place, layout, index.manifests[0].digest));
  return { index, manifest, config: blob(place, layout, manifest.config.digest) };
}

describe('bug 40: fields of the configuration that are dropped', () => {
  it('known, unknown and large ones stay, to the letter', async () => {
    using place = workplace();
    // Blanks between members of an object that is edited may go; every value stays as it was written.
    const config = `{"architecture":"amd64","os":"linux","created":"2024-06-01T12:00:00.123456789Z",${[
      '"config":{"Healthcheck":{"Test":["CMD","true"],"StartInterval":5000000000},"Labels":{"__proto__":"x","a":"\\u00e9"},',
      ' "Env":["A=1"],"Future":{"Nested":[1.10, 12345678901234567890]}},"unknown":{"b":1 ,"a":2},',
      '"rootfs":{"type":"layers","diff_ids":DIFF_IDS,"more":true},',
      '"history":[{"created_by":"a"},{"created_by":"b","empty_layer":true},{"created_by":"c"}]}',
    ].join('')}`;
    const tars = layers('a=1 | b=2');
    const ids = tars.map(sha256);
    place.write(
      'x.tar',
      ociArchive([{ layers: tars, config: config.replace('DIFF_IDS', JSON.stringify(ids)) }]),
    );
    const report = await place.flatten({ source: 'x.tar', outputs: ['oci:out:x'] });
    const flat = onlyImage(place, 'out').config;
    const expected = config
      .replace('DIFF_IDS', JSON.stringify([report.images[0]?.diffId]))
      .replace(
        /"history":\[.*\]\}$/,
        '"history":[{"created":"2024-06-01T12:00:00.123456789Z","created_by":"shipper flatten"}]}',
      );
    expect(flat).toBe(expected);
  });
});

describe('bug 41: media types', () => {
  it.each(['oci', 'docker'] as const)('of one family in a manifest: %s', async (family) => {
    using place = workplace();
    const docker = 'application/vnd.docker.distribution.manifest.v2+json';
    const blobs = new Blobs();
    // Mixed on purpose where the manifest says docker: its layers and configuration have OCI types.
    const image = blobs.image({}, family === 'docker' ? { mediaType: docker } : {});
    const entry = family === 'docker' ? { ...image, mediaType: docker } : image;
    place.write('x.tar', archive(blobs.members([entry])));
    await place.flatten({ source: 'x.tar', outputs: ['oci:out:x'] });
    const { manifest } = onlyImage(place, 'out');
    const types = [manifest.mediaType, manifest.config.mediaType, manifest.layers[0].mediaType];
    const prefix = family === 'docker' ? /^application\/vnd\.docker\./ : /^application\/vnd\.oci\./;
    for (const type of types) expect(type).toMatch(prefix);
  });

  it('are not trusted: gzip that is called plain, and plain that is called gzip', async () => {
    using place = workplace();
    const type = 'application/vnd.oci.image.layer.v1.tar';
    place.write('a.tar', ociArchive([{ wrap: 'gzip', mediaType: type }]));
    place.write('b.tar', ociArchive([{ mediaType: `${type}+gzip` }]));
    expect((await place.verify('a.tar', 'b.tar')).same).toBe(true);
  });
});

describe('bug 42: attestations', () => {
  const write = (place: Workplace): string => {
    const blobs = new Blobs();
    const image = blobs.image({ platform: { os: 'linux', architecture: 'amd64' } });
    const extra = attestation(blobs, image);
    place.write('x.tar', archive(blobs.members([blobs.index([extra, image])])));
    return extra.digest;
  };

  it('are no layers, are dropped and named', async () => {
    using place = workplace();
    const digest = write(place);
    const report = await place.flatten({ source: 'x.tar', outputs: ['oci:out:x'] });
    expect(report.dropped).toMatchObject([{ digest, kind: 'attestation' }]);
    expect(report.images).toHaveLength(1);
  });

  it('make it fail where that was asked for, with nothing written', async () => {
    using place = workplace();
    const digest = write(place);
    const error = await place.refusal({ source: 'x.tar', attestations: 'fail' });
    expect([error.code, error.message.includes(digest)]).toEqual(['POLICY', true]);
  });
});

describe('bug 43: one layer at two places', () => {
  it('counts at both, and is found by position', async () => {
    using place = workplace();
    const [first = new Uint8Array(), second = new Uint8Array()] = layers('a=1 b=2 | -a b=3');
    place.write('x.tar', legacyArchive([{ layers: [first, second, first] }]));
    place.write('y.tar', legacyArchive([{ layers: 'a=1 b=2' }]));
    expect((await place.verify('x.tar', 'y.tar')).same).toBe(true);
  });
});

describe('bug 44: digests of what stands behind the end of the tar', () => {
  const [layer = new Uint8Array()] = layers('a=1');

  it('trailing bytes count: one that is changed is refused', async () => {
    using place = workplace();
    const whole = Buffer.concat([layer, Buffer.alloc(2048, 'x')]);
    const changed = Buffer.from(whole);
    changed[changed.length - 1] = 0;
    place.write('x.tar', legacyArchive([{ layers: [whole] }]));
    expect((await place.flatten({ source: 'x.tar' })).images[0]?.entriesAfter).toBe(1);
    place.write('y.tar', ociArchive([{ layers: [whole], wrap: () => changed }]));
    expect((await place.refusal({ source: 'y.tar' })).code).toBe('DIGEST_MISMATCH');
  });

  it('so do they inside of gzip', async () => {
    using place = workplace();
    const wrap = (tar: Uint8Array) => gzipSync(Buffer.concat([tar, Buffer.alloc(512)]));
    place.write('x.tar', ociArchive([{ layers: [layer], wrap }]));
    expect((await place.refusal({ source: 'x.tar' })).code).toBe('DIGEST_MISMATCH');
  });
});

describe('bug 45: platform, times and history', () => {
  const write = (place: Workplace): void => {
    const blobs = new Blobs();
    const entries = ['amd64', 'arm64'].map((architecture) =>
      blobs.image({
        platform: { os: 'linux', architecture },
        config: { architecture, created: '2020-01-02T03:04:05Z' },
      }),
    );
    place.write('x.tar', archive(blobs.members([blobs.index(entries)])));
  };

  it('--platform has an effect', async () => {
    using place = workplace();
    write(place);
    const report = await place.flatten({
      source: 'x.tar',
      platform: 'linux/arm64',
      outputs: ['oci:out:x'],
    });
    expect(report.images.map(({ platform }) => platform.architecture)).toEqual(['arm64']);
    expect((await place.refusal({ source: 'x.tar', platform: 'linux/s390x' })).code).toBe(
      'NOT_FOUND',
    );
  });

  it('no clock is read: created is that of the source, or what was asked for', async () => {
    using place = workplace();
    write(place);
    const created = async (layout: string, timestamp?: string) => {
      const more = timestamp === undefined ? {} : { timestamp };
      await place.flatten({
        source: 'x.tar',
        platform: 'linux/amd64',
        outputs: [`oci:${layout}:x`],
        ...more,
      });
      const config = JSON.parse(onlyImage(place, layout).config);
      return [config.created, config.history.map((line: { created: string }) => line.created)];
    };
    expect(await created('a')).toEqual(['2020-01-02T03:04:05Z', ['2020-01-02T03:04:05Z']]);
    expect(await created('b', '0')).toEqual(['1970-01-01T00:00:00Z', ['1970-01-01T00:00:00Z']]);
  });

  it.each([
    'summary',
    'keep',
    'none',
  ] as const)('history lines up with the layers: %s', async (history) => {
    using place = workplace();
    write(place);
    await place.flatten({
      source: 'x.tar',
      platform: 'linux/amd64',
      outputs: ['oci:out:x'],
      history,
    });
    const config = JSON.parse(onlyImage(place, 'out').config);
    const lines = (config.history ?? []).filter((line: object) => !('empty_layer' in line));
    expect(lines).toHaveLength(history === 'none' ? 0 : 1);
    expect(config.rootfs.diff_ids).toHaveLength(1);
  });
});

describe('bug 46: a layer that is too large for a registry', () => {
  it('is remarked on', () => {
    const image = {
      platform: { os: 'linux', architecture: 'amd64' },
      layersBefore: 3,
      bytesBefore: 2e10,
      bytesAfter: 1e10,
      newLayerBytes: 6e9,
      layersKept: 0,
      alreadyFlat: false,
    } as FlattenedImage;
    expect(remarksOn([image]).join('\n')).toContain('over 5 GB');
    expect(remarksOn([{ ...image, newLayerBytes: 4e9 }]).join('\n')).not.toContain('over 5 GB');
  });

  it('can be made again: two runs give the same stored bytes', async () => {
    using place = workplace();
    place.write('x.tar', legacyArchive([{}]));
    const run = (output: string) =>
      place.flatten({
        source: 'x.tar',
        outputs: [output],
        compression: { kind: 'gzip', level: 6 },
      });
    const [a, b] = [await run('oci:a:x'), await run('oci:b:x')];
    expect(a.images[0]?.layerDigest).toBe(b.images[0]?.layerDigest);
  });
});
