// Gzip and zstd streams back to their bytes, with every end checked and no memory by claim (`faults.md` 2.3).
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { messageOf, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** Of the output: every chunk is a turn of a pool thread and one of the main thread. */
const CHUNK_BYTES = 1_048_576;
/** A bomb is told by its ratio only once it is large enough to matter. */
const RATIO_FROM_BYTES = 64 * 1024 * 1024;

/**
 * Decompresses `source`, to `maxBytes` at most: a gzip bomb is no denser than an honest file of zeros, so only its size
 * tells. Stop iterating to release it.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  kind: 'gzip' | 'zstd',
  maxBytes: number = LIMITS.outputBytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  const counter = { bytes: 0 };
  let produced = 0;
  for await (const chunk of decoded(source, kind, counter)) {
    produced += chunk.length;
    if (produced > maxBytes) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot decompress ${kind}: it becomes more than ${maxBytes} bytes`,
      );
    }
    requireRatio(kind, counter.bytes, produced);
    yield chunk;
  }
}

/** Throws `LIMIT_EXCEEDED` where so few bytes became so many that it is a bomb. */
export function requireRatio(kind: 'gzip' | 'zstd', storedBytes: number, produced: number): void {
  if (produced <= RATIO_FROM_BYTES || produced <= storedBytes * LIMITS.compressionRatio) return;
  throw new ShipperError(
    'LIMIT_EXCEEDED',
    `Cannot decompress ${kind}: ${storedBytes} bytes became more than ${produced}, which no honest stream does`,
  );
}

function decoded(
  source: AsyncIterable<Uint8Array>,
  kind: 'gzip' | 'zstd',
  counter: { bytes: number },
): AsyncIterable<Uint8Array> {
  if (kind === 'gzip') return viaNode(count(source, counter), gunzip(), kind);
  if (hasNativeZstd()) return viaNode(frameByFrame(count(source, counter)), unzstd(), kind);
  return unzstdInScript(count(inPieces(source, SCRIPT_PIECE_BYTES), counter));
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

function unzstd(): Transform {
  return zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES });
}

/** Failures of the source keep their own error; those of the decompressor become `BAD_COMPRESSION`. */
async function* viaNode(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  kind: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = pipeline(Readable.from(source), transform, () => undefined);
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

/** Node has zstd since 22.15. */
export function hasNativeZstd(): boolean {
  return typeof zlib.createZstdDecompress === 'function';
}

/** Pieces that end where frames end: Node takes what stands behind the end of a frame in one write for garbage. */
async function* frameByFrame(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const frames = new ZstdFrames();
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = frames.take(chunk.subarray(at));
      yield chunk.subarray(at, at + taken);
      at += taken;
    }
  }
  frames.finish();
}

/** Bytes given to the decoder at once: all that they become is in memory together. */
const SCRIPT_PIECE_BYTES = 2048;
/** Blocks of half the usual size in the largest window are honest; some seconds of moving windows are harmless. */
const WINDOW_MOVES = { perByte: 2048, atLeast: 17_179_869_184 } as const;

/** A third of the speed of the native one, and there on Node 20. It does not check frame checksums; digests do. */
async function* unzstdInScript(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Decompress } = await import('fzstd');
  const frames = new ZstdFrames();
  const ready: Uint8Array[] = [];
  let produced = 0;
  const decoder = new Decompress((chunk) => {
    produced += chunk.length;
    ready.push(chunk);
  });
  const decode = (piece: Uint8Array, isLast: boolean): Uint8Array[] => {
    for (let at = 0; at < piece.length; ) at += frames.take(piece.subarray(at));
    if (frames.windowBytes > WINDOW_MOVES.atLeast + produced * WINDOW_MOVES.perByte)
      throw tooManyBlocks(produced);
    // Its own memory: the decoder keeps what it cannot use yet.
    decoder.push(Uint8Array.from(piece), isLast);
    return ready.splice(0);
  };
  try {
    for await (const piece of source) yield* decode(piece, false);
    frames.finish();
    yield* decode(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof ShipperError) throw error;
    throw new ShipperError('BAD_COMPRESSION', `Cannot decompress zstd: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function* inPieces(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += bytes) yield chunk.subarray(at, at + bytes);
  }
}

function tooManyBlocks(produced: number): ShipperError {
  return new ShipperError(
    'LIMIT_EXCEEDED',
    `Cannot decompress zstd: its blocks are so small and its window so large that ${produced} bytes take too long`,
    { hint: 'Node 22.15 or newer has a decoder that takes such streams' },
  );
}
