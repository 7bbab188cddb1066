// `--verify`: every output is read back and compared with the source.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { ImageSet, Platform } from '../image/image.ts';
import { formatReference, parseReference } from '../image/reference.ts';
import type { System } from '../system/system.ts';
import { isStdout, type Location } from '../transport/location.ts';
import type { Transports } from '../transport/open.ts';
import type { Destination } from './destination.ts';
import type { FlattenRequest } from './flatten-types.ts';
import type { Published } from './sinks.ts';
import { compareSets } from './verify-images.ts';

/** Refuses what could not be read back, before anything is written. */
export function checkReadable(request: FlattenRequest, destinations: readonly Destination[]): void {
  if (request.verify === true && request.spool === 'none') {
    throw new ShipperError(
      'USAGE',
      'Cannot compare content without a temporary file: --verify and --spool none exclude each other',
    );
  }
  if (request.verify !== true || !destinations.some(({ location }) => isStdout(location))) return;
  throw new ShipperError(
    'USAGE',
    'Cannot verify standard output: what was written there cannot be read back',
  );
}

/** Whether every output is the same image as `set`; undefined where that was not asked for. */
export async function readBack(
  system: System,
  ctx: Context,
  transports: Transports,
  request: FlattenRequest,
  set: ImageSet,
  published: readonly Published[],
  platform: Platform | undefined,
): Promise<boolean | undefined> {
  if (request.verify !== true || request.dryRun === true) return undefined;
  for (const each of published) {
    await using written = await transports.openSource(ctx, readable(each));
    const report = await compareSets(system, ctx, set, await written.read(ctx, platform), {
      ...(request.policy === undefined ? {} : { policy: request.policy }),
      allowNondistributable: true,
      ignoreLabels: Object.keys(request.labels ?? {}),
      excludeFromA: request.exclude ?? [],
    });
    if (!report.same) return false;
  }
  return true;
}

/** The place where a destination is read back: a layout that holds several images is asked for ours. */
function readable({ destination: { location, names }, digest }: Published): Location {
  // By digest, because somebody may have moved the tag.
  if (location.kind === 'docker' && digest !== undefined) {
    const reference = { ...parseReference(location.reference), tag: undefined, digest };
    return { ...location, reference: formatReference(reference) };
  }
  const [name] = names;
  if (location.kind !== 'oci' || location.reference !== undefined || name === undefined) {
    return location;
  }
  return { ...location, reference: name };
}
