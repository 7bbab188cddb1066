// A layer that is made while it is sent: the same bytes at every try, and a source that gives others is refused.
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Compression } from '../../src/blob/compressor.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { LayerProducer } from '../../src/image/image.ts';
import { nodeSystem } from '../../src/system/node.ts';
import { LayerUpload } from '../../src/transport/layer-upload.ts';
import { openRegistrySink } from '../../src/transport/registry-sink.ts';
import { refusalOf } from '../operations/workplace.ts';
import { clientOf, collect, noise } from '../registry/client-support.ts';
import { startFakeRegistry } from '../support/registry-server.ts';

const CONTENT = noise(600_000);
const GZIP: Compression = { kind: 'gzip', level: 6 };
const NONE: Compression = { kind: 'none' };

/** Gives `contents` one after the other, the last one for ever. */
function producer(...contents: readonly Buffer[]): LayerProducer & { made: number } {
  return {
    name: 'a layer',
    size: contents[0]?.length ?? 0,
    made: 0,
    async produce(_ctx, sink) {
      const content = contents[Math.min(this.made, contents.length - 1)] ?? Buffer.alloc(0);
      this.made += 1;
      for (let at = 0; at < content.length; ) {
        const room = sink.space();
        const count = Math.min(room.length, content.length - at);
        room.set(content.subarray(at, at + count));
        at += count;
        await sink.filled(count);
      }
    },
  };
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

describe('LayerUpload', () => {
  it.each([
    ['gzip', GZIP],
    ['none', NONE],
  ] as const)('gives the same bytes from every offset: %s', async (_, compression) => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const system = nodeSystem();
    const upload = new LayerUpload(system, client.ctx, producer(CONTENT), compression, 2);
    const whole = await collect(upload.open(0));
    const sent = { digest: digestOf(whole), size: whole.length };
    expect(upload.stored(sent)).toEqual({
      diffId: sha256(CONTENT),
      digest: sha256(whole),
      size: whole.length,
    });
    const tar = compression.kind === 'gzip' ? gunzipSync(whole) : whole;
    expect(tar.equals(CONTENT)).toBe(true);
    for (const offset of [1, 65_536, 123_457, whole.length - 1, whole.length]) {
      const rest = await collect(upload.open(offset));
      expect(rest.equals(whole.subarray(offset))).toBe(true);
    }
    await system.threads.close();
  });

  it('a reader that leaves ends the making', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const system = nodeSystem();
    const upload = new LayerUpload(system, client.ctx, producer(CONTENT), NONE, 2);
    for await (const chunk of upload.open(0)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(() => upload.stored({ digest: digestOf(CONTENT), size: CONTENT.length })).toThrow(
      'before it was made',
    );
    expect((await collect(upload.open(0))).equals(CONTENT)).toBe(true);
    await system.threads.close();
  });

  it('what fails while it is made is what the reader gets', async () => {
    await using fake = await startFakeRegistry();
    await using client = clientOf(fake);
    const failing: LayerProducer = {
      name: 'a layer',
      size: 10,
      async produce() {
        throw new Error('the disk is gone');
      },
    };
    const system = nodeSystem();
    const upload = new LayerUpload(system, client.ctx, failing, GZIP, 2);
    await expect(collect(upload.open(0))).rejects.toThrow('the disk is gone');
    await system.threads.close();
  });
});

describe('a source that changes between two tries', () => {
  const changed = Buffer.from(CONTENT);
  changed[100] = (changed[100] ?? 0) ^ 1;
  const later = Buffer.from(CONTENT);
  later[550_000] = (later[550_000] ?? 0) ^ 1;

  it.each([
    ['before the cut', changed, 300_000],
    ['behind the cut', later, 300_000],
    ['in its length: shorter', CONTENT.subarray(0, 500_000), 599_000],
    ['in its length: shorter than what was sent', CONTENT.subarray(0, 100_000), 300_000],
    ['in its length: longer', Buffer.concat([CONTENT, CONTENT]), 599_000],
  ])('%s is refused, and no blob is stored', async (_, second, afterBytes) => {
    for (const compression of [NONE, GZIP]) {
      await using fake = await startFakeRegistry();
      await using client = clientOf(fake);
      const system = nodeSystem();
      const text = `${fake.address}/app:1`;
      const options = { jobs: 2, family: 'oci' } as const;
      await using sink = openRegistrySink(system, client.registry, text, options);
      fake.fault('upload.patch', { kind: 'cutUpload', afterBytes });
      const layer = producer(CONTENT, second);
      const error = await refusalOf(() => sink.putLayer(client.ctx, layer, compression));
      expect(layer.made).toBeGreaterThan(1);
      expect(['SOURCE_CHANGED', 'DIGEST_MISMATCH', 'REGISTRY'], error.message).toContain(
        error.code,
      );
      expect(fake.repository('app').tags.size).toBe(0);
      await system.threads.close();
    }
  });
});

it('a registry that never takes the end of a large layer is given up after three tries', async () => {
  await using fake = await startFakeRegistry();
  await using client = clientOf(fake);
  const system = nodeSystem();
  const options = { jobs: 2, family: 'oci' } as const;
  await using sink = openRegistrySink(system, client.registry, `${fake.address}/app:1`, options);
  // Each try sends more than a MiB, which must not count as progress: the registry had it before.
  fake.fault('upload.put', { kind: 'status', status: 400 }, 20);
  const layer = producer(noise(3_000_000));
  const error = await refusalOf(() => sink.putLayer(client.ctx, layer, NONE));
  expect(error.message).toContain('400');
  expect(fake.count('upload.put')).toBeLessThan(6);
  await system.threads.close();
});
