// Images of a `docker save` archive: `manifest.json` names configurations and layers by path in the archive.
import { digestOf, isDigest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { parseConfig } from '../image/config.ts';
import type { Descriptor, Image, ImageSource, Layer } from '../image/image.ts';
import { isObject, type JsonObject, member, parseJsonArray } from '../image/json-text.ts';
import { isNondistributable, layerType, typesOf } from '../image/media-types.ts';
import { matchesPlatform } from '../image/platform.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import type { Archive } from './archive.ts';
import type { LayerOpener } from './layer-opener.ts';
import { readWhole } from './region.ts';
import { storedLayer } from './stored-layer.ts';

/** One item of `manifest.json`. */
interface SavedImage {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
  /** Media types by diff_id, where the archive has them. */
  readonly sources: ReadonlyMap<string, string>;
}

/** A `docker save` archive as a source. */
export function dockerArchiveSource(
  opener: LayerOpener,
  archive: Archive,
  reference: string | undefined,
): ImageSource {
  return {
    name: archive.name,
    async read(_ctx, platform) {
      const listed = readManifest(archive);
      const saved = selectImage(listed, reference, archive.name);
      const image = readImage(opener, archive, saved, reference);
      if (platform !== undefined && !matchesPlatform(image.platform, platform)) {
        throw new ShipperError(
          'NOT_FOUND',
          `Cannot open ${archive.name}: it has no image for that platform`,
          { hint: 'shipper inspect shows its platform' },
        );
      }
      return {
        images: [image],
        isIndex: false,
        annotations: {},
        attestations: [],
        imagesInMedium: listed.length,
      };
    },
    [Symbol.asyncDispose]: () => archive[Symbol.asyncDispose](),
  };
}

function readManifest(archive: Archive): SavedImage[] {
  const what = `manifest.json of ${archive.name}`;
  const region = archive.region('manifest.json');
  if (region === undefined)
    throw new ShipperError('BAD_ARCHIVE', `Cannot open ${archive.name}: it has no manifest.json`);
  const list = parseJsonArray(readWhole(region, LIMITS.metadataBytes, what), what);
  if (list.length === 0) throw bad(what, 'it lists no image');
  return list.map((item, i) => {
    if (!isObject(item)) throw bad(what, `item ${i} is not an object`);
    const config = member(item, 'Config');
    if (typeof config !== 'string' || config === '') throw bad(what, `item ${i} has no Config`);
    const layers = strings(item, 'Layers', what);
    if (layers.length > LIMITS.layers)
      throw bad(what, `item ${i} has more than ${LIMITS.layers} layers`);
    return { config, layers, tags: strings(item, 'RepoTags', what), sources: layerSources(item) };
  });
}

function strings(item: JsonObject, key: string, what: string): string[] {
  const value = member(item, key) ?? [];
  if (!Array.isArray(value) || value.some((entry) => typeof entry !== 'string')) {
    throw bad(what, `${key} is not a list of strings`);
  }
  return value as string[];
}

function layerSources(item: JsonObject): Map<string, string> {
  const found = new Map<string, string>();
  const sources = member(item, 'LayerSources');
  if (!isObject(sources)) return found;
  for (const [diffId, descriptor] of Object.entries(sources)) {
    const type = isObject(descriptor) ? member(descriptor, 'mediaType') : undefined;
    if (typeof type === 'string') found.set(diffId, type);
  }
  return found;
}

/** By name, by `@N`, or the only one. */
function selectImage(
  images: readonly SavedImage[],
  reference: string | undefined,
  name: string,
): SavedImage {
  const [first] = images;
  if (reference === undefined) {
    if (images.length === 1 && first !== undefined) return first;
    throw new ShipperError(
      'AMBIGUOUS_IMAGE',
      `Cannot choose an image of ${name}: it holds ${images.length}: ${listTags(images)}`,
      {
        hint: 'Name one: docker-archive:PATH:NAME, or docker-archive:PATH:@N for the N-th, counted from 0',
      },
    );
  }
  const chosen = /^@\d+$/.test(reference)
    ? images[Number(reference.slice(1))]
    : images.find(({ tags }) => tags.some((tag) => familiar(tag) === familiar(reference)));
  if (chosen !== undefined) return chosen;
  throw new ShipperError(
    'NOT_FOUND',
    `Cannot find ${JSON.stringify(reference)} in ${name}: it holds ${listTags(images)}`,
  );
}

function familiar(tag: string): string {
  try {
    return familiarReference(withDefaultTag(parseReference(tag)));
  } catch {
    return tag;
  }
}

function listTags(images: readonly SavedImage[]): string {
  const tags = images.flatMap(({ tags }, i) => (tags.length > 0 ? tags : [`@${i}`]));
  return `${tags.slice(0, 10).join(', ')}${tags.length > 10 ? ` and ${tags.length - 10} more` : ''}`;
}

function readImage(
  opener: LayerOpener,
  archive: Archive,
  saved: SavedImage,
  reference: string | undefined,
): Image {
  const what = `the configuration of ${archive.name}`;
  const region = archive.region(saved.config);
  if (region === undefined) {
    throw new ShipperError(
      'BAD_ARCHIVE',
      `Cannot read ${what}: the member ${JSON.stringify(saved.config)} is missing`,
    );
  }
  const bytes = readWhole(region, LIMITS.metadataBytes, what);
  const digest = digestOf(bytes);
  checkConfigName(saved.config, digest, what);
  const config = parseConfig(bytes, what);
  if (config.diffIds.length !== saved.layers.length) {
    throw bad(
      archive.name,
      `manifest.json lists ${saved.layers.length} layers and the configuration ${config.diffIds.length} diff_ids`,
    );
  }
  const isTag = reference !== undefined && !reference.startsWith('@');
  return {
    name: archive.name,
    platform: config.platform,
    family: 'oci',
    manifest: undefined,
    config: { descriptor: { mediaType: typesOf('oci').config, digest, size: bytes.length }, bytes },
    layers: saved.layers.map((path, index) =>
      archiveLayer(opener, archive, saved, path, index, config.diffIds),
    ),
    tags: isTag ? [reference] : saved.tags.map(familiar),
  };
}

/** `docker save` names a configuration by its digest, which then has to be true. */
function checkConfigName(path: string, digest: string, what: string): void {
  const named = /(?:^|\/)([a-f0-9]{64})(?:\.json)?$/.exec(path)?.[1];
  if (named === undefined || digest === `sha256:${named}`) return;
  throw new ShipperError(
    'DIGEST_MISMATCH',
    `Cannot read ${what}: its digest is ${digest} where sha256:${named} is claimed`,
  );
}

function archiveLayer(
  opener: LayerOpener,
  archive: Archive,
  saved: SavedImage,
  path: string,
  index: number,
  diffIds: readonly string[],
): Layer {
  const diffId = diffIds[index];
  if (!isDigest(diffId)) throw bad(archive.name, `layer ${index + 1} has no diff_id`);
  const region = archive.region(path);
  const mediaType = saved.sources.get(diffId) ?? layerType('oci', 'none');
  if (region === undefined && !isNondistributable(mediaType)) {
    throw new ShipperError(
      'BAD_ARCHIVE',
      `Cannot open ${archive.name}: the member ${JSON.stringify(path)} of layer ${index + 1} is missing`,
      { layer: index },
    );
  }
  const descriptor: Descriptor = { mediaType, digest: diffId, size: region?.size ?? 0 };
  return storedLayer(opener, {
    descriptor,
    hasStoredDigest: false,
    diffId,
    index,
    async open() {
      if (region === undefined)
        throw new ShipperError(
          'NOT_FOUND',
          `Cannot open ${archive.name}: the non-distributable layer ${index + 1} is not part of it`,
          { layer: index },
        );
      return { region, async [Symbol.asyncDispose]() {} };
    },
  });
}

function bad(what: string, reason: string): ShipperError {
  return new ShipperError('BAD_IMAGE', `Cannot read ${what}: ${reason}`);
}
