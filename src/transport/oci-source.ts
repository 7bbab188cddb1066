// Images of an OCI layout, in a folder or an archive (image-spec, image-layout.md).
import { ShipperError } from '../core/errors.ts';
import type { ImageSource } from '../image/image.ts';
import { type ParsedIndex, parseManifest } from '../image/manifest.ts';
import { OCI_INDEX } from '../image/media-types.ts';
import { type BlobStore, readMetadata } from './blob-store.ts';
import type { LayerOpener } from './layer-opener.ts';
import { selectFromLayout } from './oci-select.ts';
import { type ContentStore, SetReader } from './set-reader.ts';
import { storedLayer } from './stored-layer.ts';

/** How a layout is opened. */
export interface OciSourceOptions {
  readonly name: string;
  /** Name of the image, or `@N` for the N-th of `index.json`; undefined for the only one. */
  readonly reference: string | undefined;
  /** `docker save` names platforms in its index whose content it leaves out: skip those. */
  readonly skipMissing: boolean;
  readonly close: () => PromiseLike<void>;
}

/** A layout as a source. */
export function ociSource(
  opener: LayerOpener,
  store: BlobStore,
  options: OciSourceOptions,
): ImageSource {
  return {
    name: options.name,
    async read(ctx, platform) {
      const bytes = await store.file('index.json');
      if (bytes === undefined)
        throw new ShipperError('BAD_ARCHIVE', `Cannot open ${options.name}: it has no index.json`);
      const index = parseManifest(bytes, OCI_INDEX, `index.json of ${options.name}`) as ParsedIndex;
      const { entries, tags, others } = selectFromLayout(index, options.reference, options.name);
      const reader = new SetReader(contentOf(opener, store, options), ctx, platform);
      await reader.readEntries(entries, 1, tags);
      return { ...reader.finish(entries.length > 1), imagesInMedium: others + 1 };
    },
    async [Symbol.asyncDispose]() {
      await options.close();
    },
  };
}

/** The blobs of a layout as content. */
function contentOf(opener: LayerOpener, store: BlobStore, options: OciSourceOptions): ContentStore {
  return {
    name: options.name,
    has: async (digest) => !options.skipMissing || (await store.has(digest)),
    manifest: (_ctx, descriptor, what) => readMetadata(store, descriptor, what),
    config: (_ctx, descriptor, what) => readMetadata(store, descriptor, what),
    layer(descriptor, diffId, index) {
      const open = () => store.open(descriptor.digest);
      return storedLayer(opener, { descriptor, hasStoredDigest: true, diffId, index, open });
    },
  };
}
