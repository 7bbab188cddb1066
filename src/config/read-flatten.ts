// `flatten:` of an image → the choices of a flatten.
import { given } from '../core/given.ts';
import type { MergePolicy } from '../flatten/policy.ts';
import {
  choice,
  flag,
  looksWhole,
  number,
  type Reading,
  record,
  text,
  texts,
  wholeReference,
} from './reading.ts';
import { child, type Tree } from './tree.ts';
import type { FlattenChoice } from './types.ts';
import { compressionOf, exactBytes } from './units.ts';

const RFC_3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** How `image` is flattened; undefined where it is not. `images` are the names of this file. */
export function readFlatten(
  image: Tree,
  images: readonly string[],
  reading: Reading,
): FlattenChoice | undefined {
  const tree = child(image, 'flatten');
  if (tree === undefined) return {};
  if (tree.kind === 'scalar') return tree.value === false ? undefined : {};
  const { problems } = reading;
  const from = number(tree, 'from');
  const keepBase = readKeepBase(tree, images, reading);
  const fromTree = child(tree, 'from');
  if (keepBase !== undefined && from !== undefined && fromTree !== undefined) {
    problems.add(fromTree.place, '"from" and "keep_base" exclude each other: each says what stays');
  }
  const compression = text(tree, 'compression');
  const maxSize = text(tree, 'max_size');
  const saving = text(tree, 'min_saving');
  return given({
    keepBase,
    from,
    platform: text(tree, 'platform'),
    compression: compression === undefined ? undefined : compressionOf(compression),
    verify: flag(tree, 'verify'),
    timestamp: readTimestamp(tree, reading),
    history: choice(tree, 'history', ['summary', 'keep', 'none']),
    labels: child(tree, 'labels') && record(tree, 'labels'),
    annotations: child(tree, 'annotations') && record(tree, 'annotations'),
    exclude: child(tree, 'exclude') && texts(tree, 'exclude'),
    policy: readPolicy(tree),
    attestations: choice(tree, 'attestations', ['drop', 'fail']),
    allowNondistributable: flag(tree, 'allow_nondistributable'),
    maxSizeBytes: maxSize === undefined ? undefined : exactBytes(maxSize),
    minSavingPercent: saving === undefined ? undefined : Number(saving.replace('%', '')),
  });
}

function readKeepBase(
  tree: Tree,
  images: readonly string[],
  { problems }: Reading,
): FlattenChoice['keepBase'] | undefined {
  const found = child(tree, 'keep_base');
  const base = text(tree, 'keep_base');
  if (found === undefined || base === undefined) return undefined;
  if (images.includes(base)) return { kind: 'need', image: base };
  if (!looksWhole(base)) {
    problems.unknown(found.place, 'image', base, images);
    return undefined;
  }
  const reference = wholeReference(base, found.place, problems);
  return reference === undefined ? undefined : { kind: 'image', reference };
}

function readTimestamp(tree: Tree, { problems }: Reading): string | undefined {
  const found = child(tree, 'timestamp');
  const when = text(tree, 'timestamp');
  if (found === undefined || when === undefined) return undefined;
  if (!/^\d{1,12}$/.test(when) && !RFC_3339.test(when)) {
    const hint = 'write seconds since 1970, or for example 2026-01-31T12:00:00Z';
    problems.add(found.place, `${JSON.stringify(when.slice(0, 60))} is not a time`, hint);
  }
  return when;
}

function readPolicy(tree: Tree): Partial<MergePolicy> | undefined {
  const maxOutput = text(tree, 'max_output');
  const policy: Partial<MergePolicy> = given({
    implicitParents: choice(tree, 'implicit_parents', ['follow', 'shadow']),
    whiteouts: choice(tree, 'whiteouts', ['auto', 'oci', 'overlay']),
    maxEntries: number(tree, 'max_entries'),
    maxOutputBytes: maxOutput === undefined ? undefined : exactBytes(maxOutput),
  });
  return Object.keys(policy).length === 0 ? undefined : policy;
}
