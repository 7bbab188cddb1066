// A registry as a destination: blobs first, manifests by digest, tags last, so that no tag ever names an image that is not
// complete. What is not committed has no name, and the registry's own clean-up takes it.
import { type Context, note, throwIfAborted } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { isShipperError, messageOf, partial, ShipperError } from '../core/errors.ts';
import type {
  Descriptor,
  FinishedArtifact,
  FinishedImage,
  ImageSink,
  RawConfig,
  RawManifest,
  Repository,
  StoredBlob,
} from '../image/image.ts';
import { familiarReference, type Reference } from '../image/reference.ts';
import type { Registry } from '../registry/registry.ts';
import type { System } from '../system/system.ts';
import { LayerUpload } from './layer-upload.ts';
import { registryReference } from './registry-source.ts';
import { describeCopy, describeLayer, type SinkOptions } from './sink.ts';
import { skipBytes } from './skip-bytes.ts';

/** A registry keeps layers as they come, and every client can read gzip. */
const DEFAULT_COMPRESSION = { kind: 'gzip', level: 6 } as const;

/** Opens the repository of `text` for writing. Does not own the registry. */
export function openRegistrySink(
  system: System,
  registry: Registry,
  text: string,
  options: SinkOptions,
): ImageSink {
  return new RegistrySink(system, registry, registryReference(text), options);
}

class RegistrySink implements ImageSink {
  readonly name: string;
  readonly isConcurrent = true;
  readonly defaultCompression = DEFAULT_COMPRESSION;
  readonly #system: System;
  readonly #registry: Registry;
  readonly #home: Repository;
  readonly #options: SinkOptions;

  constructor(system: System, registry: Registry, reference: Reference, options: SinkOptions) {
    this.name = `docker://${familiarReference(reference)}`;
    this.#system = system;
    this.#registry = registry;
    this.#home = { domain: reference.domain, path: reference.path };
    this.#options = options;
  }

  /** The registry's disk is not ours to measure. */
  reserve: ImageSink['reserve'] = async () => undefined;

