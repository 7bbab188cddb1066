// The destinations of a run while they are written.
import { type Context, throwIfAborted } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { partial } from '../core/errors.ts';
import { Turns } from '../core/turns.ts';
import type {
  FinishedImage,
  ImageSet,
  ImageSink,
  MediaFamily,
  Publication,
} from '../image/image.ts';
import { buildIndex } from '../image/manifest.ts';
import { typesOf } from '../image/media-types.ts';
import type { Transports } from '../transport/open.ts';
import type { SinkOptions } from '../transport/sink.ts';
import { type Destination, placesOf } from './destination.ts';
import type { SunkImage } from './flatten-one.ts';

/** One destination and what it holds so far. */
export interface OpenSink {
  readonly sink: ImageSink;
  readonly destination: Destination;
  /** By position in the set; filled in any order. */
  readonly images: SunkImage[];
  /** Whose turn it is, where the medium takes one image after the other. */
  readonly turns: Turns | undefined;
}

/** A destination, and the digest of the index or manifest that is there now. */
export interface Published {
  readonly destination: Destination;
  readonly digest: Digest | undefined;
}

/** The sinks of a run, opened when the first image is known to be good. */
export class Sinks implements AsyncDisposable {
  readonly #ctx: Context;
  readonly #transports: Transports;
  readonly #destinations: readonly Destination[];
  readonly #options: Pick<SinkOptions, 'jobs' | 'keepsLayers' | 'isPrivate'>;
  #opening: Promise<readonly OpenSink[]> | undefined;
  opened: OpenSink[] = [];
  /** What {@link publish} has made visible. */
  readonly published: Published[] = [];

  constructor(
    ctx: Context,
    transports: Transports,
    destinations: readonly Destination[],
    options: Pick<SinkOptions, 'jobs' | 'keepsLayers' | 'isPrivate'>,
  ) {
    this.#ctx = ctx;
    this.#transports = transports;
    this.#destinations = destinations;
    this.#options = options;
  }

  /** Opens them once, whoever asks first. */
  open(family: MediaFamily): Promise<readonly OpenSink[]> {
    this.#opening ??= this.#openAll(family);
    return this.#opening;
  }

  /** What {@link publish} makes visible, for each destination. */
  publications(set: ImageSet): readonly Publication[] {
    return this.opened.map(({ images, destination }) =>
      publicationOf(set, images, destination.names),
    );
  }

  /** Makes everything visible; returns the digest of the index where the result is one. */
  async publish(set: ImageSet): Promise<string | undefined> {
    let indexDigest: string | undefined;
    const written: string[] = [];
    for (const { sink, images, destination } of this.opened) {
      const publication = publicationOf(set, images, destination.names);
      try {
        // The last moment at which a cancelled run has changed nothing.
        throwIfAborted(this.#ctx);
        await sink.commit(this.#ctx, publication);
      } catch (error) {
        throw partial(error, written);
      }
      written.push(...placesOf(destination));
      indexDigest ??= publication.index?.descriptor.digest;
      const top = publication.index ?? publication.images[0]?.manifest;
      this.published.push({ destination, digest: top?.descriptor.digest });
    }
    return indexDigest;
  }

  async #openAll(family: MediaFamily): Promise<readonly OpenSink[]> {
    const options = { ...this.#options, family };
    for (const destination of this.#destinations) {
      const sink = await this.#transports.openSink(this.#ctx, destination.location, options);
      const turns = sink.isConcurrent ? undefined : new Turns();
      this.opened.push({ sink, destination, images: [], turns });
    }
    return this.opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { sink } of this.opened) await sink[Symbol.asyncDispose]();
    this.opened = [];
  }
}

/** An index stays an index, also of one platform, and the same one where nothing that it lists changed. */
function publicationOf(
  set: ImageSet,
  sunk: readonly SunkImage[],
  tags: readonly string[],
): Publication {
  const images = sunk.map(({ finished }) => finished);
  if (!set.isIndex && images.length < 2) return { images, index: undefined, tags };
  if (set.root !== undefined && isUnchanged(set, images)) return { images, index: set.root, tags };
  const isDocker = images[0]?.manifest.descriptor.mediaType === typesOf('docker').manifest;
  const manifests = images.map(({ manifest, platform }) => ({
    descriptor: manifest.descriptor,
    platform,
  }));
  const index = buildIndex(isDocker ? 'docker' : 'oci', manifests, set.annotations);
  return { images, index, tags };
}

/** Whether the index of the source lists the images that were made and nothing else. */
function isUnchanged(set: ImageSet, images: readonly FinishedImage[]): boolean {
  const { isIndex, isPartial = false, nested = [], attestations } = set;
  if (!isIndex || isPartial || nested.length > 0 || attestations.length > 0) return false;
  return (
    images.length === set.images.length &&
    images.every(
      ({ manifest }, at) =>
        manifest.descriptor.digest === set.images[at]?.manifest?.descriptor.digest,
    )
  );
}
