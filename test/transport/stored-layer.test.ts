// Layers as they are opened: capped while they are decompressed, and closed without a wait.
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { interruption } from '../../src/core/context.ts';
import { digestOf } from '../../src/core/digest.ts';
import { type Layer, randomContent } from '../../src/image/image.ts';
import type { System, Threads } from '../../src/system/system.ts';
import { layerOpener } from '../../src/transport/layer-opener.ts';
import { storedLayer } from '../../src/transport/stored-layer.ts';
import { testContext } from '../engine/support.ts';
import { refusalOf, workplace } from '../operations/workplace.ts';

const MIB = 1_048_576;
const TAR = new Uint8Array(3 * MIB);

function layerOf(system: System, path: string, stored: Uint8Array): Layer {
  return storedLayer(layerOpener(system), {
    descriptor: { mediaType: 'x', digest: digestOf(stored), size: stored.length },
    hasStoredDigest: true,
    diffId: digestOf(TAR),
    index: 0,
    async open() {
      const file = await system.files.openRead(path);
      return {
        region: { file, offset: 0, size: file.size },
        [Symbol.asyncDispose]: () => file.close(),
      };
    },
  });
}

describe('a stored layer', () => {
  it('is refused while it is decompressed once it is over the cap', async () => {
    using place = workplace();
    const stored = gzipSync(TAR);
    const layer = layerOf(place.system, place.path(place.write('blob', stored)), stored);
    const error = await refusalOf(() => layer.open(testContext(), { maxBytes: 3 * MIB - 1 }));
    expect([error.code, error.hint]).toEqual([
      'LIMIT_EXCEEDED',
      expect.stringContaining('--max-output'),
    ]);
    expect(readdirSync(place.tmp)).toEqual([]);
    await using open = await layer.open(testContext(), { maxBytes: 3 * MIB });
    await open.verified();
    await place.system.threads.close();
  });

  it('is closed without waiting for the hash of its bytes', async () => {
    const threads: Partial<Threads> = {
      hashFile: ({ signal }) =>
        new Promise((_, reject) =>
          signal?.addEventListener('abort', () => reject(interruption(signal))),
        ),
    };
    using place = workplace({ threads: threads as Threads });
    const layer = layerOf(place.system, place.path(place.write('blob', TAR)), TAR);
    const open = await layer.open(testContext());
    await open[Symbol.asyncDispose]();
    expect(() => randomContent(open).readSync(new Uint8Array(1), 0)).toThrow(
      'is used after it was closed',
    );
  });
});
