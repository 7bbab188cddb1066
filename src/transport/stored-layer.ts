// A layer that is stored as a run of bytes in a file: used where it lies where it is a plain tar, else decompressed.
import { SNIFF_BYTES, type StoredAs, sniffCompression } from '../blob/sniff.ts';
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, hexOf } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Layer, LayerTar, OpenOptions } from '../image/image.ts';
import { mismatch } from './index-layer.ts';
import type { LayerOpener } from './layer-opener.ts';
import { openOnceMore } from './once-more.ts';
import { inLayer, type LayerFacts, type OpenRegion, openPlain } from './plain-layer.ts';
import { readRegion, streamRegion } from './region.ts';
import { regionSource } from './stored-source.ts';

export type { OpenRegion } from './plain-layer.ts';

/** Where and what a stored layer is. */
export interface StoredLayerFacts extends LayerFacts {
  /** Opens the stored bytes. */
  readonly open: (ctx: Context) => Promise<OpenRegion>;
}

/** A layer of any medium that stores bytes. */
export function storedLayer(opener: LayerOpener, facts: StoredLayerFacts): Layer {
  return {
    descriptor: facts.descriptor,
    diffId: facts.diffId,
    async open(ctx, options = {}) {
      let opened: OpenRegion | undefined;
      try {
        opened = await facts.open(ctx);
        return await openRegion(opener, ctx, facts, opened, options);
      } catch (error) {
        await opened?.[Symbol.asyncDispose]();
        throw inLayer(error, facts);
      }
    },
    async openStored(ctx) {
      const opened = await facts.open(ctx);
      return {
        size: opened.region.size,
        stream: (offset) => streamRegion(ctx, opened.region, offset),
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    },
  };
}

/** Opens a layer of stored bytes; takes them over. */
export async function openRegion(
  opener: LayerOpener,
  ctx: Context,
  facts: LayerFacts,
  opened: OpenRegion,
  options: OpenOptions,
): Promise<LayerTar> {
  const { region } = opened;
  if (facts.hasStoredDigest && region.size !== facts.descriptor.size) {
    throw mismatch(`it has ${region.size} bytes where the manifest says ${facts.descriptor.size}`);
  }
  const head = new Uint8Array(SNIFF_BYTES);
  readRegion(region, head, 0);
  const kind = requireKind(sniffCompression(head));
  if (kind === 'plain') return openPlain(opener.system, ctx, facts, opened);
  const source = regionSource(kind, region, () => opened[Symbol.asyncDispose]());
  return openOnceMore(opener, ctx, facts, source, options);
}

/** Throws `UNSUPPORTED` for compressions that no image may have. */
export function requireKind(kind: StoredAs): 'plain' | 'gzip' | 'zstd' {
  if (kind !== 'bzip2' && kind !== 'xz') return kind;
  throw new ShipperError('UNSUPPORTED', `Cannot read a layer: it is compressed with ${kind}`, {
    hint: 'Recompress the image with gzip or zstd, for example with skopeo copy --dest-compress',
  });
}

/** The digest's hex as archives use it in paths. */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}
