// Manifests and indexes (image-spec, manifest.md and image-index.md; Docker manifest v2, schema 2): parsed strictly,
// written in one way.

import { type Digest, digestOf, isDigest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { sortedRecord } from '../core/sorted.ts';
import type { Descriptor, MediaFamily, Platform, RawManifest } from './image.ts';
import { isObject, type JsonObject, type JsonValue, member, parseJsonObject } from './json-text.ts';
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, typesOf } from './media-types.ts';

/** A manifest of an image or artifact. */
export interface ParsedManifest {
  readonly kind: 'manifest';
  readonly family: MediaFamily;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly artifactType: string | undefined;
  readonly subject: string | undefined;
}

/** An index of manifests. */
export interface ParsedIndex {
  readonly kind: 'index';
  readonly family: MediaFamily;
  readonly manifests: readonly IndexEntry[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** One manifest of an index. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
  readonly artifactType: string | undefined;
}

/** Parses a manifest or index. `mediaType` is what the descriptor that led here said. */
export function parseManifest(
  bytes: Uint8Array,
  mediaType: string | undefined,
  what: string,
): ParsedManifest | ParsedIndex {
  const raw = parseJsonObject(bytes, what);
  const own = member(raw, 'mediaType');
  if (own !== undefined && typeof own !== 'string') throw bad(what, 'mediaType is not a string');
  if (member(raw, 'schemaVersion') === 1) {
    throw new ShipperError(
      'UNSUPPORTED',
      `Cannot read ${what}: it is a schema 1 manifest, which registries no longer serve`,
      { hint: 'Pull and push the image once with a current Docker to convert it' },
    );
  }
  const isIndex = member(raw, 'manifests') !== undefined;
  if (isIndex === (member(raw, 'layers') !== undefined || member(raw, 'config') !== undefined)) {
    throw bad(
      what,
      isIndex ? 'it is both a manifest and an index' : 'it is neither a manifest nor an index',
    );
  }
  checkType(own, isIndex, what);
  checkType(mediaType, isIndex, what);
  const family = (own ?? mediaType ?? '').startsWith('application/vnd.docker.') ? 'docker' : 'oci';
  return isIndex ? indexOf(raw, family, what) : manifestOf(raw, family, what);
}

/** A type that is known must be of the kind that the content is; an unknown one says nothing. */
function checkType(mediaType: string | undefined, isIndex: boolean, what: string): void {
  if (mediaType === undefined) return;
  const saysIndex = mediaType === OCI_INDEX || mediaType === DOCKER_INDEX;
  const saysManifest = mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
  if (isIndex ? saysManifest : saysIndex) {
    throw bad(what, `its media type ${mediaType} is not what it holds`);
  }
}

function indexOf(raw: JsonObject, family: MediaFamily, what: string): ParsedIndex {
  const list = member(raw, 'manifests');
  if (!Array.isArray(list)) throw bad(what, 'manifests is not a list');
  if (list.length > LIMITS.indexManifests)
    throw bad(what, `it has more than ${LIMITS.indexManifests} manifests`);
  return {
    kind: 'index',
    family,
    manifests: list.map((entry: JsonValue, i: number) =>
      indexEntry(entry, `${what}, manifests[${i}]`),
    ),
    annotations: stringMap(member(raw, 'annotations'), `${what}, annotations`),
  };
}

function indexEntry(value: JsonValue, what: string): IndexEntry {
  const descriptor = parseDescriptor(value, what);
  const raw = value as JsonObject;
  const platform = member(raw, 'platform');
  return {
    descriptor,
    platform: isObject(platform) ? parseIndexPlatform(platform, what) : undefined,
    artifactType: text(raw, 'artifactType', what),
  };
}

function parseIndexPlatform(raw: JsonObject, what: string): Platform {
  const variant = text(raw, 'variant', what);
  const osVersion = text(raw, 'os.version', what);
  return {
    os: text(raw, 'os', what) ?? '',
    architecture: text(raw, 'architecture', what) ?? '',
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}

function manifestOf(raw: JsonObject, family: MediaFamily, what: string): ParsedManifest {
  const layers = member(raw, 'layers') ?? [];
  if (!Array.isArray(layers)) throw bad(what, 'layers is not a list');
  if (layers.length > LIMITS.layers) throw bad(what, `it has more than ${LIMITS.layers} layers`);
  const subject = member(raw, 'subject');
  return {
    kind: 'manifest',
    family,
    config: parseDescriptor(member(raw, 'config'), `${what}, config`),
    layers: layers.map((layer: JsonValue, i: number) =>
      parseDescriptor(layer, `${what}, layers[${i}]`),
    ),
    annotations: stringMap(member(raw, 'annotations'), `${what}, annotations`),
    artifactType: text(raw, 'artifactType', what),
    subject: isObject(subject) ? text(subject, 'digest', what) : undefined,
  };
}

/** A descriptor whose digest and size can be relied on in form. `data` and `urls` are never used. */
export function parseDescriptor(value: JsonValue | undefined, what: string): Descriptor {
  if (!isObject(value)) throw bad(what, 'it is not a descriptor');
  const digest = member(value, 'digest');
  const size = member(value, 'size');
  if (!isDigest(digest)) throw bad(what, 'its digest is not a sha256 or sha512 digest');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw bad(what, 'its size is not a number of bytes');
  }
  const annotations = stringMap(member(value, 'annotations'), what);
  return {
    mediaType: text(value, 'mediaType', what) ?? '',
    digest,
    size,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(hasUrls(value) ? { hasUrls: true } : {}),
  };
}

function hasUrls(value: JsonObject): boolean {
  const urls = member(value, 'urls');
  return Array.isArray(urls) && urls.length > 0;
}

function text(object: JsonObject, key: string, what: string): string | undefined {
  const value = member(object, key);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw bad(what, `${key} is not a string`);
  return value;
}

/** Null-prototype, so that `__proto__` is an annotation like any other. */
function stringMap(value: JsonValue | undefined, what: string): Readonly<Record<string, string>> {
  const map: Record<string, string> = Object.create(null);
  if (value === undefined || value === null) return map;
  if (!isObject(value)) throw bad(what, 'annotations are not an object');
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'string')
      throw bad(what, `the annotation ${JSON.stringify(key)} is not a string`);
    map[key] = entry;
  }
  return map;
}

