// A layer of a medium that only gives streams: a registry. How often it is fetched and what is kept meanwhile is the run's
// choice (`spool-mode.ts`, `cache.ts`).

import { sniffCompression } from '../blob/sniff.ts';
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import type { Descriptor, Layer, LayerTar, OpenOptions } from '../image/image.ts';
import { openHeaders } from './headers-layer.ts';
import type { LayerOpener } from './layer-opener.ts';
import { openOnceMore } from './once-more.ts';
import { withHead } from './peek.ts';
import { inLayer, type LayerFacts, type OpenRegion } from './plain-layer.ts';
import { streamRegion } from './region.ts';
import { skipBytes } from './skip-bytes.ts';
import { openRegion, requireKind } from './stored-layer.ts';
import type { StoredBytesSource } from './stored-source.ts';

/** What a layer claims to be, and how its bytes are had. */
export interface StreamedLayerFacts {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Position in the image, base first. */
  readonly index: number;
  /**
   * The stored bytes from their start, the same each time, their digest not checked. Iterating may stop early and
   * several may be open at once: up to six of an image in the second pass, each read when its content is wanted.
   */
  readonly fetch: (ctx: Context) => AsyncIterable<Uint8Array>;
}

/** A layer that is fetched. */
export function streamedLayer(opener: LayerOpener, stream: StreamedLayerFacts): Layer {
  const { descriptor, diffId, index, fetch } = stream;
  const facts: LayerFacts = { descriptor, diffId, index, hasStoredDigest: true };
  return {
    descriptor,
    diffId,
    async open(ctx, options = {}) {
      try {
        const headers =
          options.access === 'headers' ? await opener.cache?.headers(facts) : undefined;
        if (headers !== undefined) return openHeaders(opener, facts, headers, options);
        return opener.cache === undefined
          ? await openFetched(opener, ctx, facts, fetch, options)
          : await openCached(
              opener,
              ctx,
              facts,
              await opener.cache.blob(ctx, descriptor, fetch),
              options,
            );
      } catch (error) {
        throw inLayer(error, facts);
      }
    },
    async openStored(ctx, use) {
      const { size } = descriptor;
      const looked = use === 'look' ? await opener.cache?.unchecked(descriptor) : undefined;
      const opened = looked ?? (await opener.cache?.blob(ctx, descriptor, fetch));
      if (opened === undefined) {
        const stream = (offset: number) => skipBytes(fetch(ctx), offset);
        return { size, stream, async [Symbol.asyncDispose]() {} };
      }
      return {
        size,
        // What was only looked at was not checked.
        ...(looked === undefined ? { file: opened.region.file.path } : {}),
        stream: (offset) => streamRegion(ctx, opened.region, offset),
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    },
  };
}

async function openCached(
  opener: LayerOpener,
  ctx: Context,
  facts: LayerFacts,
  opened: OpenRegion,
  options: OpenOptions,
): Promise<LayerTar> {
  try {
    return await openRegion(opener, ctx, facts, opened, options);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** The fetch that tells the compression is the first reading too. */
async function openFetched(
  opener: LayerOpener,
  ctx: Context,
  facts: LayerFacts,
  fetch: StreamedLayerFacts['fetch'],
  options: OpenOptions,
): Promise<LayerTar> {
  const { head, whole, close } = await withHead(ctx, fetch(ctx));
  let first: AsyncIterable<Uint8Array> | undefined = whole;
  try {
    const source: StoredBytesSource = {
      kind: requireKind(sniffCompression(head)),
      region: undefined,
      stream(context) {
        const stream = first ?? fetch(context);
        first = undefined;
        return stream;
      },
      [Symbol.asyncDispose]: close,
    };
    return await openOnceMore(opener, ctx, facts, source, options);
  } catch (error) {
    await close();
    throw error;
  }
}
