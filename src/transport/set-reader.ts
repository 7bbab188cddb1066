// From manifests to images: walks an index of any nesting, tells images from attestations, and reads configurations. The
// same for layouts and registries, which differ in where content comes from.
import { type Context, note } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { parseConfig } from '../image/config.ts';
import type {
  Artifact,
  Attestation,
  Descriptor,
  Image,
  ImageSet,
  Layer,
  Platform,
  RawManifest,
} from '../image/image.ts';
import {
  type IndexEntry,
  type ParsedIndex,
  type ParsedManifest,
  parseManifest,
} from '../image/manifest.ts';
import { isLayerType, typesOf } from '../image/media-types.ts';
import { matchesPlatform } from '../image/platform.ts';

/** Content by descriptor, whatever the medium. Bytes of metadata have the size and digest that is asked for. */
export interface ContentStore {
  /** How messages call it. */
  readonly name: string;
  /** False only where a manifest may be listed and not be part of the medium: it is then left out. */
  has(digest: Digest): Promise<boolean>;
  manifest(ctx: Context, descriptor: Descriptor, what: string): Promise<Uint8Array>;
  config(ctx: Context, descriptor: Descriptor, what: string): Promise<Uint8Array>;
  /** The layer at a position of its image, base first. */
  layer(descriptor: Descriptor, diffId: Digest, index: number): Layer;
}

/** Collects images and attestations from an index, whatever its nesting. */
export class SetReader {
  readonly #store: ContentStore;
  readonly #ctx: Context;
  readonly #platform: Platform | undefined;
  readonly #images: Image[] = [];
  readonly #attestations: Attestation[] = [];
  readonly #seen = new Set<Digest>();
  /** What the given entries point at, and the indexes below. */
  readonly #roots: RawManifest[] = [];
  readonly #nested: RawManifest[] = [];
  #rootDepth: number | undefined;
  #isPartial = false;
  #isIndex = false;
  #annotations: Readonly<Record<string, string>> = {};
  #candidates = 0;

  constructor(store: ContentStore, ctx: Context, platform: Platform | undefined) {
    this.#store = store;
    this.#ctx = ctx;
    this.#platform = platform;
  }

  async readEntries(
    entries: readonly IndexEntry[],
    depth: number,
    tags: readonly string[],
  ): Promise<void> {
    this.#rootDepth ??= depth;
    if (depth > LIMITS.indexDepth)
      throw this.#bad(`indexes are nested more than ${LIMITS.indexDepth} deep`);
    for (const entry of entries) {
      const kind = attestationKind(entry);
      if (kind !== undefined) this.#attest(entry.descriptor, kind, subjectOf(entry));
      else if (!this.#seen.has(entry.descriptor.digest)) {
        this.#seen.add(entry.descriptor.digest);
        await this.#readEntry(entry, depth, tags);
      }
    }
  }

  finish(isIndex: boolean): ImageSet {
    if (this.#images.length === 0) throw this.#nothingFound();
    const [root] = this.#roots.length === 1 ? this.#roots : [];
    return {
      ...(root === undefined ? {} : { root }),
      nested: this.#nested,
      isPartial: this.#isPartial,
      images: this.#images,
      isIndex: (isIndex || this.#isIndex) && this.#platform === undefined,
      annotations: this.#annotations,
      attestations: this.#attestations,
    };
  }

  async #readEntry(entry: IndexEntry, depth: number, tags: readonly string[]): Promise<void> {
    const { descriptor } = entry;
    if (!(await this.#store.has(descriptor.digest))) {
      note(
        this.#ctx,
        'info',
        `${descriptor.digest} is listed in ${this.#store.name} and not part of it: left out`,
      );
      this.#isPartial = true;
      return;
    }
    if (this.#platform !== undefined && entry.platform !== undefined) {
      this.#candidates += 1;
      if (!matchesPlatform(entry.platform, this.#platform)) return;
    }
    const what = `the manifest ${descriptor.digest} of ${this.#store.name}`;
    const bytes = await this.#store.manifest(this.#ctx, descriptor, what);
    const parsed = parseManifest(bytes, descriptor.mediaType || undefined, what);
    const raw = rawManifest(descriptor, bytes, parsed);
    if (depth === this.#rootDepth) this.#roots.push(raw);
    if (parsed.kind === 'manifest') await this.#readManifest(entry, raw, parsed, tags);
    else {
      this.#isIndex = true;
      this.#annotations = parsed.annotations;
      await this.readEntries(parsed.manifests, depth + 1, tags);
      if (depth !== this.#rootDepth) this.#nested.push(raw);
    }
  }

  async #readManifest(
    entry: IndexEntry,
    raw: RawManifest,
    manifest: ParsedManifest,
    tags: readonly string[],
  ): Promise<void> {
    const { descriptor } = raw;
    if (isArtifact(manifest)) {
      this.#attest(
        descriptor,
        manifest.subject === undefined ? 'attestation' : 'referrer',
        manifest.subject,
      );
      return;
    }
    const what = `the configuration of ${this.#store.name}`;
    const configBytes = await this.#store.config(this.#ctx, manifest.config, what);
    const config = parseConfig(configBytes, what);
    if (config.diffIds.length !== manifest.layers.length) {
      throw this.#bad(
        `the manifest has ${manifest.layers.length} layers and the configuration ${config.diffIds.length} diff_ids`,
      );
    }
    const platform = fullPlatform(config.platform, entry.platform);
    if (this.#platform !== undefined && !matchesPlatform(platform, this.#platform)) {
      this.#candidates += 1;
      return;
    }
    this.#images.push({
      name: this.#store.name,
      platform,
      family: manifest.family,
      manifest: raw,
      config: { descriptor: manifest.config, bytes: configBytes },
      layers: manifest.layers.map((layer, index) =>
        this.#layer(layer, config.diffIds[index], index),
      ),
      tags,
    });
  }

  #layer(descriptor: Descriptor, diffId: Digest | undefined, index: number): Layer {
    if (diffId === undefined) throw this.#bad('a layer has no diff_id');
    return this.#store.layer(descriptor, diffId, index);
  }