function bad(what: string, reason: string): ShipperError {
  return new ShipperError('BAD_IMAGE', `Cannot read ${what}: ${reason}`);
}

/** Writes an image manifest. Docker's family has no annotations. */
export function buildManifest(
  family: MediaFamily,
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Readonly<Record<string, string>>,
): RawManifest {
  const { manifest: mediaType } = typesOf(family);
  const hasAnnotations = family === 'oci' && Object.keys(annotations).length > 0;
  return rawManifest(mediaType, hasAnnotations ? annotations : {}, {
    schemaVersion: 2,
    mediaType,
    config: plain(config),
    layers: layers.map(plain),
    ...(hasAnnotations ? { annotations: sortedRecord(annotations) } : {}),
  });
}

/** Writes an index of images. */
export function buildIndex(
  family: MediaFamily,
  manifests: readonly { readonly descriptor: Descriptor; readonly platform: Platform }[],
  annotations: Readonly<Record<string, string>>,
): RawManifest {
  const { index: mediaType } = typesOf(family);
  const hasAnnotations = family === 'oci' && Object.keys(annotations).length > 0;
  return rawManifest(mediaType, hasAnnotations ? annotations : {}, {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(({ descriptor, platform }) => ({
      ...plain(descriptor),
      platform: platformJson(platform),
    })),
    ...(hasAnnotations ? { annotations: sortedRecord(annotations) } : {}),
  });
}

/** A platform as indexes spell it. */
export function platformJson(platform: Platform): Readonly<Record<string, string>> {
  return {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    ...(platform.osVersion === undefined ? {} : { 'os.version': platform.osVersion }),
  };
}

function rawManifest(
  mediaType: string,
  annotations: Readonly<Record<string, string>>,
  value: object,
): RawManifest {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const digest: Digest = digestOf(bytes);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes, annotations };
}

/** Type, digest and size: annotations of a descriptor belong to the place where it stood. */
function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
