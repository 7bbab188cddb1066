// What all sinks share: how a stored layer is described, and how a source's layer is copied.
import type { Compression } from '../blob/compressor.ts';
import type { Layer, MediaFamily, StoredLayer } from '../image/image.ts';
import { layerType } from '../image/media-types.ts';
import type { StoredBytes } from './store-layer.ts';

/** Choices of a sink. */
export interface SinkOptions {
  /** Threads for compression. */
  readonly jobs: number;
  /** Family of the manifests that will be committed. */
  readonly family: MediaFamily;
  /** Whether layers of the source are part of the result. Default false: it is one layer. */
  readonly keepsLayers?: boolean;
  /** Nobody but this run writes to the destination: it may share files with a cache. Default false. */
  readonly isPrivate?: boolean;
  /** Layers are copied, as many as there are: an engine is not to import a single one. Default false. */
  readonly isCopy?: boolean;
}

/** Describes a layer that was produced and stored. */
export function describeLayer(
  stored: StoredBytes,
  compression: Compression,
  family: MediaFamily,
): StoredLayer {
  const mediaType = layerType(family, compression.kind);
  const { diffId, digest, size } = stored;
  return { diffId, descriptor: { mediaType, digest, size } };
}

/** Describes a layer that was copied as it is. */
export function describeCopy({ descriptor, diffId }: Layer): StoredLayer {
  const { mediaType, digest, size } = descriptor;
  return { diffId, descriptor: { mediaType, digest, size } };
}
