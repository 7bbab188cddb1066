// What a layer is that is stored without a manifest: how it is compressed, and its digests. And its tar as a producer, to
// be stored in another way. All of it in passing, without a file.
import { createHash } from 'node:crypto';
import { decompress } from '../blob/decompress.ts';
import { SNIFF_BYTES, type StoredAs, sniffCompression } from '../blob/sniff.ts';
import { type Context, startTask, throwIfAborted } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex, shortDigest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Layer, LayerProducer, StoredContent } from '../image/image.ts';

/** Compressions that can be read. */
export type ReadableAs = Exclude<StoredAs, 'bzip2' | 'xz'>;

/** What the first bytes tell. */
export interface StoredLook {
  readonly kind: ReadableAs;
  /** Of the stored bytes. */
  readonly size: number;
}

/** What all bytes tell. */
export interface StoredFacts extends StoredLook {
  readonly digest: Digest;
  /** Of the tar, in bytes. */
  readonly tarBytes: number;
}

/** How stored bytes are compressed, by their first ones. */
export async function sniffStored(stored: Pick<StoredContent, 'stream'>): Promise<StoredAs> {
  let head = new Uint8Array(0);
  for await (const chunk of stored.stream(0)) {
    head = Buffer.concat([head, chunk.subarray(0, SNIFF_BYTES)]);
    if (head.length >= SNIFF_BYTES) break;
  }
  return sniffCompression(head);
}

/** Looks at the first bytes of a layer; `UNSUPPORTED` for a compression that cannot be read. */
export async function lookAt(ctx: Context, layer: Layer): Promise<StoredLook> {
  await using stored = await layer.openStored(ctx, 'look');
  const kind = await sniffStored(stored);
  if (kind === 'plain' || kind === 'gzip' || kind === 'zstd') return { kind, size: stored.size };
  throw new ShipperError('UNSUPPORTED', `Cannot read a layer: it is compressed with ${kind}`);
}

/** Reads a layer once; `DIGEST_MISMATCH` unless its tar has the diff_id that the configuration claims. */
export async function factsOf(
  ctx: Context,
  layer: Layer,
  { kind }: StoredLook,
): Promise<StoredFacts> {
  await using stored = await layer.openStored(ctx);
  const meter = startTask(ctx, `read ${shortDigest(layer.diffId)}`, stored.size);
  const outside = createHash('sha256');
  const inside = createHash(algorithmOf(layer.diffId));
  let tarBytes = 0;
  const passing = passed(ctx, stored, (chunk) => {
    outside.update(chunk);
    meter.advance(chunk.length);
  });
  for await (const chunk of kind === 'plain' ? passing : decompress(passing, kind)) {
    inside.update(chunk);
    tarBytes += chunk.length;
  }
  meter.finish();
  requireDiffId(layer, digestFromHex(algorithmOf(layer.diffId), inside.digest('hex')));
  const digest = digestFromHex('sha256', outside.digest('hex'));
  return { kind, size: stored.size, digest, tarBytes };
}

/** The tar of a layer, `size` bytes long. */
export function tarOf(layer: Layer, kind: ReadableAs, size: number): LayerProducer {
  return {
    name: shortDigest(layer.diffId),
    size,
    async produce(ctx, sink) {
      await using stored = await layer.openStored(ctx);
      const bytes = passed(ctx, stored, () => undefined);
      for await (const chunk of kind === 'plain' ? bytes : decompress(bytes, kind)) {
        for (let at = 0; at < chunk.length; ) {
          const part = chunk.subarray(at, at + sink.space().length);
          sink.space().set(part);
          at += part.length;
          await sink.filled(part.length);
        }
      }
    },
  };
}

/** Throws `DIGEST_MISMATCH` unless `actual` is what the configuration claims. */
export function requireDiffId({ diffId }: Layer, actual: Digest): void {
  if (actual === diffId) return;
  throw new ShipperError(
    'DIGEST_MISMATCH',
    `Cannot trust a layer: its diff_id is ${actual} where ${diffId} is claimed`,
  );
}

async function* passed(
  ctx: Context,
  stored: StoredContent,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of stored.stream(0)) {
    throwIfAborted(ctx);
    see(chunk);
    yield chunk;
  }
}
