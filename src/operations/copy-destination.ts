// Where a copy goes, and what it is called there.
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { parseReference } from '../image/reference.ts';
import type { System } from '../system/system.ts';
import { type Location, parseDestination } from '../transport/location.ts';
import { type Destination, isSource, requireFolder, taggable } from './destination.ts';

/** The place of a copy. */
export interface CopyDestination extends Destination {
  /** Named by digest instead of by tag: only what has it may go there. */
  readonly digest: Digest | undefined;
}

/** What a destination is decided by. */
export interface CopySource {
  readonly location: Location;
  /** Names recorded in it. */
  readonly tags: readonly string[];
  readonly hasSeveral: boolean;
}

/** Resolves where `text` is; a copy onto its own source is `OUTPUT_CONFLICT`. */
export async function copyDestination(
  system: System,
  text: string,
  source: CopySource,
): Promise<CopyDestination> {
  const location = fitting(await parseDestination(system, text), source.hasSeveral);
  const digest = location.kind === 'docker' ? parseReference(location.reference).digest : undefined;
  const names = digest === undefined ? namesIn(location, source.tags) : [];
  const destination = { location, names, digest };
  if (await isSource(system, source, destination)) {
    throw new ShipperError('OUTPUT_CONFLICT', `Cannot copy ${text}: it is the source itself`);
  }
  await requireFolder(system, location);
  return destination;
}

/** Several platforms in a plain path stay an OCI archive: the other kind holds one. */
function fitting(location: Location, hasSeveral: boolean): Location {
  if (location.kind !== 'path' || !hasSeveral) return location;
  return { kind: 'oci-archive', path: location.path, reference: undefined };
}

function namesIn(location: Location, tags: readonly string[]): readonly string[] {
  const own = 'reference' in location ? location.reference : undefined;
  if (own === undefined) return tags;
  const isFree = location.kind === 'oci' || location.kind === 'oci-archive';
  return [isFree ? own : taggable(own)];
}
