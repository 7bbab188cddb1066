// Images of an OCI layout, in a folder or an archive (image-spec, image-layout.md).
import { type Context, note } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { parseConfig } from '../image/config.ts';
import type {
  Attestation,
  Descriptor,
  Image,
  ImageSet,
  ImageSource,
  Platform,
} from '../image/image.ts';
import {
  type IndexEntry,
  type ParsedIndex,
  type ParsedManifest,
  parseManifest,
} from '../image/manifest.ts';
import { isLayerType, OCI_INDEX } from '../image/media-types.ts';
import { matchesPlatform } from '../image/platform.ts';
import { type BlobStore, readMetadata } from './blob-store.ts';
import type { LayerOpener } from './layer-opener.ts';
import { selectFromLayout } from './oci-select.ts';
import { storedLayer } from './stored-layer.ts';

/** How a layout is opened. */
export interface OciSourceOptions {
  readonly name: string;
  /** Name of the image, or `@N` for the N-th of `index.json`; undefined for the only one. */
  readonly reference: string | undefined;
  /** `docker save` names platforms in its index whose content it leaves out: skip those. */
  readonly skipMissing: boolean;
  readonly close: () => PromiseLike<void>;
}

/** A layout as a source. */
export function ociSource(
  opener: LayerOpener,
  store: BlobStore,
  options: OciSourceOptions,
): ImageSource {
  return {
    name: options.name,
    async read(ctx, platform) {
      const bytes = await store.file('index.json');
      if (bytes === undefined)
        throw new ShipperError('BAD_ARCHIVE', `Cannot open ${options.name}: it has no index.json`);
      const index = parseManifest(bytes, OCI_INDEX, `index.json of ${options.name}`) as ParsedIndex;
      const { entries, tags, others } = selectFromLayout(index, options.reference, options.name);
      const reader = new SetReader(opener, store, options, ctx, platform);
      await reader.readEntries(entries, 1, tags);
      return { ...reader.finish(entries.length > 1), imagesInMedium: others + 1 };
    },
    async [Symbol.asyncDispose]() {
      await options.close();
    },
  };
}

/** Collects images and attestations from an index, whatever its nesting. */
class SetReader {
  readonly #opener: LayerOpener;
  readonly #store: BlobStore;
  readonly #options: OciSourceOptions;
  readonly #ctx: Context;
  readonly #platform: Platform | undefined;
  readonly #images: Image[] = [];
  readonly #attestations: Attestation[] = [];
  readonly #seen = new Set<Digest>();
  #isIndex = false;
  #annotations: Readonly<Record<string, string>> = {};
  #candidates = 0;

  constructor(
    opener: LayerOpener,
    store: BlobStore,
    options: OciSourceOptions,
    ctx: Context,
    platform: Platform | undefined,
  ) {
    this.#opener = opener;
    this.#store = store;
    this.#options = options;
    this.#ctx = ctx;
    this.#platform = platform;
  }

  async readEntries(
    entries: readonly IndexEntry[],
    depth: number,
    tags: readonly string[],
  ): Promise<void> {
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
    return {
      images: this.#images,
      isIndex: (isIndex || this.#isIndex) && this.#platform === undefined,
      annotations: this.#annotations,
      attestations: this.#attestations,
    };
  }

  async #readEntry(entry: IndexEntry, depth: number, tags: readonly string[]): Promise<void> {
    const { descriptor } = entry;
    if (this.#options.skipMissing && !(await this.#store.has(descriptor.digest))) {
      note(
        this.#ctx,
        'info',
        `${descriptor.digest} is listed in ${this.#options.name} and not part of it: left out`,
      );
      return;
    }
    if (this.#platform !== undefined && entry.platform !== undefined) {
      this.#candidates += 1;
      if (!matchesPlatform(entry.platform, this.#platform)) return;
    }
    const what = `the manifest ${descriptor.digest} of ${this.#options.name}`;
    const bytes = await readMetadata(this.#store, descriptor, what);
    const parsed = parseManifest(bytes, descriptor.mediaType || undefined, what);
    if (parsed.kind === 'manifest') await this.#readManifest(entry, bytes, parsed, tags);
    else {
      this.#isIndex = true;
      this.#annotations = parsed.annotations;
      await this.readEntries(parsed.manifests, depth + 1, tags);
    }
  }

  async #readManifest(
    entry: IndexEntry,
    bytes: Uint8Array,
    manifest: ParsedManifest,
    tags: readonly string[],
  ): Promise<void> {
    const { descriptor } = entry;
    if (isArtifact(manifest)) {
      this.#attest(
        descriptor,
        manifest.subject === undefined ? 'attestation' : 'referrer',
        manifest.subject,
      );
      return;
    }
    const what = `the configuration of ${this.#options.name}`;
    const configBytes = await readMetadata(this.#store, manifest.config, what);
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
      name: this.#options.name,
      platform,
      family: manifest.family,
      manifest: {
        descriptor: { ...descriptor, mediaType: descriptor.mediaType || manifestType(bytes) },
        bytes,
        annotations: manifest.annotations,
      },
      config: { descriptor: manifest.config, bytes: configBytes },
      layers: manifest.layers.map((layer, index) =>
        this.#layer(layer, config.diffIds[index], index),
      ),
      tags,
    });
  }

  #layer(descriptor: Descriptor, diffId: Digest | undefined, index: number) {
    if (diffId === undefined) throw this.#bad('a layer has no diff_id');
    const open = () => this.#store.open(descriptor.digest);
    return storedLayer(this.#opener, { descriptor, hasStoredDigest: true, diffId, index, open });
  }

  #attest(descriptor: Descriptor, kind: Attestation['kind'], subject: string | undefined): void {
    this.#attestations.push({ descriptor, kind, subject });
  }

  #nothingFound(): ShipperError {
    if (this.#candidates > 0) {
      return new ShipperError(
        'NOT_FOUND',
        `Cannot open ${this.#options.name}: it has no image for that platform`,
        { hint: 'shipper inspect lists its platforms' },
      );
    }
    const reason =
      this.#attestations.length > 0
        ? 'it holds attestations or artifacts and no image'
        : 'it holds no image';
    return new ShipperError(
      this.#attestations.length > 0 ? 'UNSUPPORTED' : 'BAD_IMAGE',
      `Cannot open ${this.#options.name}: ${reason}`,
    );
  }

  #bad(reason: string): ShipperError {
    return new ShipperError('BAD_IMAGE', `Cannot open ${this.#options.name}: ${reason}`);
  }
}

/** Older builders name the variant in the index only, where it is what tells arm/v6 from arm/v7. */
function fullPlatform(own: Platform, listed: Platform | undefined): Platform {
  const variant = own.variant ?? listed?.variant;
  return variant === undefined || variant === '' ? own : { ...own, variant };
}

function manifestType(bytes: Uint8Array): string {
  const type = (JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: string }).mediaType;
  return type ?? 'application/vnd.oci.image.manifest.v1+json';
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
