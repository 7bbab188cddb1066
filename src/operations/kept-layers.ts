// Which layers of an image stay as they are: `--from` says how many, `--keep-base` names an image that begins it.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { Image, Platform } from '../image/image.ts';
import { formatPlatform, isSamePlatform } from '../image/platform.ts';
import type { Location } from '../transport/location.ts';
import type { Transports } from '../transport/open.ts';
import type { FlattenRequest } from './flatten-types.ts';

/** The layers of an image that stay as they are, base first. */
export interface KeptLayers {
  readonly layers: number;
  /** Present where an image was named as the base. */
  readonly base?: BaseImage;
}

/** What is known of a base. */
export interface BaseImage {
  readonly name: string;
  readonly platform: Platform;
  readonly diffIds: readonly string[];
  /** Undefined where the medium does not say. */
  readonly manifestDigest: string | undefined;
}

/** Says how many layers of an image stay. Throws `USAGE` or `UNSUPPORTED` where they cannot. */
export type KeepRule = (image: Image) => KeptLayers;

/** The rule of a request. Reads manifest and configuration of the base that it names. */
export async function keepRule(
  ctx: Context,
  transports: Transports,
  request: FlattenRequest,
  platform: Platform | undefined,
): Promise<KeepRule> {
  const { keepBase, from = 0 } = request;
  if (keepBase === undefined) return (image) => keepFirst(image, from);
  checkBase(request);
  const location = await transports.find(ctx, keepBase);
  const bases = await readBases(ctx, transports, location, platform);
  return (image) => keepBaseOf(image, bases, keepBase);
}

function checkBase({ source, keepBase, from }: FlattenRequest): void {
  if (from !== undefined) {
    const reason = 'each says which layers are kept';
    throw new ShipperError('USAGE', `Cannot combine --keep-base with --from: ${reason}`);
  }
  if (source === '-' && keepBase === '-') {
    const reason = 'it is the source already';
    throw new ShipperError('USAGE', `Cannot read the base from standard input: ${reason}`);
  }
}

function keepFirst(image: Image, from: number): KeptLayers {
  const { length } = image.layers;
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new ShipperError('USAGE', `Cannot keep ${from} layers: it is not a count`);
  }
  if (from <= length) return { layers: from };
  throw new ShipperError(
    'USAGE',
    `Cannot keep the first ${from} layers of ${image.name} (${formatPlatform(image.platform)}): it has ${length}`,
  );
}

function keepBaseOf(image: Image, bases: readonly BaseImage[], name: string): KeptLayers {
  const base = bases.find((each) => isSamePlatform(each.platform, image.platform));
  const platform = formatPlatform(image.platform);
  if (base === undefined) {
    const others = bases.map((each) => formatPlatform(each.platform)).join(', ');
    throw new ShipperError(
      'UNSUPPORTED',
      `Cannot keep the base ${name} for ${platform}: it is there for ${others}`,
      { hint: 'Choose a platform that both have with --platform' },
    );
  }
  const { length } = base.diffIds;
  const shared = base.diffIds.findIndex((diffId, at) => image.layers[at]?.diffId !== diffId);
  if (shared < 0) return { layers: length, base };
  const state =
    shared === 0
      ? 'it does not begin with any layer of it'
      : `only the first ${shared} of the ${length} layers of the base are its own`;
  throw new ShipperError(
    'UNSUPPORTED',
    `Cannot keep the base ${base.name} of ${image.name} (${platform}): ${state}`,
    {
      hint: 'The image was built on another base or an older one; --from N keeps its first N layers',
    },
  );
}

/** An engine tells what its image is made of without giving the whole image. */
async function readBases(
  ctx: Context,
  transports: Transports,
  location: Location,
  platform: Platform | undefined,
): Promise<readonly BaseImage[]> {
  if (location.kind === 'docker-daemon') {
    const known = await inspectBase(ctx, transports, location.reference);
    if (known !== undefined) return [known];
  }
  await using source = await transports.openSource(ctx, location);
  const { images } = await source.read(ctx, platform);
  return images.map((image) => ({
    name: source.name,
    platform: image.platform,
    diffIds: image.layers.map(({ diffId }) => diffId),
    manifestDigest: image.manifest?.descriptor.digest,
  }));
}

/** Undefined where the engine has no such image, or several platforms of it and shows one. */
async function inspectBase(
  ctx: Context,
  transports: Transports,
  reference: string,
): Promise<BaseImage | undefined> {
  const engine = await transports.engine();
  if ((await engine.facts(ctx)).store === 'containerd') return undefined;
  const { engineName } = await import('../transport/daemon-source.ts');
  const image = await engine.inspectImage(ctx, engineName(reference));
  if (image === undefined) return undefined;
  const { os, architecture, variant, diffIds } = image;
  return {
    name: `docker-daemon:${engineName(reference)}`,
    platform: { os, architecture, ...(variant === undefined || variant === '' ? {} : { variant }) },
    diffIds,
    manifestDigest: undefined,
  };
}
