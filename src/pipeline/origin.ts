// What an image that exists is at this moment: its digest, and a name under which it stays that.
import type { Context } from '../core/context.ts';
import { type ErrorOptions, ShipperError } from '../core/errors.ts';
import type { ImageSet } from '../image/image.ts';
import { parseReference, withDefaultTag } from '../image/reference.ts';
import type { System } from '../system/system.ts';
import { formatLocation, type Location, parseLocation } from '../transport/location.ts';
import type { Transports } from '../transport/open.ts';
import type { Remembered } from './memory-file.ts';

/** An image that exists. */
export interface Origin {
  /** As shipper names images; in a registry by digest, so that nobody can move it meanwhile. */
  readonly source: string;
  /** Of the index or manifest; in an engine the image id. */
  readonly digest: string;
  readonly kind: Location['kind'];
}

/** Finds an image without reading it. `NOT_FOUND` where it is not. */
export async function findOrigin(
  ctx: Context,
  transports: Transports,
  text: string,
): Promise<Origin> {
  const location = await transports.find(ctx, text);
  switch (location.kind) {
    case 'docker': {
      const { domain } = parseReference(location.reference);
      const found = await inRegistry(ctx, transports, location.reference);
      const state = `registry ${JSON.stringify(domain)} does not have it`;
      return found ?? missing(location.reference, state, { host: domain });
    }
    case 'docker-daemon': {
      const found = await inEngine(ctx, transports, location.reference);
      return found ?? missing(location.reference, 'the engine does not have it');
    }
    default: {
      const source = formatLocation(location);
      const { digest } = await factsOf(ctx, transports, source);
      return { source, digest, kind: location.kind };
    }
  }
}

/** What a reference names in its registry; undefined where that does not have it. */
export async function inRegistry(
  ctx: Context,
  transports: Transports,
  text: string,
): Promise<Origin | undefined> {
  const reference = withDefaultTag(parseReference(text));
  const { domain, path, tag = '', digest = tag } = reference;
  const registry = await transports.registry();
  const found = await registry.resolve(ctx, reference, digest);
  if (found === undefined) return undefined;
  const source = `docker://${domain}/${path}@${found.digest}`;
  return { source, digest: found.digest, kind: 'docker' };
}

/** What a name or id is in the engine; undefined where that does not have it. */
export async function inEngine(
  ctx: Context,
  transports: Transports,
  name: string,
): Promise<Origin | undefined> {
  const engine = await transports.engine();
  const image = await engine.inspectImage(ctx, name);
  return image && { source: `docker-daemon:${name}`, digest: image.id, kind: 'docker-daemon' };
}

function missing(image: string, state: string, details: ErrorOptions = {}): never {
  throw new ShipperError('NOT_FOUND', `Cannot find image ${JSON.stringify(image)}: ${state}`, {
    image,
    ...details,
  });
}

/** What is known of an image that is passed on as it is: reads manifests and configurations. */
export async function factsOf(
  ctx: Context,
  transports: Transports,
  source: string,
): Promise<Remembered> {
  await using opened = await transports.openSource(ctx, await transports.find(ctx, source));
  return factsOfSet(await opened.read(ctx));
}

function factsOfSet({ root, images, isIndex }: ImageSet): Remembered {
  const platforms = images.map(({ platform, manifest, config }) => ({
    platform,
    ...(manifest === undefined ? {} : { digest: manifest.descriptor.digest }),
    configDigest: config.descriptor.digest,
  }));
  const bytes = images
    .flatMap(({ layers }) => layers)
    .reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const [first] = platforms;
  const digest = root?.descriptor.digest ?? first?.digest ?? first?.configDigest;
  if (digest === undefined) throw new RangeError('an image set without an image');
  const isOne = !isIndex && platforms.length === 1;
  return {
    digest,
    ...(isOne && first !== undefined ? { configDigest: first.configDigest } : {}),
    platforms,
    bytesBefore: bytes,
    bytesAfter: bytes,
  };
}

/** Whether `source` can be read at any time without being fetched or copied first. */
export async function isSteady(system: System, source: string): Promise<boolean> {
  const { kind } = await parseLocation(system, source);
  return kind === 'docker' || kind === 'oci' || kind === 'oci-archive';
}
