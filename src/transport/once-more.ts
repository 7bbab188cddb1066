// A layer that is read from its start each time: decompressed into a file, kept as stored, or fetched again, as the run has
// it (`spool-mode.ts`).
import { decompress } from '../blob/decompress.ts';
import { type Context, startTask } from '../core/context.ts';
import { algorithmOf, shortDigest } from '../core/digest.ts';
import type { LayerTar, OpenOptions } from '../image/image.ts';
import {
  createSpool,
  requireSpace,
  SpoolWriter,
  spoolStream,
  type TempFile,
} from '../system/spool.ts';
import type { Codecs, System } from '../system/system.ts';
import { codecsFor, gunzipInto, tooLarge } from './gunzip-layer.ts';
import {
  type Claim,
  capped,
  type Indexed,
  indexLayer,
  mismatch,
  requireDigest,
} from './index-layer.ts';
import type { LayerOpener } from './layer-opener.ts';
import { openOverflow } from './overflow.ts';
import {
  type BesideCheck,
  checkBeside,
  inLayer,
  type LayerFacts,
  openPlain,
} from './plain-layer.ts';
import { type Region, streamRegion } from './region.ts';
import { type KnownBytes, rereadTar } from './reread.ts';
import type { SpoolMode } from './spool-mode.ts';
import { StoredTap, type TapOptions } from './stored-tap.ts';

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

/** Opens the layer; takes `source` over. */
export async function openOnceMore(
  opener: LayerOpener,
  ctx: Context,
  facts: LayerFacts,
  source: StoredBytesSource,
  options: OpenOptions,
): Promise<LayerTar> {
  const choice = await opener.spooling.choose(facts.descriptor.size);
  const mode = modeFor(opener, source, options, choice.mode);
  const release = () => choice.release();
  try {
    if (mode === 'tar')
      return releasing(await openSpooled(opener, ctx, facts, source, options), release);
    return releasing(await openIndexed(opener, ctx, facts, source, { ...options, mode }), release);
  } catch (error) {
    release();
    throw error;
  }
}

/** What is asked for goes before what there is room for. A file of the cache needs no second one unless that is asked for. */
function modeFor(
  { cache, spooling }: LayerOpener,
  source: StoredBytesSource,
  options: OpenOptions,
  chosen: Exclude<SpoolMode, 'auto'>,
): Exclude<SpoolMode, 'auto'> {
  if (options.access === 'random') return 'tar';
  if (options.access === 'headers') return 'none';
  const isCached = cache !== undefined && source.region !== undefined;
  return isCached && !spooling.isChosen ? 'compressed' : chosen;
}

/** The same layer, that also gives its room back. */
function releasing<T extends LayerTar>(layer: T, release: () => void): T {
  return {
    ...layer,
    async [Symbol.asyncDispose]() {
      release();
      await layer[Symbol.asyncDispose]();
    },
  };
}

