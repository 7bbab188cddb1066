// How names are recorded in archives and layouts.
import type { Descriptor } from '../image/image.ts';
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
} from '../image/reference.ts';

/** Whose habits an archive follows: engines look for a tag alone, skopeo for the text that its user gave. */
export type NameStyle = 'docker' | 'oci';

/** The full and the short form of a name, undefined where it is only a word or no reference at all. */
function docker(
  name: string,
  style: NameStyle,
): { full: string; short: string; tag: string } | undefined {
  // A lone word in a layout is its own name, not an image on Docker Hub.
  if (style === 'oci' && !/[:/]/.test(name)) return undefined;
  try {
    const reference = withDefaultTag(parseReference(name));
    return {
      full: formatReference(reference),
      short: familiarReference(reference),
      tag: reference.tag ?? '',
    };
  } catch {
    return undefined;
  }
}

/** `RepoTags` of `manifest.json`. */
export function repoTags(names: readonly string[], style: NameStyle): string[] {
  return names.flatMap((name) => docker(name, style)?.short ?? []);
}

/** Descriptors of `index.json`: one for each name, or one without. */
export function namedDescriptors(
  target: Descriptor,
  names: readonly string[],
  style: NameStyle,
): Descriptor[] {
  const plain = { mediaType: target.mediaType, digest: target.digest, size: target.size };
  if (names.length === 0) return [plain];
  return names.map((name) => ({ ...plain, annotations: annotationsOf(name, style) }));
}

function annotationsOf(name: string, style: NameStyle): Record<string, string> {
  const known = docker(name, style);
  const ref = style === 'docker' ? (known?.tag ?? name) : name;
  return {
    ...(known === undefined ? {} : { 'io.containerd.image.name': known.full }),
    'org.opencontainers.image.ref.name': ref,
  };
}