  #attest(descriptor: Descriptor, kind: Attestation['kind'], subject: string | undefined): void {
    const open = (ctx: Context) => this.#openArtifact(ctx, descriptor);
    this.#attestations.push({ descriptor, kind, subject, open });
  }

  async #openArtifact(ctx: Context, descriptor: Descriptor): Promise<Artifact | undefined> {
    if (!(await this.#store.has(descriptor.digest))) return undefined;
    const what = `the attestation ${descriptor.digest} of ${this.#store.name}`;
    const bytes = await this.#store.manifest(ctx, descriptor, what);
    const parsed = parseManifest(bytes, descriptor.mediaType || undefined, what);
    if (parsed.kind === 'index')
      throw this.#bad(`the attestation ${descriptor.digest} is an index`);
    const blobs = [parsed.config, ...parsed.layers].map((blob, index) =>
      this.#store.layer(blob, blob.digest, index),
    );
    return { manifest: rawManifest(descriptor, bytes, parsed), blobs };
  }

  #nothingFound(): ShipperError {
    if (this.#candidates > 0) {
      return new ShipperError(
        'NOT_FOUND',
        `Cannot open ${this.#store.name}: it has no image for that platform`,
        { hint: 'shipper inspect lists its platforms' },
      );
    }
    const reason =
      this.#attestations.length > 0
        ? 'it holds attestations or artifacts and no image'
        : 'it holds no image';
    return new ShipperError(
      this.#attestations.length > 0 ? 'UNSUPPORTED' : 'BAD_IMAGE',
      `Cannot open ${this.#store.name}: ${reason}`,
    );
  }

  #bad(reason: string): ShipperError {
    return new ShipperError('BAD_IMAGE', `Cannot open ${this.#store.name}: ${reason}`);
  }
}

/** Older builders name the variant in the index only, where it is what tells arm/v6 from arm/v7. */
function fullPlatform(own: Platform, listed: Platform | undefined): Platform {
  const variant = own.variant ?? listed?.variant;
  return variant === undefined || variant === '' ? own : { ...own, variant };
}

function rawManifest(
  descriptor: Descriptor,
  bytes: Uint8Array,
  { kind, annotations }: ParsedManifest | ParsedIndex,
): RawManifest {
  const mediaType = descriptor.mediaType || ownType(bytes) || typesOf('oci')[kind];
  return { descriptor: { ...descriptor, mediaType }, bytes, annotations };
}

function ownType(bytes: Uint8Array): string | undefined {
  return (JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: string }).mediaType;
}

/** BuildKit's attestations have no platform and say what they refer to (attestation-storage.md). */
function attestationKind({
  descriptor,
  platform,
  artifactType,
}: IndexEntry): Attestation['kind'] | undefined {
  const type = descriptor.annotations?.['vnd.docker.reference.type'];
  if (type !== undefined) return 'attestation';
  const ref = descriptor.annotations?.['org.opencontainers.image.ref.name'] ?? '';
  if (/^sha256-[a-f0-9]{64}\.(?:sig|att|sbom)$/.test(ref)) return 'signature';
  if (artifactType !== undefined) return 'referrer';
  if (platform?.os === 'unknown' && platform.architecture === 'unknown') return 'attestation';
  return undefined;
}

function subjectOf({ descriptor }: IndexEntry): string | undefined {
  return descriptor.annotations?.['vnd.docker.reference.digest'];
}

/** A manifest that is no image: another kind of configuration, a subject, or layers that are no file systems. */
function isArtifact(manifest: ParsedManifest): boolean {
  if (manifest.artifactType !== undefined || manifest.subject !== undefined) return true;
  const { mediaType } = manifest.config;
  const isConfig =
    mediaType === '' ||
    /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(mediaType);
  return (
    !isConfig ||
    manifest.layers.some((layer) => layer.mediaType !== '' && !isLayerType(layer.mediaType))
  );
}
