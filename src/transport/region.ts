// A run of bytes in an open file: how archives, layouts and spools look alike to everything above them.
import { type Context, throwIfAborted } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { ReadableFile } from '../system/system.ts';

/** Bytes of an open file. */
export interface Region {
  readonly file: ReadableFile;
  readonly offset: number;
  readonly size: number;
  /** Hex of the sha256 of its bytes, where somebody is hashing them anyway. */
  readonly sha256?: Promise<string>;
}

const CHUNK_BYTES = 1_048_576;

/** Reads at a position of the region; fewer bytes only at its end. */
export function readRegion(region: Region, target: Uint8Array, position: number): number {
  const left = region.size - position;
  if (left <= 0) return 0;
  const wanted = left < target.length ? target.subarray(0, left) : target;
  return region.file.readSync(wanted, region.offset + position);
}

/** All bytes from `offset` in order, in chunks of fresh memory. */
export async function* streamRegion(
  ctx: Context,
  region: Region,
  offset = 0,
  chunkBytes: number = CHUNK_BYTES,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = offset; at < region.size; ) {
    throwIfAborted(ctx);
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, region.size - at));
    const read = readRegion(region, chunk, at);
    if (read === 0) throw becameShorter(region);
    at += read;
    yield chunk.subarray(0, read);
  }
}

/** All bytes at once, up to a cap. */
export function readWhole(region: Region, maxBytes: number, what: string): Uint8Array {
  if (region.size > maxBytes) {
    throw new ShipperError(
      'LIMIT_EXCEEDED',
      `Cannot read ${what}: it has ${region.size} bytes, over ${maxBytes}`,
    );
  }
  const bytes = new Uint8Array(region.size);
  for (let at = 0; at < bytes.length; ) {
    const read = readRegion(region, bytes.subarray(at), at);
    if (read === 0) throw becameShorter(region);
    at += read;
  }
  return bytes;
}

function becameShorter(region: Region): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot read ${region.file.path}: it became shorter while it was read`,
    { path: region.file.path },
  );
}
