// Stored bytes of a layer, wherever they are.
import type { Context } from '../core/context.ts';
import { type Region, streamRegion } from './region.ts';
import type { KnownBytes } from './reread.ts';

/** Stored bytes that can be had from their start, any number of times. Dispose it. */
export interface StoredBytesSource extends AsyncDisposable {
  readonly kind: KnownBytes['kind'];
  /** Where they lie in a file. */
  readonly region: Region | undefined;
  stream(ctx: Context): AsyncIterable<Uint8Array>;
}

/** Chunks of the second reading: many layers are read side by side. */
const REREAD_BYTES = 262_144;

/** Stored bytes in a file, as a source; takes over whatever `close` lets go of. */
export function regionSource(
  kind: KnownBytes['kind'],
  region: Region,
  close: () => PromiseLike<void>,
): StoredBytesSource {
  return {
    kind,
    region,
    stream: (ctx) => streamRegion(ctx, region, 0, REREAD_BYTES),
    [Symbol.asyncDispose]: close,
  };
}
