// What a copy does with each layer, and whether the manifest can stay what it is.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type {
  Descriptor,
  Image,
  Layer,
  LayerProducer,
  MediaFamily,
  RawManifest,
  StoredLayer,
} from '../image/image.ts';
import { isNondistributable, layerType } from '../image/media-types.ts';
import { describeCopy } from '../transport/sink.ts';
import { factsOf, lookAt, tarOf } from '../transport/stored-facts.ts';

/** What is done with one layer. */
export type LayerStep =
  /** Its bytes as they are, under that descriptor. */
  | { readonly kind: 'copy'; readonly stored: StoredLayer }
  /** A tar without compression: compressed where the destination wants that, else as it is. */
  | { readonly kind: 'tar'; readonly producer: LayerProducer; readonly stored: StoredLayer }
  /** Made anew, in this way. */
  | { readonly kind: 'make'; readonly producer: LayerProducer; readonly compression: Compression }
  /** Not copied: nobody may pass it on. */
  | { readonly kind: 'leave'; readonly stored: StoredLayer };

/** One image of a copy. */
export interface ImagePlan {
  readonly image: Image;
  readonly steps: readonly LayerStep[];
  readonly family: MediaFamily;
  /** The source's own, where every layer stays as it is. */
  readonly kept: RawManifest | undefined;
}

/** What decides. */
export interface PlanOptions {
  readonly compression: Compression | undefined;
  readonly allowNondistributable: boolean;
  /** An engine with a graph driver, which unpacks layers and may not know zstd. */
  readonly isUnpacked: boolean;
  /** A layer that is left out would make the result useless. */
  readonly isWhole: boolean;
}

/** Plans one image. Layers of a source without a manifest are read for it. */
export async function planImage(
  ctx: Context,
  image: Image,
  options: PlanOptions,
): Promise<ImagePlan> {
  const steps: LayerStep[] = [];
  for (const [index, layer] of image.layers.entries()) {
    steps.push(await planLayer(ctx, image, layer, index, options));
  }
  const isKept = steps.every(({ kind }) => kind === 'copy' || kind === 'leave');
  const kept = isKept ? image.manifest : undefined;
  const left = steps.findIndex(({ kind }) => kind === 'leave');
  if (left >= 0 && (kept === undefined || options.isWhole)) throw nondistributable(image, left);
  return { image, steps, family: familyOf(image, steps, options), kept };
}

async function planLayer(
  ctx: Context,
  image: Image,
  layer: Layer,
  index: number,
  options: PlanOptions,
): Promise<LayerStep> {
  const stored = describeCopy(layer);
  const { mediaType } = layer.descriptor;
  if (isNondistributable(mediaType) && !options.allowNondistributable)
    return { kind: 'leave', stored };
  const { compression, isUnpacked } = options;
  try {
    if (image.manifest === undefined) return await planUnnamed(ctx, image, layer, options);
    if (isUnpacked && /[+.]zstd$/.test(mediaType)) return await unpack(ctx, layer);
    const isPlain = mediaType.endsWith('.tar');
    const compresses = compression !== undefined && compression.kind !== 'none';
    if (!isUnpacked && compresses && isPlain) return await compress(ctx, layer, compression);
    return { kind: 'copy', stored };
  } catch (error) {
    throw inLayer(error, image, index);
  }
}

/** Of a medium without a manifest only the diff_id is known. */
async function planUnnamed(
  ctx: Context,
  { family }: Image,
  layer: Layer,
  { compression, isUnpacked }: PlanOptions,
): Promise<LayerStep> {
  const look = await lookAt(ctx, layer);
  const { diffId } = layer;
  if (look.kind === 'plain') {
    const producer = tarOf(layer, 'plain', look.size);
    if (compression !== undefined && compression.kind !== 'none' && !isUnpacked)
      return { kind: 'make', producer, compression };
    const descriptor = { mediaType: layerType(family, 'none'), digest: diffId, size: look.size };
    const stored = { diffId, descriptor };
    return compression === undefined ? { kind: 'tar', producer, stored } : { kind: 'copy', stored };
  }
  if (isUnpacked && look.kind === 'zstd') return unpack(ctx, layer);
  const { digest, size } = await factsOf(ctx, layer, look);
  const descriptor: Descriptor = { mediaType: layerType(family, look.kind), digest, size };
  return { kind: 'copy', stored: { diffId, descriptor } };
}

async function unpack(ctx: Context, layer: Layer): Promise<LayerStep> {
  const facts = await factsOf(ctx, layer, await lookAt(ctx, layer));
  const producer = tarOf(layer, facts.kind, facts.tarBytes);
  return { kind: 'make', producer, compression: { kind: 'none' } };
}

/** Types lie: what is compressed already stays as it is. */
async function compress(ctx: Context, layer: Layer, compression: Compression): Promise<LayerStep> {
  const look = await lookAt(ctx, layer);
  if (look.kind !== 'plain') return { kind: 'copy', stored: describeCopy(layer) };
  return { kind: 'make', producer: tarOf(layer, 'plain', look.size), compression };
}

/** Docker's family has no type for zstd. */
function familyOf(
  { family }: Image,
  steps: readonly LayerStep[],
  { compression }: PlanOptions,
): MediaFamily {
  const makesZstd = compression?.kind === 'zstd' && steps.some(({ kind }) => kind === 'make');
  return makesZstd ? 'oci' : family;
}

/** The type of a layer in another family: manifests do not mix them. */
export function typeIn(family: MediaFamily, mediaType: string): string {
  if (/[+.]gzip$/.test(mediaType)) return layerType(family, 'gzip');
  if (/[+.]zstd$/.test(mediaType)) return layerType('oci', 'zstd');
  return layerType(family, 'none');
}

/** Errors say which layer they are about. What was never read before did not change: it never was what it should be. */
export function inLayer(error: unknown, { name }: Image, layer: number): unknown {
  if (!(error instanceof ShipperError) || error.code === 'INTERRUPTED') return error;
  const { hint, retryable, details } = error;
  const options = { ...details, layer, ...(hint === undefined ? {} : { hint }), retryable };
  const where = `layer ${layer + 1}`;
  if (error.code === 'SOURCE_CHANGED') {
    return new ShipperError(
      'DIGEST_MISMATCH',
      `Cannot copy ${name}: ${where} is not what its digest says`,
      { ...options, cause: error },
    );
  }
  return new ShipperError(error.code, `Cannot copy ${name}: ${where}: ${error.message}`, {
    ...options,
    cause: error,
  });
}

function nondistributable({ name, layers }: Image, layer: number): ShipperError {
  return new ShipperError(
    'UNSUPPORTED',
    `Cannot copy ${name}: layer ${layer + 1} may not be distributed (${layers[layer]?.descriptor.mediaType})`,
    { layer, hint: '--allow-nondistributable copies it nevertheless' },
  );
}
