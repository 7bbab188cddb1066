// Images whose layers are fetched from memory, as a registry gives them.
import { gzipSync } from 'node:zlib';
import type { Context } from '../../src/core/context.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { Image } from '../../src/image/image.ts';
import { openRoot, type RootOptions } from '../../src/operations/root.ts';
import type { LayerOpener } from '../../src/transport/layer-opener.ts';
import { streamedLayer } from '../../src/transport/streamed-layer.ts';
import { memorySink } from './flatten.ts';

/** A layer that is fetched: what each fetch gives, counted. */
export interface FakeBlob {
  readonly tar: Uint8Array;
  readonly stored: Uint8Array;
  /** Fetches so far, and those that are open. */
  fetches: number;
  open: number;
  /** What the n-th fetch gives, counted from 1, where it is not `stored`. */
  answer?: (fetch: number) => Uint8Array;
}

/** A blob of a tar, in gzip unless said otherwise. */
export function fakeBlob(
  tar: Uint8Array,
  wrap: (tar: Uint8Array) => Uint8Array = (bytes) => gzipSync(bytes, { level: 1 }),
): FakeBlob {
  return { tar, stored: wrap(tar), fetches: 0, open: 0 };
}

/** An image of blobs, base first. */
export function streamedImage(opener: LayerOpener, blobs: readonly FakeBlob[]): Image {
  const config = { mediaType: 'x', digest: digestOf(new Uint8Array()), size: 0 };
  return {
    name: 'streamed',
    platform: { os: 'linux', architecture: 'amd64' },
    family: 'oci',
    manifest: undefined,
    config: { descriptor: config, bytes: new Uint8Array() },
    layers: blobs.map((blob, index) => {
      const { stored, tar } = blob;
      const descriptor = { mediaType: 'x', digest: digestOf(stored), size: stored.length };
      const fetch = (ctx: Context) => chunksOf(ctx, blob);
      return streamedLayer(opener, { descriptor, diffId: digestOf(tar), index, fetch });
    }),
    tags: [],
  };
}

async function* chunksOf(_: Context, blob: FakeBlob): AsyncGenerator<Uint8Array, void, undefined> {
  blob.fetches += 1;
  blob.open += 1;
  try {
    const bytes = blob.answer?.(blob.fetches) ?? blob.stored;
    for (let at = 0; at < bytes.length; at += 1500) {
      await Promise.resolve();
      yield bytes.subarray(at, at + 1500);
    }
  } finally {
    blob.open -= 1;
  }
}

/** The flat tar of an image; everything is closed again. */
export async function flatOf(
  ctx: Context,
  image: Image,
  options: Partial<RootOptions> = {},
  times = 1,
): Promise<Uint8Array> {
  await using root = await openRoot(ctx, image, { jobs: 2, ...options });
  let bytes: Uint8Array = new Uint8Array();
  for (let i = 0; i < times; i += 1) {
    const sink = memorySink(70_000);
    await root.producer.produce(ctx, sink);
    bytes = sink.bytes();
  }
  await root.verified();
  return bytes;
}
