import { describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { loadTinyImage, tarOf, tinyImage } from '../../src/rollout/tiny-image.ts';
import { scanTar } from '../../src/tar/scan.ts';
import { contextOf, JumpingClock } from './stub-host.ts';

const platform = { os: 'linux', architecture: 'amd64' };

function filesOf(tar: Uint8Array): Map<string, Uint8Array> {
  const readSync = (target: Uint8Array, position: number) => {
    const part = tar.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  const entries = [...scanTar({ size: tar.length, readSync })];
  return new Map(
    entries.map(({ path, dataOffset, size }) => [
      path,
      tar.subarray(dataOffset, dataOffset + size),
    ]),
  );
}

describe('a tiny image', () => {
  const spec = { name: 'shipper.local/a:1', platform, labels: { b: '2', a: '1' } };
  const image = tinyImage(spec);

  it('is the same bytes for the same input, in whatever order its labels were given', () => {
    const again = tinyImage({ ...spec, labels: { a: '1', b: '2' } });
    expect(again).toEqual(image);
    expect(image.ids).toEqual([
      'sha256:75635125f7cd6c05ebe2588837bb5a798654baf13be195e21d5ba2249b6cfd1c',
      'sha256:583672e203455709fd2239e1c13fa77cc044bdf8ca531f9d26cd3fd233f79551',
    ]);
  });

  it('is another image with other labels or for another processor', () => {
    const ids = [
      image,
      tinyImage({ ...spec, labels: { a: '1' } }),
      tinyImage({ ...spec, platform: { os: 'linux', architecture: 'arm64' } }),
    ].flatMap(({ ids }) => ids);
    expect(new Set(ids).size).toBe(6);
  });

  it('holds what it says under the digests that it says', () => {
    const files = filesOf(image.archive);
    for (const [path, bytes] of files) {
      if (path.startsWith('blobs/'))
        expect(path).toBe(`blobs/${digestOf(bytes).replace(':', '/')}`);
    }
    const text = (path: string) => JSON.parse(Buffer.from(files.get(path) ?? []).toString());
    const [config, manifest] = image.ids.map((id) => `blobs/${id.replace(':', '/')}`);
    expect(text('manifest.json')).toEqual([
      {
        Config: config,
        RepoTags: [spec.name],
        Layers: [expect.stringMatching(/^blobs\/sha256\//)],
      },
    ]);
    expect(text(config ?? '').config.Labels).toEqual(spec.labels);
    expect(text(manifest ?? '').config.digest).toBe(image.ids[0]);
    expect(text('index.json').manifests[0]).toMatchObject({
      digest: image.ids[1],
      annotations: { 'io.containerd.image.name': spec.name },
    });
  });
});

describe('a tiny image that is loaded', () => {
  const spec = { name: 'shipper.local/a:1', labels: {} };
  const ctx = contextOf(new JumpingClock());
  const raced = new ShipperError(
    'ENGINE',
    'Cannot load: image "shipper.local/a:1": already exists',
  );
  const engineThatFails = (...failures: readonly Error[]) => {
    const left = [...failures];
    let calls = 0;
    const loadImages = async (_: unknown, archive: AsyncIterable<Uint8Array>) => {
      calls += 1;
      for await (const bytes of archive) expect(bytes).not.toHaveLength(0);
      const failure = left.shift();
      if (failure !== undefined) throw failure;
    };
    const engine = { facts: async () => platform, loadImages } as unknown as Engine;
    return { engine, calls: () => calls };
  };

  it('is sent again where another made the name at the same moment, as containerd tells it', async () => {
    const { engine, calls } = engineThatFails(raced, raced);
    await loadTinyImage(ctx, engine, spec);
    expect(calls()).toBe(3);
  });

  it('fails with what the engine says where that goes on, and at once for another reason', async () => {
    const always = engineThatFails(...Array.from({ length: 9 }, () => raced));
    await expect(loadTinyImage(ctx, always.engine, spec)).rejects.toBe(raced);
    expect(always.calls()).toBe(5);
    const full = new ShipperError('ENGINE', 'Cannot load: no space left');
    const other = engineThatFails(full);
    await expect(loadTinyImage(ctx, other.engine, spec)).rejects.toBe(full);
    expect(other.calls()).toBe(1);
  });
});

describe('a tar of files', () => {
  it('has them in their order', () => {
    const files = filesOf(
      tarOf([
        ['lease', Buffer.from('{}')],
        ['b', Buffer.alloc(600, 'x')],
      ]),
    );
    expect([...files.keys()]).toEqual(['lease', 'b']);
    expect(files.get('b')).toHaveLength(600);
  });
});
