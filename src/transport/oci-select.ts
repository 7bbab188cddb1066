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
}

/** Names of an entry: containerd's full one, and the specification's, which may be a tag alone. */
function namesOf(entry: IndexEntry): string[] {
  const { annotations } = entry.descriptor;
  const full = annotations?.['io.containerd.image.name'];
  const ref = annotations?.['org.opencontainers.image.ref.name'];
  return [full, ref].filter((name): name is string => name !== undefined && name !== '');
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
    return { entries: [entry], tags: tagsOf([entry]) };
  }
  const chosen = entries.filter((entry) =>
    namesOf(entry).some((have) => isSameName(have, reference)),
  );
  if (chosen.length === 0) throw notFound(entries, reference, name);
  return { entries: chosen, tags: [reference] };
}

function isSameName(have: string, want: string): boolean {
  return have === want || (canonical(have) ?? have) === (canonical(want) ?? want);
}

/** The full form of a name, where it is one: `ref.name` may hold any text. */
function canonical(name: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(name)));
  } catch {
    return undefined;
  }
}

/** Several names of one manifest are one image; several platforms without names of their own are one index. */
function selectOnly(entries: readonly IndexEntry[], name: string): LayoutSelection {
  const images = entries.filter(
    (entry) => entry.descriptor.annotations?.['vnd.docker.reference.type'] === undefined,
  );
  const distinct = new Set(images.map((entry) => entry.descriptor.digest));
  if (distinct.size <= 1) return { entries, tags: tagsOf(entries) };
  const platforms = images.map((entry) =>
    entry.platform === undefined ? '' : formatPlatform(entry.platform),
  );
  const names = new Set(images.map((entry) => namesOf(entry).join(' ')));
  const isOneIndex =
    !platforms.includes('') && new Set(platforms).size === images.length && names.size === 1;
  if (isOneIndex) return { entries, tags: tagsOf(entries) };
  throw new ShipperError(
    'AMBIGUOUS_IMAGE',
    `Cannot choose an image of ${name}: it holds ${distinct.size}: ${listNames(entries)}`,
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
