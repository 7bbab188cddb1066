// Layers that are passed on as they are stored: checked while they are copied, and copied again where an engine wants it.
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Image, StoredContent } from '../../src/image/image.ts';
import { flatten } from '../../src/library.ts';
import type { System } from '../../src/system/system.ts';
import { folderBlobs } from '../../src/transport/blob-store.ts';
import { copyStored } from '../../src/transport/copy-stored.ts';
import { GraphDriverSink } from '../../src/transport/graph-driver-sink.ts';
import { layerOpener } from '../../src/transport/layer-opener.ts';
import { ociSource } from '../../src/transport/oci-source.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, type Workplace, workplace } from '../operations/workplace.ts';
import { legacyArchive } from '../support/archives.ts';

const BYTES = Buffer.from('the quick brown fox');

const access = (
  bytes: Uint8Array,
  size = bytes.length,
): Pick<StoredContent, 'size' | 'stream'> => ({
  size,
  async *stream(offset) {
    yield bytes.subarray(offset);
  },
});

describe('copyStored()', () => {
  it('copies what is as it was', async () => {
    const copied: Buffer[] = [];
    const put = async (bytes: Uint8Array) => void copied.push(Buffer.from(bytes));
    const expected = { digest: digestOf(BYTES), size: BYTES.length };
    await copyStored(testContext(), access(BYTES), expected, put);
    expect(Buffer.concat(copied)).toEqual(BYTES);
  });

  it.each([
    ['other bytes', access(Buffer.alloc(BYTES.length)), 'its digest is sha256:'],
    ['fewer bytes', access(BYTES.subarray(1)), 'it has 18 bytes where there were 19'],
    ['an early end', access(BYTES.subarray(1), 19), 'it ended after 18 of 19 bytes'],
  ])('refuses %s', async (_, source, message) => {
    const expected = { digest: digestOf(BYTES), size: BYTES.length };
    const error = await refusalOf(() =>
      copyStored(testContext(), source, expected, async () => undefined),
    );
    expect([error.code, error.message]).toEqual([
      'SOURCE_CHANGED',
      expect.stringContaining(message),
    ]);
  });
});

/** A flat image in a layout; returns the path of its layer. */
async function flatLayout(place: Workplace, kind: 'gzip' | 'none'): Promise<string> {
  place.write('x.tar', legacyArchive([{}]));
  const compression = kind === 'gzip' ? ({ kind, level: 6 } as const) : ({ kind } as const);
  await place.flatten({ source: 'x.tar', outputs: ['oci:flat:app'], compression });
  const json = (name: string) => JSON.parse(place.read(name).toString());
  const blob = (digest: string) => `flat/blobs/sha256/${digest.slice('sha256:'.length)}`;
  const manifest = json(blob(json('flat/index.json').manifests[0].digest));
  return place.path(blob(manifest.layers[0].digest));
}

describe('a flat layer that changes after it was checked', () => {
  const changes: readonly (readonly [string, (path: string) => void])[] = [
    [
      'in its bytes',
      (path) => writeFileSync(path, gzipSync('x'.repeat(readFileSync(path).length))),
    ],
    ['in its length', (path) => truncateSync(path, 100)],
  ];
  for (const [how, change] of changes) {
    it.each([
      'oci-archive:out.tar',
      'oci:out:app',
      '-',
    ])(`${how}: no copy into %s`, async (output) => {
      using place = workplace();
      const layer = await flatLayout(place, 'gzip');
      const stdio = { ...place.system.stdio, writeOut: async () => undefined };
      const system: System = { ...place.system, stdio };
      let isChanged = false;
      const error = await refusalOf(() =>
        flatten(
          {
            source: 'oci:flat:app',
            outputs: [output],
            compression: { kind: 'gzip', level: 6 },
          },
          {
            system,
            report(event) {
              if (isChanged || event.type !== 'task.started') return;
              if (event.title !== 'hash the flat layer') return;
              isChanged = true;
              change(layer);
            },
          },
        ),
      );
      expect([isChanged, error.code]).toEqual([true, 'SOURCE_CHANGED']);
      expect(place.names().filter((name) => name.startsWith('out'))).toEqual([]);
      expect(place.leftovers()).toEqual([]);
    });
  }
});

describe('a flat layer for a graph driver', () => {
  async function imageOf(place: Workplace): Promise<Image> {
    await flatLayout(place, 'none');
    const blobs = folderBlobs(place.system, place.path('flat'), 'flat');
    const options = { name: 'flat', reference: undefined, skipMissing: false };
    const source = ociSource(layerOpener(place.system), blobs, {
      ...options,
      close: async () => undefined,
    });
    const [image] = (await source.read(testContext())).images;
    if (image === undefined) throw new Error('no image');
    return image;
  }
  function sinkFor({ system }: Workplace, engine: Partial<Engine>): GraphDriverSink {
    const target = {
      engine: { tagImage: async () => undefined, ...engine } as Engine,
      facts: { endpoint: 'e', store: 'graph-driver', product: 'docker' } as never,
      name: 'docker-daemon:app',
      temporary: 'shipper-tmp:x',
      cleanUp: async () => undefined,
    };
    return new GraphDriverSink(system, target, { jobs: 1, family: 'oci' });
  }
  const drain = async (body: AsyncIterable<Uint8Array>) => {
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.length;
    return bytes;
  };

  it('is read again where the engine has lost it', async () => {
    using place = workplace();
    const image = await imageOf(place);
    const [layer] = image.layers;
    if (layer === undefined || image.manifest === undefined) throw new Error('no layer');
    const loads: number[] = [];
    await using sink = sinkFor(place, {
      async importLayer(_ctx, body) {
        await drain(body);
        return 'id';
      },
      async loadImages(_ctx, body) {
        loads.push(await drain(body));
        if (loads.length === 1) throw new ShipperError('ENGINE', 'invalid diffID for layer 0');
        return [];
      },
      inspectImage: async () =>
        ({ id: image.config.descriptor.digest, diffIds: [layer.diffId] }) as never,
    });
    const stored = await sink.copyLayer(testContext(), layer);
    const { platform, config, manifest } = image;
    const finished = { platform, config, manifest, layers: [stored] };
    await sink.commit(testContext(), { images: [finished], index: undefined, tags: ['a:1'] });
    expect(loads[1]).toBeGreaterThan(layer.descriptor.size);
    expect(place.leftovers()).toEqual([]);
    await place.system.threads.close();
  });

  it('is no bug where the engine answers before it has read it', async () => {
    using place = workplace();
    const [layer] = (await imageOf(place)).layers;
    if (layer === undefined) throw new Error('no layer');
    await using sink = sinkFor(place, { importLayer: async () => 'id' });
    const error = await refusalOf(() => sink.copyLayer(testContext(), layer));
    expect([error.code, error.message]).toEqual([
      'ENGINE',
      'Cannot write docker-daemon:app: the engine answered before it had read the whole layer',
    ]);
    await place.system.threads.close();
  });
});
