// What an image is, whatever an engine calls it: the digests that stores know it by, else its layers and the moment it was made.
import type { Context } from '../core/context.ts';
import { bug, isShipperError, reworded } from '../core/errors.ts';
import type { EngineImage } from '../engine/engine.ts';
import type { Image } from '../image/image.ts';
import { member, parseJsonObject } from '../image/json-text.ts';
import { formatPlatform, parsePlatform } from '../image/platform.ts';
import { formatReference, parseReference } from '../image/reference.ts';
import type { Transports } from '../transport/open.ts';

/** What tells one image from all others. */
export interface ImageIdentity {
  /** Digests of its index, manifest and configuration, as far as they are known. */
  readonly ids: ReadonlySet<string>;
  readonly diffIds: readonly string[];
  /** Of its configuration, in milliseconds since the epoch; not a number where it says none. */
  readonly createdMs: number;
}

/** An image that a registry has, for one platform. */
export interface RegistryImage extends ImageIdentity {
  /** `repository@sha256:…` of its own manifest, whatever index lists it. */
  readonly reference: string;
}

/** Reads what `pinned` is on `platform`. `NOT_FOUND` where the index lists none for it. */
export async function registryImage(
  ctx: Context,
  transports: Transports,
  pinned: string,
  platform: string,
): Promise<RegistryImage> {
  await using source = await transports.openSource(ctx, { kind: 'docker', reference: pinned });
  const set = await source.read(ctx, parsePlatform(platform)).catch((error: unknown) => {
    if (!isShipperError(error, 'NOT_FOUND')) throw error;
    throw reworded(error, `Cannot find an image for ${platform}: ${error.message}`);
  });
  const [image] = set.images;
  if (image?.manifest === undefined) throw bug(`Cannot read ${pinned}: a registry has manifests`);
  const digest = image.manifest.descriptor.digest;
  const { digest: top } = parseReference(pinned);
  const reference = formatReference({ ...parseReference(pinned), tag: undefined, digest });
  const ids = [digest, image.config.descriptor.digest, ...(top === undefined ? [] : [top])];
  const diffIds = image.layers.map(({ diffId }) => diffId);
  return { reference, ids: new Set(ids), diffIds, createdMs: createdOf(image) };
}

/** What an engine says of an image. */
export function engineIdentity({ id, diffIds, raw }: EngineImage): ImageIdentity {
  return { ids: new Set([id]), diffIds, createdMs: Date.parse(String(raw['Created'])) };
}

/**
 * Whether an engine's image is `wanted`. Stores of different kind call one image by different digests: then its layers and its
 * time must be the same.
 */
export function isImage(found: EngineImage, wanted: ImageIdentity): boolean {
  if (wanted.ids.has(found.id)) return true;
  const own = engineIdentity(found);
  const isSameTime = own.createdMs === wanted.createdMs;
  return isSameTime && own.diffIds.length > 0 && sameList(own.diffIds, wanted.diffIds);
}

/** The platform that a container on `host` is for: what the service says, else the engine's own. */
export function platformOn(
  { facts }: { readonly facts: { readonly os: string; readonly architecture: string } },
  platform: string | undefined,
): string {
  return platform ?? formatPlatform({ os: facts.os, architecture: facts.architecture });
}

function createdOf({ config, name }: Image): number {
  const created = member(parseJsonObject(config.bytes, name), 'created');
  return typeof created === 'string' ? Date.parse(created) : Number.NaN;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, at) => each === b[at]);
}
