// An image with its layers open and its root file system planned: what flatten, verify and inspect start from.
import { type Context, throwIfAborted } from '../core/context.ts';
import { shortDigest } from '../core/digest.ts';
import { isShipperError, reworded, ShipperError } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import { inSlices } from '../core/slices.ts';
import { emitPlan } from '../flatten/emit.ts';
import { Followers } from '../flatten/follow.ts';
import { type FlatPlan, planInSlices } from '../flatten/plan.ts';
import { DEFAULT_POLICY, type MergePolicy, Warnings } from '../flatten/policy.ts';
import { STASH_BYTES } from '../flatten/stash.ts';
import type { Image, LayerProducer, LayerTar, OpenOptions } from '../image/image.ts';
import { isNondistributable } from '../image/media-types.ts';
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
  /** How the content is wanted: by default in the order of the plan. */
  readonly access?: OpenOptions['access'];
  /** What may wait in memory of layers that are read in their own order, in bytes. */
  readonly stashBytes?: number;
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
    // What is kept is not written: mostly its headers are enough.
    const accessOf = (index: number) => (index < kept.layers ? 'headers' : options.access);
    await openLayers(ctx, image, options, layers, accessOf);
    throwIfAborted(ctx);
    const wanted = new Set<number>();
    let plan = await planLayers(ctx, image, options, layers, wanted);
    if (wanted.size > 0) {
      for (const index of wanted) await layers[index]?.[Symbol.asyncDispose]();
      const again = (index: number) => (wanted.has(index) ? 'random' : undefined);
      await openLayers(ctx, image, options, layers, again, wanted);
      plan = await planLayers(ctx, image, options, layers, new Set());
    }
    const contents = layers.map(({ content }) => content);
    const stashBytes = options.stashBytes ?? STASH_BYTES;
    const produce: LayerProducer['produce'] = async (context, sink) => {
      try {
        await using followers = new Followers(context, plan, contents, stashBytes);
        await emitPlan(context, plan, followers.sources, sink);
        await followers.finish();
      } catch (error) {
        throw inImageOnce(error, image);
      }
    };
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

/** Opens the layers, or those of `only`, side by side. */
async function openLayers(
  ctx: Context,
  image: Image,
  options: RootOptions,
  layers: LayerTar[],
  accessOf: (index: number) => OpenOptions['access'],
  only?: ReadonlySet<number>,
): Promise<void> {
  const maxBytes = maxLayerBytes(options);
  const indexes = [...image.layers.keys()].filter((index) => only?.has(index) ?? true);
  await runAll(
    indexes.map((index) => async () => {
      const access = accessOf(index);
      const opened = await image.layers[index]?.open(ctx, {
        maxBytes,
        ...(access === undefined ? {} : { access }),
      });
      if (opened !== undefined) layers[index] = opened;
    }),
    options.jobs,
  );
}

/** Plans the merge. `wanted` gets the layers whose files would have to be compared and cannot be read at any position. */
async function planLayers(
  ctx: Context,
  image: Image,
  options: RootOptions,
  layers: readonly LayerTar[],
  wanted: Set<number>,
): Promise<FlatPlan> {
  const planning = planInSlices(
    layers.map((tar) => () => tar.entries()),
    { ...DEFAULT_POLICY, ...options.policy },
    warningsOf(image),
    {
      keptLayers: options.kept?.layers ?? 0,
      exclude: options.exclude ?? [],
      sameContent: sameContentIn(
        layers.map(({ content }) => content),
        wanted,
      ),
    },
  );
  return await inSlices(ctx, planning);
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

/** The same for what comes up while the content is read, which may be somebody else's failure: a sink's. */
function inImageOnce(error: unknown, image: Image): unknown {
  return isShipperError(error) && error.details.layer !== undefined ? inImage(error, image) : error;
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
  const message = `Cannot read ${image.name}: ${place}${error.message}`;
  return reworded(error, message, { image: image.name });
}
