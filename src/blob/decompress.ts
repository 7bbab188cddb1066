// Gzip and zstd streams back to their bytes, with every end checked and no memory by claim (`faults.md` 2.3).
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { messageOf, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { ZstdFrames } from './zstd-frames.ts';

const CHUNK_BYTES = 262_144;
/** A bomb is told by its ratio only once it is large enough to matter. */
const RATIO_FROM_BYTES = 64 * 1024 * 1024;

/** Decompresses `source`. Stop iterating to release it. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  kind: 'gzip' | 'zstd',
): AsyncGenerator<Uint8Array, void, undefined> {
  const counter = { bytes: 0 };
  const counted = count(source, counter);
  const output = kind === 'gzip' ? viaNode(counted, gunzip(), kind) : unzstd(counted);
  let produced = 0;
  for await (const chunk of output) {
    produced += chunk.length;
    if (produced > RATIO_FROM_BYTES && produced > counter.bytes * LIMITS.compressionRatio) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot decompress ${kind}: ${counter.bytes} bytes became more than ${produced}, which no honest stream does`,
      );
    }
    yield chunk;
  }
}

async function* count(
  source: AsyncIterable<Uint8Array>,
  counter: { bytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    counter.bytes += chunk.length;
    yield chunk;
  }
}

function gunzip(): Transform {
  return zlib.createGunzip({ chunkSize: CHUNK_BYTES });
}

/** Failures of the source keep their own error; those of the decompressor become `BAD_COMPRESSION`. */
async function* viaNode(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  kind: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = pipeline(Readable.from(source, { objectMode: false }), transform, () => undefined);
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    if (error instanceof ShipperError) throw error;
    throw new ShipperError('BAD_COMPRESSION', `Cannot decompress ${kind}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    stream.destroy();
  }
}

async function* unzstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const checked = checkFrames(source);
  if (hasNativeZstd())
    yield* viaNode(checked, zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES }), 'zstd');
  else yield* unzstdInScript(checked);
}

/** Node has zstd since 22.15. */
export function hasNativeZstd(): boolean {
  return typeof zlib.createZstdDecompress === 'function';
}

async function* checkFrames(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const frames = new ZstdFrames();
  for await (const chunk of source) {
    frames.take(chunk);
    yield chunk;
  }
  frames.finish();
}

/** A third of the speed of the native one, and there on Node 20. It does not check frame checksums; digests do. */
async function* unzstdInScript(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Decompress } = await import('fzstd');
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => ready.push(chunk));
  try {
    for await (const chunk of source) {
      decoder.push(Uint8Array.from(chunk));
      yield* ready.splice(0);
    }
  } catch (error) {
    if (error instanceof ShipperError) throw error;
    throw new ShipperError('BAD_COMPRESSION', `Cannot decompress zstd: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
