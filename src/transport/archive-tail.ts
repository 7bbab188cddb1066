// The small members of a hybrid archive: configurations, manifests, `index.json` and `manifest.json`.
import type { Digest } from '../core/digest.ts';
import type { Descriptor, FinishedImage, Publication } from '../image/image.ts';
import { OCI_INDEX } from '../image/media-types.ts';
import { type NameStyle, namedDescriptors, repoTags } from './image-names.ts';
import { blobPath } from './stored-layer.ts';

/** Members in order. */
export type ArchiveTail = readonly { readonly name: string; readonly bytes: Uint8Array }[];

/** The mark of a layout (image-spec, image-layout.md). */
export const LAYOUT_FILE = {
  name: 'oci-layout',
  bytes: new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}') as Uint8Array,
};

/** Members behind the layers. `written` are the blobs that are there; it grows. */
export function archiveTail(
  publication: Publication,
  style: NameStyle,
  written: Set<Digest>,
): ArchiveTail {
  const tail: { name: string; bytes: Uint8Array }[] = [];
  for (const { descriptor, bytes } of metadataBlobs(publication)) {
    if (written.has(descriptor.digest)) continue;
    written.add(descriptor.digest);
    tail.push({ name: blobPath(descriptor.digest), bytes });
  }
  tail.push({ name: 'index.json', bytes: indexJson(publication, style) });
  const [only] = publication.images;
  // What reads manifest.json knows no platforms, so it only stands where there is one image.
  if (only !== undefined && publication.images.length === 1) {
    tail.push({ name: 'manifest.json', bytes: manifestJson(only, publication.tags, style) });
  }
  return tail;
}

/** A small blob. */
export interface MetadataBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** Configurations, manifests and indexes, each with its bytes. */
export function metadataBlobs({
  images,
  artifacts = [],
  index,
}: Publication): readonly MetadataBlob[] {
  const blobs: MetadataBlob[] = images.flatMap(({ config, manifest }) => [config, manifest]);
  blobs.push(...artifacts.map(({ manifest }) => manifest));
  return index === undefined ? blobs : [...blobs, index];
}

function indexJson({ images, index, tags }: Publication, style: NameStyle): Uint8Array {
  const targets = index === undefined ? images.map(({ manifest }) => manifest) : [index];
  return json({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: targets.flatMap(({ descriptor }) => namedDescriptors(descriptor, tags, style)),
  });
}

/** As `docker load` and skopeo's docker-archive read it. */
export function manifestJson(
  image: FinishedImage,
  tags: readonly string[],
  style: NameStyle,
): Uint8Array {
  const names = repoTags(tags, style);
  return json([
    {
      Config: blobPath(image.config.descriptor.digest),
      RepoTags: names.length === 0 ? null : names,
      Layers: image.layers.map(({ descriptor }) => blobPath(descriptor.digest)),
    },
  ]);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
