// Images in the fake registry, put there and read back without anything of `src`.
import { gunzipSync } from 'node:zlib';
import { type ImageSpec, partsOf } from './archives.ts';
import { notationOf } from './layers.ts';
import { type FakeRepository, sha256 } from './registry-store.ts';
import { readFlat } from './tar-oracle.ts';

/** The two families of media types. */
export type Family = 'oci' | 'docker';

/** What an index or a manifest lists. */
export interface Listed {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [key: string]: unknown;
}

/** A manifest of an image as JSON has it. */
export interface ManifestJson {
  readonly mediaType: string;
  readonly config: Listed;
  readonly layers: readonly Listed[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An index as JSON has it. */
export interface IndexJson {
  readonly mediaType: string;
  readonly manifests: readonly (Listed & {
    readonly platform?: { readonly architecture: string; readonly os: string };
  })[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const TYPES = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: { none: '.tar', gzip: '.tar+gzip', zstd: '.tar+zstd' },
    layerStart: 'application/vnd.oci.image.layer.v1',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: { none: '.tar', gzip: '.tar.gzip', zstd: '.tar.zstd' },
    layerStart: 'application/vnd.docker.image.rootfs.diff',
  },
} as const;

/** Puts an image there, under `tag` if one is given; `changes` go over the members of its manifest. */
export function putImage(
  repository: FakeRepository,
  tag: string | undefined,
  spec: ImageSpec & { readonly family?: Family } = {},
  changes: Readonly<Record<string, unknown>> = {},
): Listed {
  const types = TYPES[spec.family ?? 'oci'];
  const { config, stored } = partsOf(spec);
  const kind = typeof spec.wrap === 'string' ? spec.wrap : 'none';
  const layerType = spec.mediaType ?? `${types.layerStart}${types.layer[kind]}`;
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, ...repository.putBlob(config) },
    layers: stored.map((bytes) => ({ mediaType: layerType, ...repository.putBlob(bytes) })),
    ...changes,
  };
  const put = repository.putManifest(types.manifest, Buffer.from(JSON.stringify(manifest)), tag);
  return spec.platform === undefined ? put : { ...put, platform: spec.platform };
}

/** Puts an index there. */
export function putIndex(
  repository: FakeRepository,
  tag: string | undefined,
  manifests: readonly Listed[],
  changes: Readonly<Record<string, unknown>> & { readonly family?: Family } = {},
): Listed {
  const { family = 'oci', ...more } = changes;
  const mediaType = TYPES[family].index;
  const index = { schemaVersion: 2, mediaType, manifests, ...more };
  return repository.putManifest(mediaType, Buffer.from(JSON.stringify(index)), tag);
}

/** The index that a tag or digest names. */
export function indexIn(repository: FakeRepository, reference: string): IndexJson {
  return JSON.parse(bytesIn(repository, reference).toString('utf8')) as IndexJson;
}

/** The manifest that a tag or digest names; fails where anything of the image is missing or wrong. */
export function manifestIn(repository: FakeRepository, reference: string): ManifestJson {
  const manifest = JSON.parse(bytesIn(repository, reference).toString('utf8')) as ManifestJson;
  for (const listed of [manifest.config, ...manifest.layers]) blobIn(repository, listed);
  return manifest;
}

/** The configuration of an image. */
export function configIn(repository: FakeRepository, reference: string): Record<string, unknown> {
  return JSON.parse(blobIn(repository, manifestIn(repository, reference).config).toString('utf8'));
}

/** The only layer of a flat image, as a tar whose diff_id was checked; gzip and none are understood. */
export function flatTarIn(repository: FakeRepository, reference: string): Buffer {
  const { layers } = manifestIn(repository, reference);
  const [layer] = layers;
  if (layers.length !== 1 || layer === undefined) throw new Error(`${layers.length} layers`);
  const stored = blobIn(repository, layer);
  const tar = layer.mediaType.endsWith('gzip') ? gunzipSync(stored) : stored;
  const { rootfs } = configIn(repository, reference) as { rootfs: { diff_ids: string[] } };
  if (rootfs.diff_ids.join() !== sha256(tar)) throw new Error('the diff_id is wrong');
  return tar;
}

/** The tree of a flat image in the notation of layers, by the strict reader. */
export function treeIn(repository: FakeRepository, reference: string): string {
  return notationOf(readFlat(flatTarIn(repository, reference)));
}

function bytesIn(repository: FakeRepository, reference: string): Buffer {
  const found = repository.find(reference);
  if (found === undefined) throw new Error(`there is no manifest ${reference}`);
  if (sha256(found.bytes) !== found.digest) throw new Error(`${reference} has a wrong digest`);
  return found.bytes;
}

function blobIn(repository: FakeRepository, { digest, size }: Listed): Buffer {
  const blob = repository.blobs.get(digest);
  if (blob === undefined) throw new Error(`blob ${digest} is missing`);
  if (blob.length !== size || sha256(blob) !== digest) throw new Error(`blob ${digest} is wrong`);
  return blob;
}