/** The tar in a temporary file, with the stored bytes checked on the way. */
async function openSpooled(
  { system }: LayerOpener,
  ctx: Context,
  facts: LayerFacts,
  source: StoredBytesSource,
  { maxBytes = Number.POSITIVE_INFINITY }: OpenOptions,
): Promise<LayerTar> {
  const stored = facts.hasStoredDigest ? facts.descriptor.size : (source.region?.size ?? 0);
  await requireSpace(system.files, system.tmpdir, stored, 'the decompressed layer');
  const spool = await createSpool(system);
  try {
    const meter = startTask(ctx, `decompress ${shortDigest(facts.descriptor.digest)}`, stored);
    const tap: TapOptions = {
      ...(facts.hasStoredDigest ? { maxBytes: stored } : {}),
      tooLong: () => mismatch(`it has more than ${stored} bytes where the manifest says ${stored}`),
      onChunk: (chunk) => void meter.advance(chunk.length),
    };
    const codecs = codecsFor(system, source.kind, stored);
    const size =
      codecs === undefined
        ? await spoolHere(system, ctx, facts, source, tap, maxBytes, spool)
        : await spoolBeside(system, codecs, ctx, facts, source, tap, maxBytes, spool);
    meter.finish();
    await source[Symbol.asyncDispose]();
    const region = { file: spool.file, offset: 0, size };
    return await openPlain(
      system,
      ctx,
      { ...facts, hasStoredDigest: false },
      { region, [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose]() },
      codecs !== undefined,
    );
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}

/** Decompresses on Node's pool; the tar is hashed beside the planning, where it lies. */
async function spoolHere(
  system: System,
  ctx: Context,
  { descriptor: { digest }, hasStoredDigest }: LayerFacts,
  source: StoredBytesSource,
  options: TapOptions,
  maxBytes: number,
  spool: TempFile,
): Promise<number> {
  const tap = new StoredTap(ctx, source.stream(ctx), algorithmOf(digest), options);
  try {
    const { kind } = source;
    const tar =
      kind === 'plain' ? tap.bytes() : decompress(tap.bytes(), kind, Number.POSITIVE_INFINITY);
    const size = await spoolStream(system, ctx, spool, capped(tar, maxBytes));
    const actual = await tap.finish();
    if (hasStoredDigest) requireDigest(actual, digest, 'digest');
    return size;
  } finally {
    await tap.close();
  }
}

/** Decompresses on a thread, which also hashes. */
async function spoolBeside(
  system: System,
  codecs: Codecs,
  ctx: Context,
  { descriptor: { digest }, diffId, hasStoredDigest }: LayerFacts,
  source: StoredBytesSource,
  tap: TapOptions,
  maxBytes: number,
  spool: TempFile,
): Promise<number> {
  const stored = source.stream(ctx);
  const claim = { digest, diffId };
  const read = await gunzipInto(system, codecs, ctx, stored, claim, tap, maxBytes, spool);
  if (hasStoredDigest) requireDigest(read.digest, digest, 'digest');
  requireDigest(read.diffId, diffId, 'diff_id');
  return read.size;
}

/** Only the headers are kept; the content is read again when it is wanted. */
async function openIndexed(
  opener: LayerOpener,
  ctx: Context,
  facts: LayerFacts,
  source: StoredBytesSource,
  options: OpenOptions & { readonly mode: 'compressed' | 'none' },
): Promise<LayerTar> {
  const { system } = opener;
  const { maxBytes = Number.POSITIVE_INFINITY, mode } = options;
  const old = await tapeOf(opener, facts, source);
  if (old !== undefined) {
    const { tape, known } = old;
    if (tape.size > maxBytes) throw tooLarge(maxBytes);
    const check = await checkStored(opener, ctx, facts, source);
    return indexedLayer(opener, facts, source, { tape, known }, mode, check);
  }
  const kept =
    mode === 'compressed' && source.region === undefined ? await createSpool(system) : undefined;
  try {
    const writer = kept === undefined ? undefined : new SpoolWriter(system, kept);
    if (writer !== undefined)
      await requireSpace(system.files, system.tmpdir, facts.descriptor.size, 'the layer');
    const keep = writer === undefined ? {} : { keep: (chunk: Uint8Array) => writer.write(chunk) };
    const claim = claimOf(facts);
    let indexed: Indexed;
    try {
      indexed = await indexLayer(system, ctx, source.stream(ctx), source.kind, claim, {
        maxBytes,
        ...keep,
      });
    } finally {
      await writer?.settle();
    }
    await writer?.finish();
    await opener.cache?.putTape(facts, indexed.tape);
    if (kept === undefined) {
      const check = source.region && (await checkBeside(system, ctx, source.region, []));
      return indexedLayer(opener, facts, source, indexed, mode, check);
    }
    await source[Symbol.asyncDispose]();
    const region = { file: kept.file, offset: 0, size: indexed.known.size };
    const spooled = regionSource(source.kind, region, () => kept[Symbol.asyncDispose]());
    return indexedLayer(opener, facts, spooled, indexed, mode, undefined);
  } catch (error) {
    await kept?.[Symbol.asyncDispose]();
    throw error;
  }
}

function claimOf({ descriptor, hasStoredDigest, diffId }: LayerFacts): Claim {
  const { digest, size } = descriptor;
  return hasStoredDigest
    ? { diffId, digest, size }
    : { diffId, digest: undefined, size: undefined };
}

/** The tape of an earlier run, where the stored bytes lie in a file that can be checked beside. */
async function tapeOf(
  { cache }: LayerOpener,
  facts: LayerFacts,
  { kind, region }: StoredBytesSource,
): Promise<Indexed | undefined> {
  if (cache === undefined || region === undefined || !facts.hasStoredDigest) return undefined;
  const tape = await cache.tape(facts);
  const { digest, size } = facts.descriptor;
  return tape && { tape, known: { kind, digest, size, tarSize: tape.size } };
}

async function checkStored(
  { system }: LayerOpener,
  ctx: Context,
  { descriptor }: LayerFacts,
  { region }: StoredBytesSource,
): Promise<BesideCheck | undefined> {
  const claims = [{ digest: descriptor.digest, what: 'digest' }];
  return region && (await checkBeside(system, ctx, region, claims));
}

function indexedLayer(
  { system, spooling }: LayerOpener,
  facts: LayerFacts,
  source: StoredBytesSource,
  { tape, known }: Indexed,
  mode: 'compressed' | 'none',
  check: BesideCheck | undefined,
): LayerTar {
  const mayWrite = mode !== 'none' && spooling.mayWrite;
  return {
    size: tape.size,
    entries: () => tape.entries(),
    content: {
      size: tape.size,
      stream: (ctx) => rereadTar(ctx, source.stream(ctx), known),
      openOverflow: mayWrite ? () => openOverflow(system) : undefined,
    },
    async verified() {
      await check?.done().catch((error) => Promise.reject(inLayer(error, facts)));
    },
    async [Symbol.asyncDispose]() {
      await check?.stop();
      await source[Symbol.asyncDispose]();
    },
  };
}
