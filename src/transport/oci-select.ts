// Which manifest of a layout's index.json is meant.
import { ShipperError } from '../core/errors.ts';
import type { IndexEntry, ParsedIndex } from '../image/manifest.ts';
import { formatPlatform } from '../image/platform.ts';
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
} from '../image/reference.ts';

/** The chosen entries, and the names that the layout has for them. */
export interface LayoutSelection {
  readonly entries: readonly IndexEntry[];
  readonly tags: readonly string[];
  /** How many images the layout lists beside the chosen one. */
  readonly others: number;
}

/** Names of an entry: containerd's full one, and the specification's, which may be a tag alone. */
function namesIn(annotations: Readonly<Record<string, unknown>> | undefined): string[] {
  const full = annotations?.['io.containerd.image.name'];
  const ref = annotations?.['org.opencontainers.image.ref.name'];
  return [full, ref].filter((name): name is string => typeof name === 'string' && name !== '');
}

function namesOf(entry: IndexEntry): string[] {
  return namesIn(entry.descriptor.annotations);
}

/** What an entry is called, in the form of {@link nameKey}: only one of that very name takes its place. */
export function entryKey(
  annotations: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  const [first] = namesIn(annotations);
  return first === undefined ? undefined : nameKey(first);
}

/** What names are compared by: the full form, or the text where it has none. `ref.name` may hold any text. */
export function nameKey(name: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch {
    return name;
  }
}

/** Selects by name, by `@N`, or the only image there is. */
export function selectFromLayout(
  index: ParsedIndex,
  reference: string | undefined,
  name: string,
): LayoutSelection {
  const entries = index.manifests;
  if (entries.length === 0)
    throw new ShipperError('BAD_IMAGE', `Cannot open ${name}: its index.json lists nothing`);
  if (reference === undefined) return selectOnly(entries, name);
  if (/^@\d+$/.test(reference)) {
    const entry = entries[Number(reference.slice(1))];
    if (entry === undefined) throw notFound(entries, reference, name);
    return select([entry], entries);
  }
  const chosen = entriesCalled(entries, reference);
  if (chosen.length === 0) throw notFound(entries, reference, name);
  if (
    digestsOf(chosen).size > 1 &&
    new Set(chosen.map(({ descriptor }) => entryKey(descriptor.annotations))).size > 1
  ) {
    throw ambiguous(chosen, `${JSON.stringify(reference)} in ${name}`);
  }
  return select(chosen, entries);
}

/** An entry of that very name hides those of which it is only a part: the tag `1` of `app:1`. */
function entriesCalled(entries: readonly IndexEntry[], reference: string): IndexEntry[] {
  const key = nameKey(reference);
  const exact = entries.filter(({ descriptor }) => entryKey(descriptor.annotations) === key);
  if (exact.length > 0) return exact;
  return entries.filter((entry) => namesOf(entry).some((have) => nameKey(have) === key));
}

function select(chosen: readonly IndexEntry[], entries: readonly IndexEntry[]): LayoutSelection {
  const digests = digestsOf(chosen);
  const others = [...digestsOf(imagesOf(entries))].filter((digest) => !digests.has(digest));
  return { entries: chosen, tags: tagsOf(chosen), others: others.length };
}

function digestsOf(entries: readonly IndexEntry[]): Set<string> {
  return new Set(entries.map(({ descriptor }) => descriptor.digest));
}

function imagesOf(entries: readonly IndexEntry[]): IndexEntry[] {
  return entries.filter(
    ({ descriptor }) => descriptor.annotations?.['vnd.docker.reference.type'] === undefined,
  );
}

/** Several names of one manifest are one image; several platforms without names of their own are one index. */
function selectOnly(entries: readonly IndexEntry[], name: string): LayoutSelection {
  const images = imagesOf(entries);
  if (digestsOf(images).size <= 1) return select(entries, entries);
  const platforms = images.map((entry) =>
    entry.platform === undefined ? '' : formatPlatform(entry.platform),
  );
  const names = new Set(images.map((entry) => namesOf(entry).join(' ')));
  const isOneIndex =
    !platforms.includes('') && new Set(platforms).size === images.length && names.size === 1;
  if (isOneIndex) return select(entries, entries);
  throw ambiguous(images, `an image of ${name}`);
}

function ambiguous(entries: readonly IndexEntry[], what: string): ShipperError {
  return new ShipperError(
    'AMBIGUOUS_IMAGE',
    `Cannot choose ${what}: it holds ${digestsOf(entries).size}: ${listNames(entries)}`,
    { hint: 'Name one: PATH:NAME, or PATH:@N for the N-th, counted from 0' },
  );
}

/** As people write them, each once. */
function tagsOf(entries: readonly IndexEntry[]): string[] {
  const tags = new Set<string>();
  for (const entry of entries) {
    const [first] = namesOf(entry);
    if (first !== undefined) tags.add(familiar(first));
  }
  return [...tags];
}

function familiar(name: string): string {
  try {
    return familiarReference(parseReference(name));
  } catch {
    return name;
  }
}

function notFound(entries: readonly IndexEntry[], reference: string, name: string): ShipperError {
  return new ShipperError(
    'NOT_FOUND',
    `Cannot find ${JSON.stringify(reference)} in ${name}: it holds ${listNames(entries)}`,
  );
}

function listNames(entries: readonly IndexEntry[]): string {
  const shown = entries.slice(0, 10).map((entry) => namesOf(entry)[0] ?? entry.descriptor.digest);
  return `${shown.join(', ')}${entries.length > 10 ? ` and ${entries.length - 10} more` : ''}`;
}