  putLayer: ImageSink['putLayer'] = async (ctx, layer, compression) => {
    const { jobs, family } = this.#options;
    const upload = new LayerUpload(this.#system, ctx, layer, compression, jobs);
    const sent = await this.#registry.uploadBlob(ctx, this.#home, upload);
    const stored = upload.stored(sent);
    if (stored !== undefined) return describeLayer(stored, compression, family);
    throw new ShipperError(
      'SOURCE_CHANGED',
      `Cannot write ${this.name}: the layer became another one than ${sent.digest} when it was made again: the source changed while it was read`,
    );
  };

  copyLayer: ImageSink['copyLayer'] = async (ctx, layer) => {
    await this.#copyInto(ctx, this.#home, layer);
    return describeCopy(layer);
  };

  copyBlob: ImageSink['copyBlob'] = (ctx, blob) => this.#copyInto(ctx, this.#home, blob);

  commit: ImageSink['commit'] = async (ctx, publication) => {
    const references = publication.tags.map(registryReference);
    for (const repository of repositoriesOf(references, this.#home)) {
      for (const image of publication.images) await this.#putImage(ctx, repository, image);
      for (const artifact of publication.artifacts ?? [])
        await this.#putArtifact(ctx, repository, artifact);
    }
    const top = publication.index ?? publication.images[0]?.manifest;
    if (top === undefined) throw new RangeError('a publication without an image');
    throwIfAborted(ctx);
    if (references.length === 0)
      await this.#putManifest(ctx, this.#home, top.descriptor.digest, top);
    const written: string[] = [];
    for (const reference of references) {
      try {
        await this.#putManifest(ctx, reference, reference.tag ?? '', top);
        written.push(`docker://${familiarReference(reference)}`);
        await this.#checkTag(ctx, reference, top);
      } catch (error) {
        throw partial(error, written);
      }
    }
  };

  async [Symbol.asyncDispose](): Promise<void> {}

  /** A blob of the same registry is taken over without an upload. */
  async #copyInto(ctx: Context, repository: Repository, blob: StoredBlob): Promise<void> {
    const { descriptor, origin } = blob;
    if (await this.#registry.hasBlob(ctx, repository, descriptor)) return;
    const isNear = origin?.domain === repository.domain;
    if (isNear && (await this.#registry.mountBlob(ctx, repository, descriptor.digest, origin)))
      return;
    await using source = await blob.openStored(ctx);
    const open = (offset: number) => source.stream(offset);
    await this.#registry.uploadBlob(ctx, repository, { open, expected: descriptor });
  }

  /** All that an image is made of, under its digest only. */
  async #putImage(ctx: Context, repository: Repository, image: FinishedImage): Promise<void> {
    for (const { descriptor } of image.layers) await this.#spread(ctx, repository, descriptor);
    await this.#putConfig(ctx, repository, image.config);
    const { manifest } = image;
    await this.#putManifest(ctx, repository, manifest.descriptor.digest, manifest);
  }

  /** An attestation or an inner index, under its digest only. */
  async #putArtifact(
    ctx: Context,
    repository: Repository,
    { manifest, blobs }: FinishedArtifact,
  ): Promise<void> {
    for (const descriptor of blobs) await this.#spread(ctx, repository, descriptor);
    await this.#putManifest(ctx, repository, manifest.descriptor.digest, manifest);
  }

  /** A blob that is in the first repository, into another. */
  async #spread(ctx: Context, repository: Repository, blob: Descriptor): Promise<void> {
    if (repository.path === this.#home.path && repository.domain === this.#home.domain) return;
    if (await this.#registry.hasBlob(ctx, repository, blob)) return;
    const isNear = repository.domain === this.#home.domain;
    if (isNear && (await this.#registry.mountBlob(ctx, repository, blob.digest, this.#home)))
      return;
    const open = (offset: number) => skipBytes(this.#registry.blob(ctx, this.#home, blob), offset);
    await this.#registry.uploadBlob(ctx, repository, { open, expected: blob });
  }

  async #putConfig(ctx: Context, repository: Repository, config: RawConfig): Promise<void> {
    const { bytes, descriptor } = config;
    const open = async function* (offset: number) {
      yield bytes.subarray(offset);
    };
    await this.#registry.uploadBlob(ctx, repository, { open, expected: descriptor });
  }

  async #putManifest(
    ctx: Context,
    repository: Repository,
    reference: string,
    { descriptor, bytes }: RawManifest,
  ): Promise<void> {
    const { mediaType } = descriptor;
    await this.#registry.putManifest(ctx, repository, reference, { mediaType, bytes });
  }

  /** Somebody may have pushed in between: what was written is still there by its digest. */
  async #checkTag(ctx: Context, reference: Reference, top: RawManifest): Promise<void> {
    const { digest } = top.descriptor;
    const state = await this.#stateOfTag(ctx, reference, digest);
    if (state === undefined) return;
    note(ctx, 'warn', `${familiarReference(reference)} ${state}; what was pushed is ${digest}`);
  }

  /** What is wrong with a tag that was put; undefined when it names `digest`. */
  async #stateOfTag(
    ctx: Context,
    reference: Reference,
    digest: Digest,
  ): Promise<string | undefined> {
    try {
      const now = await this.#registry.resolve(ctx, reference, reference.tag ?? '');
      if (now?.digest === digest) return undefined;
      const what = now === undefined ? 'is gone again' : `names ${now.digest} by now`;
      return `${what}: somebody else moved it`;
    } catch (error) {
      // The registry took it, which is what counts.
      if (isShipperError(error, 'INTERRUPTED')) throw error;
      return `cannot be read back: ${messageOf(error)}`;
    }
  }
}

/** The repositories that get the image, the first one first. */
function repositoriesOf(references: readonly Reference[], home: Repository): Repository[] {
  const all = new Map<string, Repository>([[`${home.domain}/${home.path}`, home]]);
  for (const { domain, path } of references) all.set(`${domain}/${path}`, { domain, path });
  return [...all.values()];
}
