// Gzip of small things that are in memory as a whole.
import { gunzipSync, gzipSync } from 'node:zlib';
import { ShipperError } from '../core/errors.ts';

/** Compresses as well as gzip can. */
export function gzipWhole(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 9 });
}

/** Decompresses at most `maxBytes`; `BAD_COMPRESSION` where it is broken or gives more. `what` names it in the message. */
export function gunzipWhole(bytes: Uint8Array, maxBytes: number, what: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const isLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const state = isLarge ? `it is over ${maxBytes} bytes decompressed` : 'its gzip is broken';
    throw new ShipperError('BAD_COMPRESSION', `Cannot use ${what}: ${state}`, { cause: error });
  }
}
