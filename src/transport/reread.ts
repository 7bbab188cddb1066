// The tar of a layer that was indexed, read again from its stored bytes. They must be the same bytes: they are counted and
// hashed to their end, also where the end of the tar is not wanted.
import { decompress } from '../blob/decompress.ts';
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest } from '../core/digest.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { TarStream } from '../image/image.ts';
import { StoredTap } from './stored-tap.ts';

/** What the first reading found. */
export interface KnownBytes {
  readonly kind: 'plain' | 'gzip' | 'zstd';
  /** Of the stored bytes. */
  readonly digest: Digest;
  readonly size: number;
  /** Of the tar. */
  readonly tarSize: number;
}

/** Starts to read `stored`, which must be what is `known`. */
export function rereadTar(
  ctx: Context,
  stored: AsyncIterable<Uint8Array>,
  known: KnownBytes,
): TarStream {
  const tooLong = () => changed('it became longer');
  const tap = new StoredTap(ctx, stored, algorithmOf(known.digest), {
    maxBytes: known.size,
    tooLong,
  });
  const tar =
    known.kind === 'plain'
      ? tap.bytes()
      : decompress(tap.bytes(), known.kind, known.tarSize)[Symbol.asyncIterator]();
  return {
    async next() {
      const next = await tar.next().catch((error) => Promise.reject(asChange(error)));
      return next.done === true ? undefined : next.value;
    },
    async finish() {
      await tar.return?.(undefined);
      const digest = await tap.finish();
      if (tap.size !== known.size)
        throw changed(`it has ${tap.size} bytes where it had ${known.size}`);
      if (digest !== known.digest)
        throw changed(`its digest is ${digest} where it was ${known.digest}`);
    },
    async [Symbol.asyncDispose]() {
      await tap.close();
      await tar.return?.(undefined);
    },
  };
}

/** It was decompressed before: what cannot be any more is not what it was. */
function asChange(error: unknown): unknown {
  const isOther =
    isShipperError(error, 'BAD_COMPRESSION') || isShipperError(error, 'LIMIT_EXCEEDED');
  return isOther ? changed('its compression is broken where it was not') : error;
}

function changed(reason: string): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot read a layer again: it changed since it was read first: ${reason}`,
  );
}
