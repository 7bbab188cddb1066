// An image with its layers open and its root file system planned: what flatten, verify and inspect start from.
import { type Context, throwIfAborted } from '../core/context.ts';
import { shortDigest } from '../core/digest.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import { inSlices } from '../core/slices.ts';
import { emitPlan } from '../flatten/emit.ts';
import { type FlatPlan, planInSlices } from '../flatten/plan.ts';
import { DEFAULT_POLICY, type MergePolicy, Warnings } from '../flatten/policy.ts';
import type { Image, LayerProducer, LayerTar } from '../image/image.ts';
import { isNondistributable } from '../image/media-types.ts';
import { scanTar } from '../tar/scan.ts';
import { sameContentIn } from './content-reader.ts';
import type { KeptLayers } from './kept-layers.ts';

/** How images are read. */
export interface RootOptions {
  readonly policy?: Partial<MergePolicy>;
  readonly allowNondistributable?: boolean;
  /** Layers opened at once. */
  readonly jobs: number;
  /** Layers that stay as they are: the plan is the one layer above them. Default none. */
  readonly kept?: KeptLayers;
  /** Patterns of paths that are left out. Default none. */
  readonly exclude?: readonly string[];
}

/** An image whose layers are open. Dispose it. */
export interface OpenRoot extends AsyncDisposable {
  readonly image: Image;
  readonly layers: readonly LayerTar[];
  readonly plan: FlatPlan;
  readonly kept: KeptLayers;
  /** Uncompressed layer tars, in bytes. */
  readonly tarBytes: number;
  /** The flat layer; may be produced any number of times. */
  readonly producer: LayerProducer;
  /** Resolves once every byte that was read is known to be what the image claims. */
  verified(): Promise<void>;
}

/** Opens the layers of an image and plans its root file system. Errors name the image, the layer and the entry. */
export async function openRoot(
  ctx: Context,
  image: Image,
  options: RootOptions,
): Promise<OpenRoot> {
  refuseForeign(image, options.allowNondistributable ?? false);
  const { kept = { layers: 0 } } = options;
  const layers: LayerTar[] = [];
  const close = async () => {
    // Layers open side by side: after a failure some may be missing before others.
    for (const layer of layers.filter(Boolean)) await layer[Symbol.asyncDispose]();
  };
  try {
    await runAll(
      image.layers.map((layer, index) => async () => {
        layers[index] = await layer.open(ctx, { maxBytes: maxLayerBytes(options) });
      }),
      options.jobs,
    );
    throwIfAborted(ctx);
    const planning = planInSlices(
      layers.map((tar) => () => scanTar(tar)),
      { ...DEFAULT_POLICY, ...options.policy },
      warningsOf(image),
      {
        keptLayers: kept.layers,
        exclude: options.exclude ?? [],
        sameContent: sameContentIn(layers),
      },
    );
    const plan = await inSlices(ctx, planning);
    const produce: LayerProducer['produce'] = (context, sink) =>
      emitPlan(context, plan, layers, sink);
    return {
      image,
      layers,
      plan,
      kept,
      tarBytes: layers.reduce((sum, { size }) => sum + size, 0),
      producer: { name: image.name, size: plan.size, produce },
      async verified() {
        for (const layer of layers)
          await layer.verified().catch((error) => Promise.reject(inImage(error, image)));
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw inImage(error, image);
  }
}

/**
 * No layer may fill the disk before `--max-output` is asked. Twice that and 1 GiB, because much of a layer may be hidden
 * by those above it and does not count as output.
 */
function maxLayerBytes({ policy }: RootOptions): number {
  return (policy?.maxOutputBytes ?? DEFAULT_POLICY.maxOutputBytes) * 2 + 1_073_741_824;
}

/** What the manifest alone says that must be told. */
function warningsOf(image: Image): Warnings {
  const warnings = new Warnings();
  for (const [layer, { descriptor }] of image.layers.entries()) {
    if (descriptor.hasUrls !== true || isNondistributable(descriptor.mediaType)) continue;
    const what = 'The layer names URLs to fetch it from: they are never used';
    warnings.addOnce('layer-urls-ignored', layer, `urls:${layer}`, what);
  }
  return warnings;
}

function refuseForeign(image: Image, isAllowed: boolean): void {
  if (image.platform.os === 'windows') {
    throw new ShipperError(
      'UNSUPPORTED',
      `Cannot read ${image.name}: it is a Windows image, whose layers follow other rules`,
    );
  }
  const index = image.layers.findIndex(({ descriptor }) =>
    isNondistributable(descriptor.mediaType),
  );
  if (index < 0 || isAllowed) return;
  throw new ShipperError(
    'UNSUPPORTED',
    `Cannot read ${image.name}: layer ${index + 1} may not be distributed (${image.layers[index]?.descriptor.mediaType})`,
    {
      layer: index,
      hint: 'A flat image would carry its content along; --allow-nondistributable says that this is intended',
    },
  );
}

/** The same error, saying in which layer of which image it came up. */
function inImage(error: unknown, image: Image): unknown {
  if (!isShipperError(error) || error.code === 'INTERRUPTED') return error;
  const { layer } = error.details;
  const digest = layer === undefined ? undefined : image.layers[layer]?.diffId;
  const place =
    layer === undefined || digest === undefined
      ? ''
      : `layer ${layer + 1} of ${image.layers.length} (${shortDigest(digest)}): `;
  return new ShipperError(error.code, `Cannot read ${image.name}: ${place}${error.message}`, {
    ...error.details,
    image: image.name,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: error.retryable,
    cause: error,
  });
}
