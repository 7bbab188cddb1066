// From how a run went to its report: pure.
import { failureOf, isShipperError } from '../core/errors.ts';
import { type Delivered, pinnedNames } from './delivery.ts';
import type { Selected } from './graph.ts';
import type { PlannedTag } from './places.ts';
import type { Ending } from './schedule.ts';
import type {
  ShipFailure,
  ShipOutcome,
  ShippedImage,
  ShippedStatus,
  ShippedTag,
} from './ship-types.ts';
import type { Track } from './track.ts';

/** What there is to say of the names of an image. */
export interface NamesOf {
  readonly planned: readonly PlannedTag[];
  readonly tags: readonly ShippedTag[];
}

/** The report of one image. */
export function reportImage(
  { image, isWanted }: Selected,
  { seconds, cache, facts, log }: Track,
  ending: Ending<Delivered> | undefined,
  { planned, tags }: NamesOf,
): ShippedImage {
  const error = errorOf(ending, log);
  const isThere = ending?.kind === 'ready';
  return {
    name: image.name,
    wanted: isWanted,
    status: statusOf(ending),
    kind: image.source.kind,
    flattened: image.flatten !== undefined,
    ...(facts === undefined ? {} : { digest: facts.digest }),
    ...(facts?.configDigest === undefined ? {} : { configDigest: facts.configDigest }),
    platforms: facts?.platforms ?? [],
    pinned: isThere && facts !== undefined ? pinnedNames(planned, facts.digest) : [],
    tags,
    ...(facts === undefined
      ? {}
      : { bytesBefore: facts.bytesBefore, bytesAfter: facts.bytesAfter }),
    seconds,
    cache,
    ...(error === undefined ? {} : { error }),
  };
}

function statusOf(ending: Ending<Delivered> | undefined): ShippedStatus {
  switch (ending?.kind) {
    case 'ready':
      return ending.result.isRemembered ? 'unchanged' : 'done';
    case 'failed':
      return 'failed';
    case 'cancelled':
      return 'cancelled';
    default:
      return 'not-started';
  }
}

function errorOf(
  ending: Ending<Delivered> | undefined,
  log: readonly string[],
): ShipFailure | undefined {
  if (ending?.kind === 'failed') return failureOf(ending.error, log);
  if (ending?.kind !== 'not-started' || ending.because === undefined) return undefined;
  const message = `Cannot begin: ${ending.because}, which it needs, is not ready`;
  return { code: 'INTERRUPTED', message, log: [] };
}

/** How the run ended. */
export function outcomeOf(
  images: readonly ShippedImage[],
  error: unknown,
  hasMoved: boolean,
  isStopped: boolean,
): ShipOutcome {
  const isReady = images.every(({ status }) => status === 'done' || status === 'unchanged');
  if (isReady && error === undefined) return 'done';
  if (hasMoved) return 'partial';
  const hasFailed =
    images.some(({ status }) => status === 'failed') ||
    (error !== undefined && !isShipperError(error, 'INTERRUPTED'));
  return isStopped && !hasFailed ? 'interrupted' : 'failed';
}
