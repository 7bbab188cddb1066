// An engine's export ends where its tar ends, whatever HTTP says of it.
import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import { daemonSource } from '../../src/transport/daemon-source.ts';
import { layerOpener } from '../../src/transport/layer-opener.ts';
import { clientOf, testContext } from '../engine/support.ts';
import { refusalOf, workplace } from '../operations/workplace.ts';
import { legacyArchive } from '../support/archives.ts';
import { startFakeEngine } from '../support/engine-server.ts';

const ARCHIVE = legacyArchive([{}]);

/** Reads the image of an engine that answers with `bytes` and then, where it hangs, does not end its answer. */
async function layersOf(bytes: Uint8Array, hangs = false): Promise<number> {
  using place = workplace();
  await using fake = await startFakeEngine();
  await using engine = clientOf(fake, { idleMs: 30_000, thinkMs: 30_000 });
  fake.images.add({ tags: ['app:1'], tar: bytes });
  if (hangs) fake.fault('save', { kind: 'hang', afterBytes: bytes.length });
  try {
    await using source = daemonSource(layerOpener(place.system), engine, 'app:1');
    const { images } = await source.read(testContext());
    return images[0]?.layers.length ?? 0;
  } finally {
    expect(place.leftovers()).toEqual([]);
  }
}

describe('the export of an engine', () => {
  it('is read as soon as its tar has ended: an engine tidies up before it ends its answer', async () => {
    const layers = await layersOf(ARCHIVE);
    expect(layers).toBeGreaterThan(0);
    expect(await layersOf(ARCHIVE, true)).toBe(layers);
  });

  it.each([
    ['in the middle', ARCHIVE.length >> 1],
    ['between two blocks', 512],
    ['within its end mark', ARCHIVE.length - 512],
    ['before its end mark', ARCHIVE.length - 1024],
  ])('is refused where it ends %s', async (_, bytes) => {
    const error = await refusalOf(() => layersOf(ARCHIVE.subarray(0, bytes)));
    expect(error).toBeInstanceOf(ShipperError);
    expect(error.code).toBe('ENGINE');
    expect(error.message).toContain(`the stream ended early, after ${bytes} bytes`);
    expect(error.retryable).toBe(true);
  });

  it('is refused as what it is where it is no archive', async () => {
    const noise = Buffer.concat([ARCHIVE.subarray(0, 512), Buffer.alloc(50_000, 'noise ')]);
    expect((await refusalOf(() => layersOf(noise))).code).toBe('BAD_ARCHIVE');
  });
});
