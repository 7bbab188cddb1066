// The first reading of a layer that is not kept as a tar: every byte is checked, the headers are recorded.
import { createHash } from 'node:crypto';
import { decompress } from '../blob/decompress.ts';
import { fastPacker } from '../blob/packer.ts';
import { type Context, startTask } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex, shortDigest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { type System, THREAD_FROM_BYTES } from '../system/system.ts';
import { type Tape, TapeRecorder } from '../tar/tape.ts';
import { ChunkPipe } from './chunk-pipe.ts';
import { codecsFor, type Gunzipped, gunzipPast, tooLarge } from './gunzip-layer.ts';
import type { KnownBytes } from './reread.ts';
import { StoredTap, type TapOptions } from './stored-tap.ts';

/** What a layer claims to be. */
export interface Claim {
  readonly diffId: Digest;
  /** Of the stored bytes, as far as the medium says. */
  readonly digest: Digest | undefined;
  readonly size: number | undefined;
}

/** A layer that was read once. */
export interface Indexed {
  readonly tape: Tape;
  readonly known: KnownBytes;
}

/** How it is read. */
export interface IndexOptions {
  readonly maxBytes: number;
  /** Takes the stored bytes, in order. */
  readonly keep?: (chunk: Uint8Array) => Promise<void>;
}

/** Reads all bytes of a layer. Rejects with `DIGEST_MISMATCH` unless they are what is claimed. */
export async function indexLayer(
  system: System,
  ctx: Context,
  stored: AsyncIterable<Uint8Array>,
  kind: KnownBytes['kind'],
  claim: Claim,
  options: IndexOptions,
): Promise<Indexed> {
  const title = `read ${shortDigest(claim.digest ?? claim.diffId)}`;
  const meter = startTask(ctx, title, claim.size);
  const tap: TapOptions = {
    ...(claim.size === undefined ? {} : { maxBytes: claim.size }),
    tooLong: () => wrongSize(`more than ${claim.size}`, claim),
    onChunk(chunk) {
      meter.advance(chunk.length);
      return options.keep?.(chunk);
    },
  };
  try {
    const codecs = codecsFor(system, kind, claim.size ?? 0);
    const recorder = new TapeRecorder(fastPacker);
    const read =
      codecs === undefined
        ? await recordHere(system, ctx, stored, kind, claim, tap, options.maxBytes, recorder)
        : await gunzipPast(codecs, ctx, stored, claim, tap, options.maxBytes, (piece) =>
            recorder.push(piece),
          );
    if (claim.size !== undefined && read.storedSize !== claim.size)
      throw wrongSize(`${read.storedSize}`, claim);
    if (claim.digest !== undefined) requireDigest(read.digest, claim.digest, 'digest');
    requireDigest(read.diffId, claim.diffId, 'diff_id');
    const tape = recorder.finish();
    meter.finish();
    const { digest, storedSize: size } = read;
    return { tape, known: { kind, digest, size, tarSize: tape.size } };
  } catch (error) {
    meter.finish('failed');
    throw error;
  }
}

/** On this thread and Node's pool. */
async function recordHere(
  system: System,
  ctx: Context,
  stored: AsyncIterable<Uint8Array>,
  kind: KnownBytes['kind'],
  claim: Claim,
  options: TapOptions,
  maxBytes: number,
  recorder: TapeRecorder,
): Promise<Gunzipped> {
  const tap = new StoredTap(ctx, stored, algorithmOf(claim.digest ?? claim.diffId), options);
  const hasher = tarHasher(system, claim);
  let size = 0;
  try {
    const tar =
      kind === 'plain' ? tap.bytes() : decompress(tap.bytes(), kind, Number.POSITIVE_INFINITY);
    for await (const chunk of capped(tar, maxBytes)) {
      recorder.push(chunk);
      size += chunk.length;
      await hasher.update(chunk);
    }
    const digest = await tap.finish();
    const diffId = digestFromHex(algorithmOf(claim.diffId), await hasher.digest());
    return { digest, storedSize: tap.size, diffId, size };
  } finally {
    hasher.close();
    await tap.close();
  }
}

function wrongSize(many: string, { size }: Claim): ShipperError {
  return mismatch(`it has ${many} bytes where the manifest says ${size}`);
}

/** Hashes a tar that goes by. */
interface TarHasher {
  update(chunk: Uint8Array): Promise<void>;
  /** Hex of all that was given. */
  digest(): Promise<string>;
  close(): void;
}

/** On a thread where the layer is large: hashing takes as long as decompressing. */
function tarHasher(system: System, { diffId, size = 0 }: Claim): TarHasher {
  const algorithm = algorithmOf(diffId);
  if (size >= THREAD_FROM_BYTES && system.cores > 1) {
    return threadHasher(system.threads.hasher(algorithm));
  }
  const hash = createHash(algorithm);
  return {
    update: async (chunk) => void hash.update(chunk),
    digest: async () => hash.digest('hex'),
    close: () => undefined,
  };
}

function threadHasher(hasher: ReturnType<System['threads']['hasher']>): TarHasher {
  const pipe = new ChunkPipe([(chunk) => hasher.update(chunk)], () => undefined);
  return {
    async update(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const space = pipe.space();
        const part = chunk.subarray(at, at + space.length);
        space.set(part);
        at += part.length;
        const waited = pipe.filled(part.length);
        if (waited !== undefined) await waited;
      }
    },
    async digest() {
      await pipe.finish();
      return hasher.digest();
    },
    close: () => hasher.close(),
  };
}

/** Refuses a layer as soon as it is too large, before it has filled memory or disk. */
export async function* capped(
  tar: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of tar) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw tooLarge(maxBytes);
    }
    yield chunk;
  }
}

/** Throws `DIGEST_MISMATCH` unless both are the same. */
export function requireDigest(actual: Digest, expected: Digest, what: string): void {
  if (actual !== expected) throw mismatch(`its ${what} is ${actual} where ${expected} is claimed`);
}

/** What a layer is refused with whose bytes are not what its image says. */
export function mismatch(reason: string): ShipperError {
  return new ShipperError('DIGEST_MISMATCH', `Cannot trust a layer: ${reason}`);
}
