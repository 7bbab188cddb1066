// A layer whose tar is decompressed into a temporary file, and is read there at any position.
import { decompress } from '../blob/decompress.ts';
import { type Context, startTask } from '../core/context.ts';
import { algorithmOf, shortDigest } from '../core/digest.ts';
import type { LayerTar, OpenOptions } from '../image/image.ts';
import { createSpool, requireSpace, spoolStream, type TempFile } from '../system/spool.ts';
import type { Codecs, System } from '../system/system.ts';
import { codecsFor, gunzipInto } from './gunzip-layer.ts';
import { capped, mismatch, requireDigest } from './index-layer.ts';
import type { LayerOpener } from './layer-opener.ts';
import { type LayerFacts, openPlain } from './plain-layer.ts';
import type { StoredBytesSource } from './stored-source.ts';
import { StoredTap, type TapOptions } from './stored-tap.ts';

/** The tar in a temporary file, with the stored bytes checked on the way. */
export async function openSpooled(
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
