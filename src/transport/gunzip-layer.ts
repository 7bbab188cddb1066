// Layers of gzip that a thread decompresses: it hashes what comes and what it becomes, and may write that to a file itself, so
// that the main thread only carries the bytes of sockets.
import { requireRatio } from '../blob/decompress.ts';
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { Room, type TempFile } from '../system/spool.ts';
import { type Codecs, type System, THREAD_FROM_BYTES } from '../system/system.ts';
import { GunzipPump, type StepTaker } from './gunzip-pump.ts';
import { StoredTap, type TapOptions } from './stored-tap.ts';

/** Made at once, where the main thread looks at it. */
const OUTPUT_BYTES = 524_288;
/** Asked for of the disk before each step; a bomb makes more steps. */
const STEP_BYTES = 8_388_608;

/** What the digests are compared with: their algorithms count. */
export interface GunzipClaim {
  /** Undefined where the medium does not say. */
  readonly digest: Digest | undefined;
  readonly diffId: Digest;
}

/** What a stream was. */
export interface Gunzipped {
  /** Of the stored bytes, and how many there were. */
  readonly digest: Digest;
  readonly storedSize: number;
  /** Of the tar. */
  readonly diffId: Digest;
  readonly size: number;
}

/** The threads for a layer of `bytes`, to be read or made; undefined where that is better done here. */
export function codecsFor(system: System, kind: string, bytes: number): Codecs | undefined {
  const isWorthIt = kind === 'gzip' && bytes >= THREAD_FROM_BYTES && system.cores > 1;
  return isWorthIt ? system.threads.codecs : undefined;
}

/** Decompresses `stored` into `spool`, `maxBytes` at most. */
export async function gunzipInto(
  system: System,
  codecs: Codecs,
  ctx: Context,
  stored: AsyncIterable<Uint8Array>,
  claim: GunzipClaim,
  tap: TapOptions,
  maxBytes: number,
  spool: TempFile,
): Promise<Gunzipped> {
  const { file } = spool;
  const space = new Room(system.files, file.path);
  return gunzipLayer(codecs, ctx, stored, claim, tap, (made) => async (step) => {
    for (let isDone = false; !isDone; ) {
      if (!space.take(STEP_BYTES)) await space.ask(STEP_BYTES);
      const room = Math.min(STEP_BYTES, maxBytes + 1 - made.size);
      const done = await step({ file, position: made.size, room });
      made.add(done.produced);
      space.give(STEP_BYTES - done.produced);
      if (made.size > maxBytes) throw tooLarge(maxBytes);
      isDone = done.isDone;
    }
  });
}

/** Decompresses `stored` and shows the tar in pieces, `maxBytes` at most. The memory of a piece is used again. */
export async function gunzipPast(
  codecs: Codecs,
  ctx: Context,
  stored: AsyncIterable<Uint8Array>,
  claim: GunzipClaim,
  tap: TapOptions,
  maxBytes: number,
  look: (piece: Uint8Array) => void,
): Promise<Gunzipped> {
  const outputs = [0, 1].map(() => new Uint8Array(new SharedArrayBuffer(OUTPUT_BYTES)));
  return gunzipLayer(codecs, ctx, stored, claim, tap, (made) => async (step) => {
    const [first = new Uint8Array(), second = first] = outputs;
    let [current, other] = [first, second];
    for (let running = step(current); ; ) {
      const { produced, isDone } = await running;
      made.add(produced);
      if (made.size > maxBytes) throw tooLarge(maxBytes);
      // The thread goes on while this piece is looked at.
      if (!isDone) running = step(other);
      running.catch(() => undefined);
      look(current.subarray(0, produced));
      if (isDone) return;
      [current, other] = [other, current];
    }
  });
}

/** What came out so far. */
interface Made {
  readonly size: number;
  add(bytes: number): void;
}

async function gunzipLayer(
  codecs: Codecs,
  ctx: Context,
  stored: AsyncIterable<Uint8Array>,
  { digest, diffId }: GunzipClaim,
  options: TapOptions,
  taker: (made: Made) => StepTaker,
): Promise<Gunzipped> {
  const storedAlgorithm = algorithmOf(digest ?? diffId);
  const tap = new StoredTap(ctx, stored, storedAlgorithm, { ...options, isHashed: false });
  const stream = codecs.gunzip(storedAlgorithm, algorithmOf(diffId));
  let size = 0;
  const drain = taker({
    get size() {
      return size;
    },
    add(bytes) {
      size += bytes;
      requireRatio('gzip', tap.size, size);
    },
  });
  const pump = new GunzipPump(stream, drain);
  try {
    await pump.take(tap.bytes());
    const hex = await stream.digests();
    return {
      digest: digestFromHex(storedAlgorithm, hex.stored),
      storedSize: tap.size,
      diffId: digestFromHex(algorithmOf(diffId), hex.tar),
      size,
    };
  } finally {
    await pump.settle();
    stream.close();
    await tap.close();
  }
}

/** Refused as soon as it is too large, before it has filled memory or disk. */
export function tooLarge(maxBytes: number): ShipperError {
  return new ShipperError(
    'LIMIT_EXCEEDED',
    `Cannot decompress a layer: it becomes more than ${maxBytes} bytes`,
    { hint: 'The cap follows from --max-output: raise that if the image is to be trusted' },
  );
}
