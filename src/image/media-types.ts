// Media types of the two families (image-spec, media-types.md; Docker image manifest v2, schema 2).
import type { Compression } from '../blob/compressor.ts';
import type { MediaFamily } from './image.ts';

const OCI = 'application/vnd.oci.image';
const DOCKER = 'application/vnd.docker';

export const OCI_INDEX: string = `${OCI}.index.v1+json`;
export const OCI_MANIFEST: string = `${OCI}.manifest.v1+json`;
export const DOCKER_INDEX: string = `${DOCKER}.distribution.manifest.list.v2+json`;
export const DOCKER_MANIFEST: string = `${DOCKER}.distribution.manifest.v2+json`;

/** Types of one family. */
export interface FamilyTypes {
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
}

/** The types of a family. */
export function typesOf(family: MediaFamily): FamilyTypes {
  return family === 'oci'
    ? { index: OCI_INDEX, manifest: OCI_MANIFEST, config: `${OCI}.config.v1+json` }
    : {
        index: DOCKER_INDEX,
        manifest: DOCKER_MANIFEST,
        config: `${DOCKER}.container.image.v1+json`,
      };
}

/** The type of a layer; Docker's family has none for zstd. */
export function layerType(family: MediaFamily, compression: Compression['kind']): string {
  if (family === 'docker') {
    return `${DOCKER}.image.rootfs.diff.tar${compression === 'gzip' ? '.gzip' : ''}`;
  }
  return `${OCI}.layer.v1.tar${compression === 'none' ? '' : `+${compression}`}`;
}

/** Whether a layer is one that may not be distributed (image-spec, layer.md, "Non-Distributable Layers"). */
export function isNondistributable(mediaType: string): boolean {
  return mediaType.includes('.nondistributable.') || mediaType.includes('.foreign.');
}

/** Whether a manifest's layer is a file-system layer at all: an artifact's is not. */
export function isLayerType(mediaType: string): boolean {
  return (
    /^application\/vnd\.oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+[a-z]+)?$/.test(
      mediaType,
    ) ||
    /^application\/vnd\.docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.[a-z]+)?$/.test(
      mediaType,
    )
  );
}
