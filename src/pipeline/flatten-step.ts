// One image of a run into a private OCI layout: flattened as the configuration says, or as it is.
import type { FlattenChoice } from '../config/types.ts';
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { copyImage } from '../operations/copy-image.ts';
import { flattenImage } from '../operations/flatten-image.ts';
import type { FlattenReport, FlattenRequest, MediaOptions } from '../operations/flatten-types.ts';
import type { System } from '../system/system.ts';
import type { Transports } from '../transport/open.ts';
import type { Remembered } from './memory-file.ts';
import { factsOf, isSteady } from './origin.ts';

/** What a step needs of its run. */
export interface StepTools {
  readonly system: System;
  readonly transports: Transports;
  readonly media: MediaOptions;
  /** Folder of the cache that the flattens of the run share. */
  readonly cache: string;
}

/** An image that is ready to be pushed, loaded, or built upon. */
export interface Content {
  /** As shipper names images. */
  readonly source: string;
  readonly facts: Remembered;
}

/** Flattens `source` into `folder`, which exists. `keepBase` is the base as shipper names images. */
export async function flattenInto(
  tools: StepTools,
  ctx: Context,
  folder: string,
  source: string,
  choice: FlattenChoice,
  keepBase: string | undefined,
): Promise<Content> {
  const { keepBase: _, ...options } = choice;
  const place = `oci:${folder}/flat`;
  const request: FlattenRequest = {
    ...tools.media,
    ...options,
    ...(keepBase === undefined ? {} : { keepBase }),
    source,
    outputs: [place],
    cache: tools.cache,
  };
  // Written and read by this run alone, so that the layers of a base need not be copied out of the cache for each image.
  const report = await flattenImage(tools.system, ctx, request, { isPrivate: true });
  if (report.verified === false) {
    throw new ShipperError(
      'POLICY',
      `Cannot pass ${report.resolvedSource}: the flat image was read back and is not the same`,
    );
  }
  return { source: place, facts: factsOfReport(report) };
}

function factsOfReport({ images, indexDigest }: FlattenReport): Remembered {
  const platforms = images.map(({ platform, manifestDigest, configDigest }) => ({
    platform,
    ...(manifestDigest === undefined ? {} : { digest: manifestDigest }),
    configDigest: configDigest ?? '',
  }));
  const [first] = platforms;
  const isOne = indexDigest === undefined && platforms.length === 1;
  return {
    digest: indexDigest ?? first?.digest ?? '',
    ...(isOne && first !== undefined ? { configDigest: first.configDigest } : {}),
    platforms,
    bytesBefore: images.reduce((sum, { storedBefore }) => sum + storedBefore, 0),
    bytesAfter: images.reduce((sum, { storedAfter = 0 }) => sum + storedAfter, 0),
  };
}

/** `source` as it is; copied into `folder` first where it could not be read again and again. */
export async function passInto(
  tools: StepTools,
  ctx: Context,
  folder: string,
  source: string,
): Promise<Content> {
  const isThere = await isSteady(tools.system, source);
  const place = isThere ? source : `oci:${folder}/image`;
  if (!isThere) {
    await copyImage(tools.system, ctx, { ...tools.media, source, destination: place });
  }
  return { source: place, facts: await factsOf(ctx, tools.transports, place) };
}
