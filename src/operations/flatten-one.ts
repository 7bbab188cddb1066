// One platform of a flatten: its root is planned, the gates are asked, the flat layer goes into every sink.
import type { Compression } from '../blob/compressor.ts';
import { SNIFF_BYTES, sniffCompression } from '../blob/sniff.ts';
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, digestOf } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { type ConfigEdit, editConfig } from '../image/config.ts';
import type {
  FinishedImage,
  Image,
  ImageSink,
  Layer,
  RawConfig,
  StoredContent,
  StoredLayer,
} from '../image/image.ts';
import { buildManifest } from '../image/manifest.ts';
import { layerType, typesOf } from '../image/media-types.ts';
import { formatPlatform } from '../image/platform.ts';
import type { System } from '../system/system.ts';
import { storeLayer } from '../transport/store-layer.ts';
import type { FlattenedImage, FlattenRequest } from './flatten-types.ts';
import type { OpenRoot } from './root.ts';

/** The key of the manifest annotation that names the origin. */
export const ORIGIN_ANNOTATION = 'dev.shipper.origin.digest';
/** They say that base layers are shared, which a flat image does not. */
const BASE_ANNOTATIONS = [
  'org.opencontainers.image.base.name',
  'org.opencontainers.image.base.digest',
];

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
  const who = `${image.name} (${formatPlatform(image.platform)})`;
  const { maxSizeBytes, minSavingPercent } = request;
  if (maxSizeBytes !== undefined && plan.size > maxSizeBytes) {
    throw new ShipperError(
      'POLICY',
      `Cannot pass ${who}: the flat layer has ${plan.size} bytes, over --max-size ${maxSizeBytes}`,
    );
  }
  const saved = savingPercent(tarBytes, plan.size);
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

/** Whether the image is one canonical layer already. Hashes the flat layer where its size does not tell. */
export async function isCanonical(system: System, ctx: Context, root: OpenRoot): Promise<boolean> {
  const [layer] = root.image.layers;
  if (root.image.layers.length !== 1 || layer === undefined || root.plan.size !== root.tarBytes)
    return false;
  const none = { kind: 'none' } as const;
  const { diffId } = await storeLayer(system, ctx, root.producer, none, 1, undefined);
  return diffId === layer.diffId;
}

/** Writes the flat layer of one image into one sink and makes its configuration and manifest. */
export async function sinkImage(
  ctx: Context,
  root: OpenRoot,
  sink: ImageSink,
  isAlreadyFlat: boolean,
  options: OneOptions,
): Promise<SunkImage> {
  const { image } = root;
  const compression = options.request.compression ?? sink.defaultCompression;
  await sink.reserve(ctx, root.plan.size);
  const layer = await putLayer(ctx, root, sink, isAlreadyFlat, compression);
  const config = flatConfig(image, layer.diffId, isAlreadyFlat, options);
  const manifest = flatManifest(image, config, layer, isAlreadyFlat, options.request);
  return {
    isAlreadyFlat,
    finished: { platform: image.platform, config, manifest, layers: [layer] },
  };
}

/** A canonical layer that is stored as it should be is copied byte for byte. */
async function putLayer(
  ctx: Context,
  root: OpenRoot,
  sink: ImageSink,
  isAlreadyFlat: boolean,
  compression: Compression,
): Promise<StoredLayer> {
  const [layer] = root.image.layers;
  const isStoredSo =
    isAlreadyFlat &&
    layer !== undefined &&
    layer.descriptor.mediaType === layerType(root.image.family, compression.kind) &&
    (await isStoredAs(ctx, layer, compression.kind));
  if (isStoredSo) return sink.copyLayer(ctx, layer);
  return sink.putLayer(ctx, root.producer, compression);
}

/** Whether the stored bytes can be passed on under their type and digest: types lie, and archives may have neither. */
async function isStoredAs(ctx: Context, layer: Layer, kind: Compression['kind']): Promise<boolean> {
  const { digest } = layer.descriptor;
  // Without a manifest the digest is the tar's own, which compressed bytes do not have.
  if (algorithmOf(digest) !== 'sha256' || (kind !== 'none' && digest === layer.diffId))
    return false;
  await using stored = await layer.openStored(ctx);
  return sniffCompression(await headOf(stored)) === (kind === 'none' ? 'plain' : kind);
}

async function headOf(stored: StoredContent): Promise<Uint8Array> {
  let head = new Uint8Array(0);
  for await (const chunk of stored.stream(0)) {
    head = Buffer.concat([head, chunk.subarray(0, SNIFF_BYTES)]);
    if (head.length >= SNIFF_BYTES) break;
  }
  return head;
}

function flatConfig(
  image: Image,
  diffId: Digest,
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
  const edit: ConfigEdit = {
    diffIds: [diffId],
    history: request.history ?? (isAlreadyFlat ? 'as-is' : 'summary'),
    created,
    labels: request.labels ?? {},
  };
  const bytes = editConfig(image.config.bytes, edit, `the configuration of ${image.name}`);
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

function flatManifest(
  image: Image,
  config: RawConfig,
  layer: StoredLayer,
  isAlreadyFlat: boolean,
  request: FlattenRequest,
): FinishedImage['manifest'] {
  const annotations: Record<string, string> = { ...image.manifest?.annotations };
  if (!isAlreadyFlat) {
    for (const key of BASE_ANNOTATIONS) delete annotations[key];
    annotations[ORIGIN_ANNOTATION] ??=
      image.manifest?.descriptor.digest ?? image.config.descriptor.digest;
  }
  Object.assign(annotations, request.annotations);
  const built = buildManifest(image.family, config.descriptor, [layer.descriptor], annotations);
  return isAlreadyFlat &&
    image.manifest !== undefined &&
    isSameContent(image, config, layer) &&
    isEmpty(request.annotations)
    ? image.manifest
    : built;
}

/** Whether the source's own manifest describes what was written. */
function isSameContent(image: Image, config: RawConfig, layer: StoredLayer): boolean {
  const stored = image.layers[0]?.descriptor;
  return (
    image.config.descriptor.digest === config.descriptor.digest &&
    stored?.digest === layer.descriptor.digest &&
    stored.mediaType === layer.descriptor.mediaType
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
  const { image, plan } = root;
  const layer = sunk?.finished.layers[0];
  return {
    platform: image.platform,
    sourceConfigDigest: image.config.descriptor.digest,
    alreadyFlat: isAlreadyFlat,
    layersBefore: image.layers.length,
    layersAfter: 1,
    bytesBefore: root.tarBytes,
    bytesAfter: plan.size,
    storedBefore: image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    storedAfter: layer?.descriptor.size,
    entriesBefore: plan.layers.reduce((sum, { entries }) => sum + entries, 0),
    entriesAfter: plan.entries,
    removed: plan.removed,
    warnings: plan.warnings,
    warningCounts: Object.fromEntries(plan.warningCounts),
    diffId: layer?.diffId,
    layerDigest: layer?.descriptor.digest,
    configDigest: sunk?.finished.config.descriptor.digest,
    manifestDigest: sunk?.finished.manifest.descriptor.digest,
  };
}
