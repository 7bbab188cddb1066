// Opens a layer that is stored as a run of bytes: as it is where it is a plain tar, else decompressed into a spool.
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { decompress } from '../blob/decompress.ts';
import { SNIFF_BYTES, sniffCompression } from '../blob/sniff.ts';
import { type Context, startTask } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex, hexOf, shortDigest } from '../core/digest.ts';
import { isShipperError, ShipperError, withDetails } from '../core/errors.ts';
import type { Descriptor, Layer, LayerTar, OpenOptions } from '../image/image.ts';
import { createSpool, requireSpace, spoolStream } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { type Region, readRegion, streamRegion } from './region.ts';

/** Where and what a stored layer is. */
export interface StoredLayerFacts {
  readonly descriptor: Descriptor;
  /** Whether the medium gives the digest of the stored bytes: a legacy archive only knows the diff_id. */
  readonly hasStoredDigest: boolean;
  readonly diffId: Digest;
  /** Position in the image, base first. */
  readonly index: number;
  /** Opens the stored bytes. */
  readonly open: (ctx: Context) => Promise<OpenRegion>;
}

/** A region, and how to let go of its file. */
export interface OpenRegion extends AsyncDisposable {
  readonly region: Region;
}

/** A layer of any medium that stores bytes. */
export function storedLayer(system: System, facts: StoredLayerFacts): Layer {
  return {
    descriptor: facts.descriptor,
    diffId: facts.diffId,
    async open(ctx, options = {}) {
      let opened: OpenRegion | undefined;
      try {
        opened = await facts.open(ctx);
        return await openLayer(system, ctx, facts, opened, options);
      } catch (error) {
        await opened?.[Symbol.asyncDispose]();
        throw inLayer(error, facts);
      }
    },
    async openStored(ctx) {
      const opened = await facts.open(ctx);
      return {
        size: opened.region.size,
        stream: (offset) => streamRegion(ctx, opened.region, offset),
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    },
  };
}

async function openLayer(
  system: System,
  ctx: Context,
  facts: StoredLayerFacts,
  opened: OpenRegion,
  options: OpenOptions,
): Promise<LayerTar> {
  const { region } = opened;
  if (facts.hasStoredDigest && region.size !== facts.descriptor.size) {
    throw mismatch(`it has ${region.size} bytes where the manifest says ${facts.descriptor.size}`);
  }
  const head = new Uint8Array(SNIFF_BYTES);
  readRegion(region, head, 0);
  const kind = sniffCompression(head);
  if (kind === 'plain') return openPlain(system, ctx, facts, opened);
  if (kind === 'gzip' || kind === 'zstd')
    return await openCompressed(system, ctx, facts, opened, kind, options);
  throw new ShipperError('UNSUPPORTED', `Cannot read a layer: it is compressed with ${kind}`, {
    hint: 'Recompress the image with gzip or zstd, for example with skopeo copy --dest-compress',
  });
}

/** Used where it lies; hashed beside. */
async function openPlain(
  system: System,
  ctx: Context,
  facts: StoredLayerFacts,
  opened: OpenRegion,
): Promise<LayerTar> {
  const { region } = opened;
  const before = await region.file.facts();
  // Whoever closes the layer early, after a failure elsewhere, does not wait for the hash of all its bytes.
  const closing = new AbortController();
  const { signal } = closing;
  const stop = () => closing.abort(ctx.signal.reason);
  if (ctx.signal.aborted) stop();
  else {
    // One listener a layer, each taken back on dispose: many are no leak.
    setMaxListeners(0, ctx.signal);
    ctx.signal.addEventListener('abort', stop, { once: true });
  }
  const hashing = hashRegion(system, signal, region, facts.diffId);
  const checked = (async () => {
    requireDigest(await hashing, facts.diffId, 'diff_id');
    if (!facts.hasStoredDigest || facts.descriptor.digest === facts.diffId) return;
    requireDigest(
      await hashRegion(system, signal, region, facts.descriptor.digest),
      facts.descriptor.digest,
      'digest',
    );
  })();
  checked.catch(() => undefined);
  return {
    size: region.size,
    readSync: (target, position) => readRegion(region, target, position),
    async verified() {
      try {
        await checked;
        await requireUnchanged(region, before.version);
      } catch (error) {
        throw inLayer(error, facts);
      }
    },
    async [Symbol.asyncDispose]() {
      ctx.signal.removeEventListener('abort', stop);
      closing.abort();
      await checked.catch(() => undefined);
      await opened[Symbol.asyncDispose]();
    },
  };
}

async function hashRegion(
  system: System,
  signal: AbortSignal,
  { file, offset, size }: Region,
  expected: Digest,
): Promise<Digest> {
  const algorithm = algorithmOf(expected);
  const job = { fd: file.fd, offset, length: size, algorithm, signal };
  return digestFromHex(algorithm, await system.threads.hashFile(job));
}

async function requireUnchanged(region: Region, version: string): Promise<void> {
  const now = await region.file.facts();
  if (now.version === version) return;
  const { path } = region.file;
  throw new ShipperError(
    'SOURCE_CHANGED',
    `Cannot read ${path}: it was written to while it was read`,
    { path },
  );
}

/** Decompressed into a spool, with the stored digest checked on the way. */
async function openCompressed(
  system: System,
  ctx: Context,
  facts: StoredLayerFacts,
  opened: OpenRegion,
  kind: 'gzip' | 'zstd',
  { maxBytes = Number.POSITIVE_INFINITY }: OpenOptions,
): Promise<LayerTar> {
  await requireSpace(system.files, system.tmpdir, opened.region.size, 'the decompressed layer');
  const spool = await createSpool(system);
  try {
    const meter = startTask(
      ctx,
      `decompress ${shortDigest(facts.descriptor.digest)}`,
      opened.region.size,
    );
    const hash = createHash(algorithmOf(facts.descriptor.digest));
    const stored = (async function* () {
      for await (const chunk of streamRegion(ctx, opened.region)) {
        if (facts.hasStoredDigest) hash.update(chunk);
        meter.advance(chunk.length);
        yield chunk;
      }
    })();
    const tar = capped(decompress(stored, kind, Number.POSITIVE_INFINITY), maxBytes);
    const size = await spoolStream(system, ctx, spool, tar);
    meter.finish();
    if (facts.hasStoredDigest) {
      const { digest } = facts.descriptor;
      requireDigest(digestFromHex(algorithmOf(digest), hash.digest('hex')), digest, 'digest');
    }
    await opened[Symbol.asyncDispose]();
    const region = { file: spool.file, offset: 0, size };
    return await openPlain(
      system,
      ctx,
      { ...facts, hasStoredDigest: false },
      { region, [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose]() },
    );
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}

/** Refuses a layer as soon as it is too large, before it has filled the disk. */
async function* capped(
  tar: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of tar) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot decompress a layer: it becomes more than ${maxBytes} bytes`,
        { hint: 'The cap follows from --max-output: raise that if the image is to be trusted' },
      );
    }
    yield chunk;
  }
}

function requireDigest(actual: Digest, expected: Digest, what: string): void {
  if (actual !== expected) throw mismatch(`its ${what} is ${actual} where ${expected} is claimed`);
}

function mismatch(reason: string): ShipperError {
  return new ShipperError('DIGEST_MISMATCH', `Cannot trust a layer: ${reason}`);
}

function inLayer(error: unknown, facts: StoredLayerFacts): unknown {
  return isShipperError(error, 'INTERRUPTED') ? error : withDetails(error, { layer: facts.index });
}

/** The digest's hex as archives use it in paths. */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}
