// What the result of a flatten is called, and where it goes, where the user did not say (`product.md`, Commands).
import { ShipperError } from '../core/errors.ts';
import {
  familiarReference,
  isImageId,
  parseReference,
  withDefaultTag,
} from '../image/reference.ts';
import type { Location } from '../transport/location.ts';

const SUFFIX = '-flat';
const MAX_TAG = 128;

/** `app:1` becomes `app:1-flat`; a word that is no reference becomes `word-flat`. */
export function flatName(name: string): string {
  if (!/[:/]/.test(name)) return `${name}${SUFFIX}`;
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest !== undefined || reference.tag === undefined) throw needsName(name);
  const tag = `${reference.tag}${SUFFIX}`;
  if (tag.length > MAX_TAG) throw needsName(name);
  return familiarReference({ ...reference, tag });
}

/** Names recorded inside an archive: a name that says `-flat` already says enough. */
export function recordedName(name: string): string {
  if (name.endsWith(SUFFIX)) return name;
  try {
    return flatName(name);
  } catch {
    // Others may have recorded any text, which is no reason to refuse their image.
    return `${name}${SUFFIX}`;
  }
}

/** `x.tar` becomes `x-flat.tar`; compression of the whole is dropped, since archives are written without. */
export function flatPath(path: string): string {
  const match = /^(.*?)(?:\.tar)?(?:\.gz|\.tgz|\.zst)?$/.exec(path);
  return `${match?.[1] ?? path}${SUFFIX}.tar`;
}

/** Where the result goes when neither `-t` nor `-o` says it. `tags` are the names recorded in the source. */
export function defaultOutput(
  source: Location,
  inPlace: boolean,
  isLayout: boolean,
  tags: readonly string[],
): Location {
  switch (source.kind) {
    case 'docker':
    case 'docker-daemon': {
      if (isImageId(source.reference) || source.reference.includes('@')) {
        if (inPlace && source.kind === 'docker-daemon') return source;
        throw needsName(source.reference);
      }
      if (inPlace) return source;
      return { kind: source.kind, reference: flatName(ensureTagged(source.reference)) };
    }
    case 'stdio':
      throw new ShipperError('USAGE', 'Cannot name the result: standard input has no name', {
        hint: 'Say where it goes with -o (-o - is standard output), or name it with -t',
      });
    case 'path':
      if (isLayout)
        return {
          kind: 'oci',
          path: inPlace ? source.path : layoutPath(source.path),
          reference: undefined,
        };
      return { kind: 'path', path: inPlace ? source.path : flatPath(source.path) };
    case 'docker-archive':
    case 'oci-archive':
      return {
        kind: source.kind,
        path: inPlace ? source.path : flatPath(source.path),
        reference: undefined,
      };
    case 'oci': {
      if (inPlace && source.reference === undefined) return source;
      // A part of a name or a position chose it; it is replaced under its own name.
      if (inPlace) return { ...source, reference: tags[0] ?? source.reference };
      if (source.reference === undefined || source.reference.startsWith('@')) {
        return { kind: 'oci', path: layoutPath(source.path), reference: undefined };
      }
      return { kind: 'oci', path: source.path, reference: flatName(source.reference) };
    }
  }
}

function ensureTagged(reference: string): string {
  return familiarReference(withDefaultTag(parseReference(reference)));
}

function layoutPath(path: string): string {
  const bare = path.replace(/\/+$/, '');
  if (!/(?:^|\/)(?:\.\.?)?$/.test(bare)) return `${bare}${SUFFIX}`;
  throw new ShipperError(
    'USAGE',
    `Cannot name the result: ${JSON.stringify(path)} has no name that could be extended`,
    { hint: 'Say where it goes with -o' },
  );
}

function needsName(name: string): ShipperError {
  return new ShipperError(
    'USAGE',
    `Cannot name the result: ${JSON.stringify(name)} has no tag that could be extended`,
    {
      hint: 'Name it with -t, or say where it goes with -o',
    },
  );
}
