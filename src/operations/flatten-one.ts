// One platform of a flatten: its root is planned, the gates are asked, the flat layer goes into every sink.
import type { Context } from '../core/context.ts';
import { digestOf } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { type ConfigEdit, editConfig } from '../image/config.ts';
import type { FinishedImage, Image, ImageSink, RawConfig, StoredLayer } from '../image/image.ts';
import { buildManifest } from '../image/manifest.ts';
import { typesOf } from '../image/media-types.ts';
import { formatPlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import { storeLayer } from '../transport/store-layer.ts';
import type { FlattenedImage, FlattenRequest } from './flatten-types.ts';
import type { OpenRoot } from './root.ts';
import { storeLayers } from './store-layers.ts';

/** The key of the manifest annotation that names the origin. */
export const ORIGIN_ANNOTATION = 'dev.shipper.origin.digest';
/** They say that the layers of a base are shared, which is only so where they are kept. */
const BASE_NAME = 'org.opencontainers.image.base.name';
const BASE_DIGEST = 'org.opencontainers.image.base.digest';

/** Choices that hold for every platform. */
export interface OneOptions {
  readonly request: FlattenRequest;
  readonly created: string | undefined;
  readonly jobs: number;
}

/** One platform in one sink. */
export interface SunkImage {
  readonly finished: FinishedImage;
  readonly isAlreadyFlat: boolean;
}

/** Throws `POLICY` where the flat image is not small enough. Reads the plan only. */
export function checkGates(root: OpenRoot, request: FlattenRequest): void {
  const { plan, image, tarBytes } = root;
  const after = keptTarBytes(root) + plan.size;
  const who = `${image.name} (${formatPlatform(image.platform)})`;
  const { maxSizeBytes, minSavingPercent } = request;
  if (maxSizeBytes !== undefined && plan.size > maxSizeBytes) {
    throw new ShipperError(
      'POLICY',
      `Cannot pass ${who}: the flat layer has ${plan.size} bytes, over --max-size ${maxSizeBytes}`,
    );
  }
  const saved = savingPercent(tarBytes, after);
  if (minSavingPercent !== undefined && saved < minSavingPercent) {
    throw new ShipperError(
      'POLICY',
      `Cannot pass ${who}: flattening saves ${saved.toFixed(1)} %, under --min-saving ${minSavingPercent}`,
    );
  }
}

/** What share of the layers' bytes is gone, in percent; negative where the flat layer is larger. */
export function savingPercent(before: number, after: number): number {
  return before === 0 ? 0 : ((before - after) / before) * 100;
}

/** Bytes of the layers that are kept, uncompressed. */
function keptTarBytes({ layers, kept }: OpenRoot): number {
  return layers.slice(0, kept.layers).reduce((sum, { size }) => sum + size, 0);
}

/**
 * Whether the image is the kept layers and one canonical layer already, or kept layers alone with nothing to do above
 * them. Hashes the flat layer where its size does not tell.
 */
export async function isCanonical(system: System, ctx: Context, root: OpenRoot): Promise<boolean> {
  const { image, plan, kept } = root;
  if (image.layers.length === kept.layers) return kept.layers > 0 && plan.entries === 0;
  const layer = image.layers[kept.layers];
  const isOnly = image.layers.length === kept.layers + 1;
  if (!isOnly || layer === undefined || plan.size !== root.layers[kept.layers]?.size) return false;
  const none = { kind: 'none' } as const;
  const { diffId } = await storeLayer(system, ctx, root.producer, none, 1, undefined);
  return diffId === layer.diffId;
}

/** Writes the layers of one image into one sink and makes its configuration and manifest. */
export async function sinkImage(
  ctx: Context,
  root: OpenRoot,
  sink: ImageSink,
  isAlreadyFlat: boolean,
  options: OneOptions,
): Promise<SunkImage> {
  const { image } = root;
  const compression = options.request.compression ?? sink.defaultCompression;
  const layers = await storeLayers(ctx, root, sink, isAlreadyFlat, compression);
  const config = flatConfig(root, layers, isAlreadyFlat, options);
  const manifest = flatManifest(root, config, layers, isAlreadyFlat, options.request);
  return { isAlreadyFlat, finished: { platform: image.platform, config, manifest, layers } };
}

function flatConfig(
  { image, kept }: OpenRoot,
  layers: readonly StoredLayer[],
  isAlreadyFlat: boolean,
  { request, created }: OneOptions,
): RawConfig {
  const isUntouched =
    isAlreadyFlat &&
    created === undefined &&
    request.history === undefined &&
    isEmpty(request.labels);
  const mediaType = typesOf(image.family).config;
  if (isUntouched)
    return { ...image.config, descriptor: { ...image.config.descriptor, mediaType } };
  // Without a layer above the kept ones there is nothing that a line of history could stand for.
  const isNew = layers.length > kept.layers;
  const edit: ConfigEdit = {
    diffIds: layers.map(({ diffId }) => diffId),
    history: historyMode(request.history, isAlreadyFlat, isNew),
    keptLayers: kept.layers,
    created,
    labels: request.labels ?? {},
  };
  const bytes = editConfig(image.config.bytes, edit, `the configuration of ${image.name}`);
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

function historyMode(
  asked: FlattenRequest['history'],
  isAlreadyFlat: boolean,
  isNew: boolean,
): ConfigEdit['history'] {
  if (asked === 'none' || (asked !== undefined && isNew)) return asked;
  return isAlreadyFlat ? 'as-is' : 'summary';
}

function flatManifest(
  { image, kept }: OpenRoot,
  config: RawConfig,
  layers: readonly StoredLayer[],
  isAlreadyFlat: boolean,
  request: FlattenRequest,
): FinishedImage['manifest'] {
  const annotations: Record<string, string> = { ...image.manifest?.annotations };
  if (!isAlreadyFlat) {
    setBase(annotations, kept.base?.manifestDigest);
    annotations[ORIGIN_ANNOTATION] ??=
      image.manifest?.descriptor.digest ?? image.config.descriptor.digest;
  }
  Object.assign(annotations, request.annotations);
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const built = buildManifest(image.family, config.descriptor, descriptors, annotations);
  return isAlreadyFlat &&
    image.manifest !== undefined &&
    isSameContent(image, config, layers) &&
    isEmpty(request.annotations)
    ? image.manifest
    : built;
}

/** The base is named where it was named to us; its own name stays only where it still speaks of that. */
function setBase(annotations: Record<string, string>, digest: string | undefined): void {
  if (digest === undefined || annotations[BASE_DIGEST] !== digest) delete annotations[BASE_NAME];
  if (digest === undefined) delete annotations[BASE_DIGEST];
  else annotations[BASE_DIGEST] = digest;
}

/** Whether the source's own manifest describes what was written. */
function isSameContent(image: Image, config: RawConfig, layers: readonly StoredLayer[]): boolean {
  return (
    image.config.descriptor.digest === config.descriptor.digest &&
    image.layers.length === layers.length &&
    layers.every(({ descriptor }, at) => {
      const stored = image.layers[at]?.descriptor;
      return stored?.digest === descriptor.digest && stored.mediaType === descriptor.mediaType;
    })
  );
}

function isEmpty(map: Readonly<Record<string, string>> | undefined): boolean {
  return map === undefined || Object.keys(map).length === 0;
}

/** The report of one platform; `sunk` is undefined after a dry run. */
export function reportImage(
  root: OpenRoot,
  isAlreadyFlat: boolean,
  sunk: SunkImage | undefined,
): FlattenedImage {
  const { image, plan, kept } = root;
  const layers = sunk?.finished.layers;
  const layer = layers?.at(-1);
  const entriesOf = (effects: typeof plan.layers) =>
    effects.reduce((sum, { entries }) => sum + entries, 0);
  const isAll = isAlreadyFlat && image.layers.length === kept.layers;
  const storedBytes = (all: readonly Pick<StoredLayer, 'descriptor'>[]) =>
    all.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  return {
    platform: image.platform,
    sourceConfigDigest: image.config.descriptor.digest,
    alreadyFlat: isAlreadyFlat,
    layersBefore: image.layers.length,
    layersAfter: kept.layers + (isAll ? 0 : 1),
    layersKept: kept.layers,
    baseNamesHidden: plan.whiteouts,
    bytesBefore: root.tarBytes,
    bytesAfter: keptTarBytes(root) + (isAll ? 0 : plan.size),
    storedBefore: storedBytes(image.layers),
    storedAfter: layers === undefined ? undefined : storedBytes(layers),
    entriesBefore: entriesOf(plan.layers),
    entriesAfter: entriesOf(plan.layers.slice(0, kept.layers)) + plan.entries,
    newLayerBytes: isAll ? 0 : (layer?.descriptor.size ?? plan.size),
    removed: plan.removed,
    warnings: plan.warnings,
    warningCounts: Object.fromEntries(plan.warningCounts),
    diffId: layer?.diffId,
    layerDigest: layer?.descriptor.digest,
    configDigest: sunk?.finished.config.descriptor.digest,
    manifestDigest: sunk?.finished.manifest.descriptor.digest,
  };
}
