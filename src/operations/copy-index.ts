// The top of a copy: the source's own manifest or index where all of it is there, else an index of what is.
import { type Digest, digestOf, isDigest } from '../core/digest.ts';
import type { Attestation, FinishedImage, ImageSet, RawManifest } from '../image/image.ts';
import {
  decodeJson,
  editMembers,
  elementTexts,
  isObject,
  member,
  memberText,
  parseJsonObject,
} from '../image/json-text.ts';
import { buildIndex } from '../image/manifest.ts';
import { DOCKER_INDEX, OCI_INDEX, typesOf } from '../image/media-types.ts';

/** Whether a manifest is one of manifests. */
export function isIndexType({ descriptor: { mediaType } }: RawManifest): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_INDEX;
}

/** The attestations that an index of the source lists: only these have a place in a copy of it. */
export function attestationsInside(set: ImageSet): Attestation[] {
  const listed = new Set([set.root, ...(set.nested ?? [])].flatMap(digestsIn));
  return set.attestations.filter(({ descriptor }) => listed.has(descriptor.digest));
}

function digestsIn(index: RawManifest | undefined): Digest[] {
  if (index === undefined || !isIndexType(index)) return [];
  return entriesOf(index).flatMap(({ digest }) => (digest === undefined ? [] : [digest]));
}

/** An index of what was copied: the source's own with fewer or other entries, or a new one where it has none. */
export function indexOf(
  set: ImageSet,
  images: readonly FinishedImage[],
  origins: readonly (Digest | undefined)[],
  attestations: ReadonlySet<Digest>,
): RawManifest {
  const { root, nested = [] } = set;
  if (root === undefined || !isIndexType(root) || nested.length > 0) return newIndex(set, images);
  const byOrigin = new Map(images.map((image, i) => [origins[i], image]));
  const entries = entriesOf(root).flatMap(({ digest, text }) => {
    if (digest === undefined) return [];
    if (attestations.has(digest)) return [text];
    const image = byOrigin.get(digest);
    return image === undefined ? [] : [entryText(text, digest, image)];
  });
  return withEntries(root, entries);
}

/** In one family: of OCI's unless all manifests are Docker's. */
function newIndex({ annotations }: ImageSet, images: readonly FinishedImage[]): RawManifest {
  const isDocker = images.every(
    ({ manifest }) => manifest.descriptor.mediaType === typesOf('docker').manifest,
  );
  const manifests = images.map(({ manifest, platform }) => ({
    descriptor: manifest.descriptor,
    platform,
  }));
  return buildIndex(isDocker ? 'docker' : 'oci', manifests, annotations);
}

function entryText(text: string, digest: Digest, { manifest }: FinishedImage): string {
  const { descriptor } = manifest;
  if (descriptor.digest === digest) return text;
  const edits = new Map([
    ['mediaType', JSON.stringify(descriptor.mediaType)],
    ['digest', JSON.stringify(descriptor.digest)],
    ['size', String(descriptor.size)],
  ]);
  return editMembers(text, edits, 'an entry of the index');
}

function withEntries(index: RawManifest, entries: readonly string[]): RawManifest {
  const what = `the index ${index.descriptor.digest}`;
  const edits = new Map([['manifests', `[${entries.join(',')}]`]]);
  const text = editMembers(decodeJson(index.bytes, what), edits, what);
  const bytes = new TextEncoder().encode(text);
  const { mediaType } = index.descriptor;
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  return { descriptor, bytes, annotations: index.annotations };
}

interface EntryText {
  readonly digest: Digest | undefined;
  readonly text: string;
}

function entriesOf({ bytes, descriptor }: RawManifest): EntryText[] {
  const text = decodeJson(bytes, `the index ${descriptor.digest}`);
  return elementTexts(memberText(text, 'manifests') ?? '[]').map((entry) => {
    const value = parseJsonObject(new TextEncoder().encode(entry), 'an entry of the index');
    const digest = isObject(value) ? member(value, 'digest') : undefined;
    return { digest: isDigest(digest) ? digest : undefined, text: entry };
  });
}
