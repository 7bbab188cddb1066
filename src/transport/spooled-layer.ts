// A layer of a medium that only gives streams. It is fetched into a temporary file when it is opened.
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import type { Descriptor, Layer } from '../image/image.ts';
import { createSpool, requireSpace, spoolStream } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { type OpenRegion, storedLayer } from './stored-layer.ts';

/** Where and what the layer is. */
export interface SpooledLayerFacts {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Position in the image, base first. */
  readonly index: number;
  /** The stored bytes from their start; fails at the end unless they have the descriptor's size and digest. */
  readonly fetch: (ctx: Context) => AsyncIterable<Uint8Array>;
}

/** A layer that is fetched. */
export function spooledLayer(system: System, facts: SpooledLayerFacts): Layer {
  return storedLayer(system, {
    ...facts,
    hasStoredDigest: true,
    open: (ctx) => fetchIntoSpool(system, ctx, facts),
  });
}

async function fetchIntoSpool(
  system: System,
  ctx: Context,
  { descriptor, fetch }: SpooledLayerFacts,
): Promise<OpenRegion> {
  await requireSpace(system.files, system.tmpdir, descriptor.size, 'a layer of the registry');
  const spool = await createSpool(system);
  try {
    const size = await spoolStream(system, ctx, spool, fetch(ctx));
    return {
      region: { file: spool.file, offset: 0, size },
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    };
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}
