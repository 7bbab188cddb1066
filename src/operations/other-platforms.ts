// `--in-place --platform`: the platforms of the source that are not flattened go into the result as they are.
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { Image, ImageSet, ImageSink, RawManifest } from '../image/image.ts';
import { formatPlatform } from '../image/platform.ts';
import type { SunkImage } from './flatten-one.ts';

/** What is read, and which of its images are only passed on. */
export interface PartialSet {
  readonly set: ImageSet;
  readonly others: ReadonlySet<Image>;
}

/** The whole index that `chosen` is a part of, in its order; `chosen` alone where there are no other platforms. */
export function withOtherPlatforms(all: ImageSet, chosen: ImageSet): PartialSet {
  const wanted = new Set(chosen.images.map(digestOfManifest));
  const others = new Set(all.images.filter((image) => !wanted.has(digestOfManifest(image))));
  return others.size === 0 ? { set: chosen, others } : { set: all, others };
}

function digestOfManifest({ manifest, config }: Image): string {
  return (manifest ?? config).descriptor.digest;
}

/** Copies an image into a sink. Its stored bytes are checked on the way. */
export async function passOn(
  ctx: Context,
  image: Image,
  manifest: RawManifest,
  sink: ImageSink,
): Promise<SunkImage> {
  const bytes = image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  await sink.reserve(ctx, bytes);
  const layers = [];
  for (const [index, layer] of image.layers.entries()) {
    const copying = sink.copyLayer(ctx, layer);
    layers.push(await copying.catch((error) => Promise.reject(named(error, image, index))));
  }
  const { platform, config } = image;
  return { isAlreadyFlat: false, finished: { platform, config, manifest, layers } };
}

/** The layer was not read before, so bytes that are not its own did not change: they never were. */
function named(error: unknown, image: Image, layer: number): unknown {
  if (!isShipperError(error, 'SOURCE_CHANGED')) return error;
  return new ShipperError(
    'DIGEST_MISMATCH',
    `Cannot keep platform ${formatPlatform(image.platform)} of ${image.name}: layer ${layer + 1} is not what its digest says`,
    { layer, cause: error },
  );
}
