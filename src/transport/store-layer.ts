// Produces a layer and stores it: hashed, compressed and written at the same time.
import { createHash } from 'node:crypto';
import { checkCompression, createCompressor } from '../blob/compress.ts';
import type { Compression, Deflate } from '../blob/compressor.ts';
import { type Context, startTask } from '../core/context.ts';
import { type Digest, digestFromHex } from '../core/digest.ts';
import { bug, ShipperError } from '../core/errors.ts';
import type { LayerProducer } from '../image/image.ts';
import type { System } from '../system/system.ts';
import { type ChunkConsumer, ChunkPipe, inSequence } from './chunk-pipe.ts';
import { codecsFor } from './gunzip-layer.ts';

/** Takes the bytes to store, in order; `position` counts from the first. Calls may overlap. */
export type PositionedWriter = (bytes: Uint8Array, position: number) => Promise<void>;

/** What was stored. */
export interface StoredBytes {
  readonly diffId: Digest;
  /** Of the bytes as stored. */
  readonly digest: Digest;
  readonly size: number;
}

/** Produces a layer once and stores it. `write` is undefined to compute digests only. */
export async function storeLayer(
  system: System,
  ctx: Context,
  producer: LayerProducer,
  compression: Compression,
  jobs: number,
  write: PositionedWriter | undefined,
): Promise<StoredBytes> {
  const {
    diffId,
    digest = diffId,
    size,
  } = await makeLayer(system, ctx, producer, compression, jobs, write);
  return { diffId, digest, size };
}

/** What was made of a layer. */
export interface MadeBytes extends Omit<StoredBytes, 'digest'> {
  /** Undefined where the tar is stored as it is, and where `isHashed` was false. */
  readonly digest: Digest | undefined;
}

/** As {@link storeLayer}, for a writer that may hash the bytes itself: `isHashed` is false then. */
export async function makeLayer(
  system: System,
  ctx: Context,
  producer: LayerProducer,
  compression: Compression,
  jobs: number,
  write: PositionedWriter | undefined,
  isHashed = true,
): Promise<MadeBytes> {
  checkCompression(compression);
  const codecs = codecsFor(system, compression.kind, producer.size);
  const deflate: Deflate | undefined = codecs && ((job) => codecs.deflate(job));
  const stored = storage(compression, jobs, write, isHashed, deflate);
  const hasher = system.threads.hasher('sha256', producer.size);
  const meter = startTask(
    ctx,
    write === undefined ? 'hash the flat layer' : 'write the flat layer',
    producer.size,
  );
  try {
    const consumers = [(chunk: Uint8Array) => hasher.update(chunk), stored.take];
    const pipe = new ChunkPipe(consumers, (bytes) => meter.advance(bytes), producer.size);
    await producer.produce(ctx, pipe);
    await pipe.finish();
    requireSize(pipe.taken, producer);
    await stored.finish();
    const diffId = digestFromHex('sha256', await hasher.digest());
    meter.finish();
    return { diffId, digest: stored.digest(), size: stored.size() };
  } catch (error) {
    meter.finish('failed');
    throw error;
  } finally {
    hasher.close();
  }
}

/** A plan knows the size of its layer exactly, so that another one means that its source is another one. */
function requireSize(bytes: number, { name, size }: LayerProducer): void {
  if (bytes === size) return;
  throw new ShipperError(
    'SOURCE_CHANGED',
    `Cannot write the flat layer of ${name}: it has ${bytes} bytes where ${size} were planned`,
  );
}

/** The stage behind the pipe: what is stored, and its digest where that is not the tar's own. */
interface Storage {
  readonly take: ChunkConsumer;
  finish(): Promise<void>;
  digest(): Digest | undefined;
  size(): number;
}

function storage(
  compression: Compression,
  jobs: number,
  write: PositionedWriter | undefined,
  isHashed: boolean,
  deflate: Deflate | undefined,
): Storage {
  let size = 0;
  const store = (bytes: Uint8Array): Promise<void> => {
    const position = size;
    size += bytes.length;
    return write === undefined ? Promise.resolve() : write(bytes, position);
  };
  if (compression.kind === 'none') {
    return {
      take: store,
      finish: async () => undefined,
      digest: () => undefined,
      size: () => size,
    };
  }
  const hash = isHashed ? createHash('sha256') : undefined;
  const compressor = createCompressor(
    compression,
    jobs,
    (bytes) => {
      hash?.update(bytes);
      return store(bytes);
    },
    deflate,
  );
  if (compressor === undefined) throw bug(`no compressor for ${compression.kind}`);
  return {
    // The compressor wants its chunks one after the other.
    take: inSequence((chunk) => compressor.take(chunk)),
    finish: () => compressor.finish(),
    digest: () => hash && digestFromHex('sha256', hash.digest('hex')),
    size: () => size,
  };
}
