// Turns `-t` and `-o` into places and names.
import { ShipperError } from '../core/errors.ts';
import {
  familiarReference,
  formatReference,
  isImageId,
  parseReference,
  taggedName,
  withDefaultTag,
} from '../image/reference.ts';
import type { System } from '../system/system.ts';
import { refuseForeignTransport } from '../transport/foreign-transports.ts';
import {
  formatLocation,
  isStdout,
  type Location,
  parseDestination,
  resolveLink,
  resolvePath,
} from '../transport/location.ts';
import { nameKey } from '../transport/oci-select.ts';
import type { FlattenRequest } from './flatten-types.ts';
import { defaultOutput, recordedName } from './names.ts';

/** One copy of the result. */
export interface Destination {
  readonly location: Location;
  /** Names that it gets there. */
  readonly names: readonly string[];
}

/** What the source is, as far as names go. */
export interface NamedSource {
  readonly location: Location;
  /** Names recorded in it. */
  readonly tags: readonly string[];
  /** A path that turned out to be an OCI layout folder. */
  readonly isLayout: boolean;
  /** Whether it holds several platforms. */
  readonly isIndex: boolean;
  /** How many images its medium lists. */
  readonly imagesInMedium: number;
}

const PREFIX = /^(?:docker-daemon|docker-archive|oci-archive|oci|docker):/;

/** Resolves all destinations; refuses to overwrite the source unless that was asked for. */
export async function resolveDestinations(
  system: System,
  request: FlattenRequest,
  source: NamedSource,
): Promise<Destination[]> {
  const tags = (request.tags ?? []).filter((tag) => !PREFIX.test(tag));
  const places = [
    ...(request.outputs ?? []),
    ...(request.tags ?? []).filter((tag) => PREFIX.test(tag)),
  ];
  const locations = await Promise.all(places.map((place) => parseDestination(system, place)));
  const needsDefault =
    places.length === 0 || (tags.length > 0 && (request.outputs ?? []).length === 0);
  if (needsDefault) locations.unshift(...mediumOf(source, request, tags));
  const destinations = locations.map((location) => ({
    location,
    names: namesFor(location, source, request, tags),
  }));
  for (const destination of destinations)
    await refuseOverwrite(system, request, source, destination);
  await refuseTwice(system, destinations);
  for (const { location } of destinations) await requireFolder(system, location);
  return oncePerRegistry(destinations);
}

/** Where the result is, as skopeo names it: in a registry it is under every name. */
export function placesOf({ location, names }: Destination): string[] {
  if (location.kind !== 'docker') return [formatLocation(location)];
  return names.map((name) => `docker://${name}`);
}

/** A registry gets the image once, under all of its names there: its layers are then uploaded once. */
function oncePerRegistry(destinations: readonly Destination[]): Destination[] {
  const kept: Destination[] = [];
  for (const destination of destinations) {
    const at = kept.findIndex((other) => isSameRegistry(other.location, destination.location));
    const first = kept[at];
    if (first === undefined) kept.push(destination);
    else {
      const names = [...new Set([...first.names, ...destination.names])];
      kept[at] = { location: first.location, names };
    }
  }
  return kept;
}

function isSameRegistry(a: Location, b: Location): boolean {
  if (a.kind !== 'docker' || b.kind !== 'docker') return false;
  return parseReference(a.reference).domain === parseReference(b.reference).domain;
}

/** The source's own medium, as a place for names, or for the default name. */
function mediumOf(
  source: NamedSource,
  request: FlattenRequest,
  tags: readonly string[],
): Location[] {
  const { location } = source;
  const [tag] = tags;
  if (tag !== undefined && isNamed(location)) {
    if (location.kind === 'docker') requireRegistryOf(location.reference, [tag]);
    return [{ kind: location.kind, reference: tag }];
  }
  if (tag !== undefined && location.kind === 'stdio') return [location];
  if (tag !== undefined && location.kind === 'oci') return [{ ...location, reference: tag }];
  const output = defaultOutput(location, request.inPlace ?? false, source.isLayout, source.tags);
  // A path with several platforms inside stays an OCI archive: the other kind holds one.
  if (output.kind === 'path' && source.isIndex)
    return [{ kind: 'oci-archive', path: output.path, reference: undefined }];
  return [output];
}

function namesFor(
  location: Location,
  source: NamedSource,
  request: FlattenRequest,
  tags: readonly string[],
): string[] {
  const own = 'reference' in location ? location.reference : undefined;
  if (isNamed(location)) {
    const names = own === undefined ? tags : [own, ...tags];
    if (location.kind === 'docker') requireRegistryOf(location.reference, tags);
    return [...new Set(names.map(taggable))];
  }
  // Names of a layout are free text; in an archive for docker a wrong one would be lost or refuse to load.
  const isFree = location.kind === 'oci' || location.kind === 'oci-archive';
  const given = own === undefined ? tags : [own, ...tags];
  if (given.length > 0) return [...new Set(isFree ? given : given.map(taggable))];
  return request.inPlace ? [...source.tags] : [...new Set(source.tags.map(recordedName))];
}

