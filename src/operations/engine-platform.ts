// Which platforms of an index a destination can take.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { ImageSet } from '../image/image.ts';
import { formatPlatform, matchesPlatform } from '../image/platform.ts';
import { formatLocation } from '../transport/location.ts';
import type { Transports } from '../transport/open.ts';
import type { Destination } from './destination.ts';

/**
 * The images of `set` that all destinations can take: a graph-driver engine keeps one platform, and gets its own where
 * the user chose none; a docker archive holds one, and the user has to choose.
 */
export async function platformsFor(
  ctx: Context,
  transports: Transports,
  set: ImageSet,
  destinations: readonly Destination[],
): Promise<ImageSet> {
  if (set.images.length < 2) return set;
  const archive = destinations.find(({ location }) => location.kind === 'docker-archive');
  if (archive !== undefined) {
    throw new ShipperError(
      'AMBIGUOUS_IMAGE',
      `Cannot write ${formatLocation(archive.location)}: a docker archive holds one platform, and there are ${set.images.length}`,
      { hint: 'Choose one with --platform, or write oci-archive:PATH' },
    );
  }
  if (!destinations.some(({ location }) => location.kind === 'docker-daemon')) return set;
  const engine = await transports.engine();
  const facts = await engine.facts(ctx);
  if (facts.store === 'containerd') return set;
  const own = { os: facts.os, architecture: facts.architecture };
  const image = set.images.find(({ platform }) => matchesPlatform(platform, own));
  if (image !== undefined) return { ...set, images: [image], isIndex: false };
  throw new ShipperError(
    'NOT_FOUND',
    `Cannot write to the engine at ${facts.endpoint}: the image has none for its platform ${formatPlatform(own)}`,
    { hint: 'Choose one with --platform' },
  );
}
