// The layers of a result go into a sink: kept ones as they are stored, the merged one as it is made.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import { algorithmOf } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { ImageSink, Layer, MediaFamily, StoredLayer } from '../image/image.ts';
import { layerType } from '../image/media-types.ts';
import { layerProducer } from '../transport/layer-producer.ts';
import { sniffStored } from '../transport/stored-facts.ts';
import type { OpenRoot } from './root.ts';

/** Stores the layers of a result, base first. `isUnchanged` says that they are those of the source. */
export async function storeLayers(
  ctx: Context,
  root: OpenRoot,
  sink: ImageSink,
  isUnchanged: boolean,
  compression: Compression,
): Promise<readonly StoredLayer[]> {
  const { image, kept } = root;
  await sink.reserve(ctx, root.plan.size + keptBytes(image.layers.slice(0, kept.layers)));
  const stored: StoredLayer[] = [];
  for (let at = 0; at < kept.layers; at += 1) {
    stored.push(await keepLayer(ctx, root, at, sink, compression));
  }
  const isAll = isUnchanged && image.layers.length === kept.layers;
  if (!isAll) stored.push(await putLayer(ctx, root, sink, isUnchanged, compression));
  return stored;
}

function keptBytes(layers: readonly Layer[]): number {
  return layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
}

/** A canonical layer that is stored as it should be is copied byte for byte. */
async function putLayer(
  ctx: Context,
  { image, kept, producer }: OpenRoot,
  sink: ImageSink,
  isUnchanged: boolean,
  compression: Compression,
): Promise<StoredLayer> {
  const layer = image.layers[kept.layers];
  const isStoredSo =
    isUnchanged &&
    layer !== undefined &&
    layer.descriptor.mediaType === layerType(image.family, compression.kind) &&
    (await storedAs(ctx, layer)) === compression.kind;
  if (isStoredSo) return sink.copyLayer(ctx, layer);
  return sink.putLayer(ctx, producer, compression);
}

/** Kept layers are the same blobs wherever the medium has blobs; an archive of plain tars has none that counts. */
async function keepLayer(
  ctx: Context,
  { image, kept }: OpenRoot,
  at: number,
  sink: ImageSink,
  compression: Compression,
): Promise<StoredLayer> {
  const layer = image.layers[at];
  if (layer === undefined) throw new RangeError(`layer ${at} of ${kept.layers} is not there`);
  if (sink.unpacks) return sink.copyLayer(ctx, layer);
  const kind = await storedAs(ctx, layer);
  const isBlob = image.manifest !== undefined || kind === compression.kind;
  if (kind !== undefined && isBlob && hasType(image.family, kind)) {
    return sink.copyLayer(ctx, typed(layer, layerType(image.family, kind)));
  }
  const stored = await sink.putLayer(ctx, await layerProducer(ctx, layer), compression);
  if (stored.diffId === layer.diffId) return stored;
  throw new ShipperError(
    'UNSUPPORTED',
    `Cannot keep layer ${at + 1} of ${image.name}: it is known by ${algorithmOf(layer.diffId)}, and would be stored by sha256`,
    { layer: at },
  );
}

function hasType(family: MediaFamily, kind: Compression['kind']): boolean {
  return family === 'oci' || kind !== 'zstd';
}

/** The same layer under the type that its bytes have in the family of the result. */
function typed(layer: Layer, mediaType: string): Layer {
  const { digest, size } = layer.descriptor;
  return { ...layer, descriptor: { mediaType, digest, size } };
}

/**
 * How the stored bytes are compressed; undefined where they cannot be passed on under their type and digest: types lie,
 * and archives may have neither.
 */
async function storedAs(ctx: Context, layer: Layer): Promise<Compression['kind'] | undefined> {
  const { digest } = layer.descriptor;
  if (algorithmOf(digest) !== 'sha256') return undefined;
  await using stored = await layer.openStored(ctx, 'look');
  const found = await sniffStored(stored);
  if (found === 'plain') return 'none';
  // Without a manifest the digest is the tar's own, which compressed bytes do not have.
  const isKnown = (found === 'gzip' || found === 'zstd') && digest !== layer.diffId;
  return isKnown ? found : undefined;
}
