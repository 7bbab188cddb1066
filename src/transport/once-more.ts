// A layer that is read from its start each time: decompressed into a file, kept as stored, or fetched again, as the run has
// it (`spool-mode.ts`).
import type { Context } from '../core/context.ts';
import type { LayerTar, OpenOptions } from '../image/image.ts';
import { createSpool, requireSpace, SpoolWriter } from '../system/spool.ts';
import { tooLarge } from './gunzip-layer.ts';
import { type Claim, type Indexed, indexLayer } from './index-layer.ts';
import type { LayerOpener } from './layer-opener.ts';
import { openOverflow } from './overflow.ts';
import { type BesideCheck, checkBeside, inLayer, type LayerFacts } from './plain-layer.ts';
import { rereadTar } from './reread.ts';
import type { SpoolMode } from './spool-mode.ts';
import { openSpooled } from './spooled-layer.ts';
import { regionSource, type StoredBytesSource } from './stored-source.ts';

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

/** A layer of which the headers are known; takes `source` over. */
export function indexedLayer(
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