/** A name without a transport never sends an image to a registry that nobody named: `app:1` would be Docker Hub's. */
function requireRegistryOf(reference: string, tags: readonly string[]): void {
  const { domain } = parseReference(reference);
  const other = tags.map(parseReference).find((tag) => tag.domain !== domain);
  if (other === undefined) return;
  const name = familiarReference(other);
  throw new ShipperError(
    'USAGE',
    `Cannot name the result ${JSON.stringify(name)}: that is a name of ${other.domain}, and the result goes to ${domain}`,
    { hint: `If it shall go to ${other.domain}, say so: -t docker://${formatReference(other)}` },
  );
}

/** A name that an engine can give to an image, with its tag; `USAGE` where it has a digest or is an id. */
export function taggable(name: string): string {
  refuseForeignTransport(name);
  const tagged = taggedName(name);
  if (tagged !== undefined) return tagged;
  throw new ShipperError(
    'USAGE',
    `Cannot name the result ${JSON.stringify(name)}: a digest or id is not a name`,
    { hint: 'Give it a tag: NAME:TAG' },
  );
}

/** The user's own file or tag is only replaced where the user said so. */
async function refuseOverwrite(
  system: System,
  request: FlattenRequest,
  source: NamedSource,
  destination: Destination,
): Promise<void> {
  if (!(await isSource(system, source, destination))) return;
  if (request.inPlace) return refuseLoss(source, destination);
  throw new ShipperError(
    'OUTPUT_CONFLICT',
    `Cannot write ${formatLocation(destination.location)}: it is the source itself`,
    {
      hint: 'Use --in-place to replace it, or name another with -t or -o',
    },
  );
}

/** An archive is replaced as a whole, with all that it holds. */
function refuseLoss({ imagesInMedium }: NamedSource, { location }: Destination): void {
  if (imagesInMedium < 2 || isNamed(location) || location.kind === 'oci') return;
  throw new ShipperError(
    'OUTPUT_CONFLICT',
    `Cannot replace ${formatLocation(location)}: it holds ${imagesInMedium} images, of which the result is one`,
    { hint: 'Write elsewhere with -o' },
  );
}

/** A mistyped folder shows before an image is read for nothing. */
export async function requireFolder(system: System, location: Location): Promise<void> {
  if (!('path' in location) || isStdout(location)) return;
  const folder = (await resolveLink(system, location.path)).replace(/\/+[^/]*\/*$/, '') || '/';
  if ((await system.files.stat(folder)) !== undefined) return;
  throw new ShipperError(
    'NOT_FOUND',
    `Cannot write ${formatLocation(location)}: there is no folder ${folder}`,
    { path: folder },
  );
}

/** Whether a destination is what is read. */
export async function isSource(
  system: System,
  source: Pick<NamedSource, 'location' | 'tags'>,
  { location, names }: Destination,
): Promise<boolean> {
  const from = source.location;
  if (isNamed(from)) {
    return (
      location.kind === from.kind &&
      !isImageId(from.reference) &&
      names.includes(familiarOf(from.reference))
    );
  }
  if (!('path' in from) || !('path' in location)) return false;
  const [a, b] = await Promise.all(
    [from.path, location.path].map((path) => system.files.stat(resolvePath(system, path))),
  );
  if (a === undefined || a.version !== b?.version) return false;
  // A layout holds many images, of which only those of the same names are replaced.
  const keys = new Set(source.tags.map(nameKey));
  return a.kind !== 'directory' || names.some((name) => keys.has(nameKey(name)));
}

/** The name of a source: `app:1` also of `app:1@sha256:…`, whose digest only says which image it must be. */
function familiarOf(text: string): string {
  const reference = withDefaultTag(parseReference(text));
  return familiarReference(
    reference.tag === undefined ? reference : { ...reference, digest: undefined },
  );
}

async function refuseTwice(system: System, destinations: readonly Destination[]): Promise<void> {
  const seen = new Set<string>();
  for (const { location } of destinations) {
    const key = await placeKey(system, location);
    if (seen.has(key)) {
      const shown = isStdout(location) ? '-' : formatLocation(location);
      throw new ShipperError('USAGE', `Cannot write ${shown} twice`);
    }
    seen.add(key);
  }
}

/** Equal where one result would replace the other: a layout and an engine hold many, a file one. */
async function placeKey(system: System, location: Location): Promise<string> {
  if (isStdout(location)) return '-';
  if (!('path' in location)) return formatLocation(location);
  const path = await system.files.realPath(resolvePath(system, location.path));
  return location.kind === 'oci' ? formatLocation({ ...location, path }) : path;
}

/** A medium in which an image is found by its name alone. */
function isNamed(
  location: Location,
): location is Extract<Location, { kind: 'docker' | 'docker-daemon' }> {
  return location.kind === 'docker' || location.kind === 'docker-daemon';
}
