// The platforms of an image, several beside each other. What comes out is the same as one after the other: results are in the
// order of the index, and a medium that takes one image at a time takes them in that order.
import { type Context, narrow } from '../core/context.ts';
import { bug, isShipperError, reworded } from '../core/errors.ts';
import { runTogether } from '../core/pool.ts';
import { Lock } from '../core/turns.ts';
import { type Image, type ImageSet, isRandomAccess, type MediaFamily } from '../image/image.ts';
import { formatPlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import {
  checkGates,
  isCanonical,
  type OneOptions,
  reportImage,
  type SunkImage,
  sinkImage,
} from './flatten-one.ts';
import type { FlattenedImage } from './flatten-types.ts';
import type { KeptLayers } from './kept-layers.ts';
import { passOn } from './other-platforms.ts';
import { type OpenRoot, openRoot } from './root.ts';
import type { OpenSink, Sinks } from './sinks.ts';

/** However many cores there are. */
const MOST_AT_ONCE = 4;
/** What one more platform may take, in bytes: as much as an image alone may. */
const PLATFORM_BYTES = 262_144_000;

/**
 * How many platforms are flattened at once: no more than jobs, than four, and than have room in the memory that is free. So
 * their memory is at most four times that of one, and less where there is less.
 */
export function platformsAtOnce(system: System, images: number, jobs: number): number {
  const room = Math.floor(system.freeMemory() / PLATFORM_BYTES);
  return Math.max(1, Math.min(images, jobs, MOST_AT_ONCE, room));
}

/** What a flatten of several platforms is made of. */
export interface PlatformParts {
  readonly system: System;
  readonly options: OneOptions;
  readonly set: ImageSet;
  /** Images that are flattened, with what stays of them; the others are passed on as they are. */
  readonly kept: ReadonlyMap<Image, KeptLayers>;
  readonly sinks: Sinks;
  readonly atOnce: number;
}

/**
 * Flattens the platforms of a set into every sink; the reports are in their order. The first failure ends the others, and
 * names its platform where there are several.
 */
export async function flattenPlatforms(
  ctx: Context,
  parts: PlatformParts,
): Promise<FlattenedImage[]> {
  const run = new PlatformsRun(parts);
  const { images } = parts.set;
  const reports: (FlattenedImage | undefined)[] = images.map(() => undefined);
  const tasks = images.map((image, at) => async (inside: Context) => {
    const platform = formatPlatform(image.platform);
    const own = images.length > 1 ? narrow(inside, { platform }) : inside;
    try {
      reports[at] = await run.one(own, image, at);
    } catch (error) {
      throw images.length > 1 ? inPlatform(error, platform) : error;
    }
  });
  await runTogether(ctx, tasks, parts.atOnce);
  return reports.filter((report) => report !== undefined);
}

function inPlatform(error: unknown, platform: string): unknown {
  if (!isShipperError(error) || error.code === 'INTERRUPTED' || error.code === 'BUG') return error;
  if (error.message.includes(platform)) return error;
  return reworded(error, `Cannot flatten platform ${platform}: ${error.message}`);
}

class PlatformsRun {
  readonly #parts: PlatformParts;
  /**
   * Layers that are read in order hold connections while they wait for each other, and a stash: one image at a time follows
   * such layers, so that neither runs out.
   */
  readonly #following = new Lock();

  constructor(parts: PlatformParts) {
    this.#parts = parts;
  }

  /** One platform; undefined where it is only passed on. */
  async one(ctx: Context, image: Image, at: number): Promise<FlattenedImage | undefined> {
    const { kept, sinks, options } = this.#parts;
    const keeps = kept.get(image);
    if (keeps !== undefined) return this.#flatten(ctx, image, keeps, at);
    if (options.request.dryRun) return undefined;
    const { manifest } = image;
    if (manifest === undefined) throw bug('an image without a manifest is to be passed on');
    for (const open of await sinks.open(this.#familyOf(image)))
      await inTurn(ctx, open, at, () => passOn(ctx, image, manifest, open.sink));
    return undefined;
  }

  /** Docker's family has no type for zstd. */
  #familyOf(image: Image): MediaFamily {
    const { options, set } = this.#parts;
    const isZstd = options.request.compression?.kind === 'zstd';
    return isZstd ? 'oci' : (set.images[0]?.family ?? image.family);
  }

  async #flatten(
    ctx: Context,
    image: Image,
    kept: KeptLayers,
    at: number,
  ): Promise<FlattenedImage> {
    const { system, options, sinks } = this.#parts;
    const { request, jobs } = options;
    const { policy, allowNondistributable = false, exclude = [] } = request;
    const family = this.#familyOf(image);
    await using root = await openRoot(
      ctx,
      { ...image, family },
      {
        jobs,
        allowNondistributable,
        kept,
        exclude,
        ...(policy === undefined ? {} : { policy }),
      },
    );
    checkGates(root, request);
    const isAlreadyFlat = await this.#follow(ctx, root, () => isCanonical(system, ctx, root));
    if (request.dryRun) {
      await root.verified();
      return reportImage(root, isAlreadyFlat, undefined);
    }
    let first: SunkImage | undefined;
    for (const open of await sinks.open(family)) {
      const sink = () => sinkImage(ctx, root, open.sink, isAlreadyFlat, options);
      const sunk = await inTurn(ctx, open, at, () => this.#follow(ctx, root, sink));
      first ??= sunk;
    }
    await root.verified();
    return reportImage(root, isAlreadyFlat, first);
  }

  /** Work that reads the content of the layers. */
  #follow<T>(ctx: Context, root: OpenRoot, work: () => Promise<T>): Promise<T> {
    const isFree = root.layers.every(({ content }) => isRandomAccess(content));
    return isFree ? work() : this.#following.hold(ctx, work);
  }
}

/** Stores an image in a sink, when it may, and notes it at its place. */
async function inTurn(
  ctx: Context,
  { turns, images }: OpenSink,
  at: number,
  store: () => Promise<SunkImage>,
): Promise<SunkImage> {
  const sunk = await (turns === undefined ? store() : turns.take(ctx, at, store));
  images[at] = sunk;
  return sunk;
}
