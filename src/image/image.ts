// The spine: what an image is to every other module. Values are plain and read-only; effects sit behind `Layer.open`,
// `ImageSource` and `ImageSink`, which the transports implement.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';

/** A pointer to content (image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes as stored. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether it names other places to fetch from. They are never used (`faults.md` M10). */
  readonly hasUrls?: boolean;
}

/** Operating system and processor (image-spec, image-index.md). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
}

/** Bytes that can be read at any position, any number of times. */
export interface RandomAccess {
  readonly size: number;
  /**
   * Fills `target` from `position`. Reads short only at the end, which a caller that knows the size treats as
   * `SOURCE_CHANGED`.
   */
  readSync(target: Uint8Array, position: number): number;
}

/** An open layer: its uncompressed tar. */
export interface LayerTar extends RandomAccess, AsyncDisposable {
  /**
   * Resolves once digest, size and diff_id of all bytes were checked, rejects with `DIGEST_MISMATCH`; and with
   * `SOURCE_CHANGED` when the file was written to since it was opened. The bytes may be used before; nothing made from
   * them may become visible before. Call it after the last read.
   */
  verified(): Promise<void>;
}

/** The bytes of a layer as they are stored. */
export interface StoredContent extends AsyncDisposable {
  readonly size: number;
  /** The bytes from `offset`, in memory that stays as it is. May be called again. Stop iterating to release it. */
  stream(offset: number): AsyncIterable<Uint8Array>;
}

/** A repository of a registry: the domain and path of a reference. */
export interface Repository {
  /** As people write it: `docker.io`, `localhost:5000`. Where it is really served is the client's matter. */
  readonly domain: string;
  readonly path: string;
}

/** How a layer is opened. */
export interface OpenOptions {
  /** Bytes of the tar, at most, where it must be decompressed first; `LIMIT_EXCEEDED` past it. */
  readonly maxBytes?: number;
}

/** One layer. */
export interface Layer {
  /** As the manifest has it; for archives without one, the digest and size of the stored bytes as far as known. */
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar, as the configuration claims. */
  readonly diffId: Digest;
  /** Opens the tar. A medium that cannot be read at any position spools, and removes the spool on dispose. */
  open(ctx: Context, options?: OpenOptions): Promise<LayerTar>;
  /** Opens the bytes as stored, to be copied as they are. */
  openStored(ctx: Context): Promise<StoredContent>;
  /** The repository that has it, from which another of the same registry may take it without an upload. */
  readonly origin?: Repository;
}

/** Manifest media types come in two families that never mix (`flatten.md` R10). */
export type MediaFamily = 'oci' | 'docker';

/** One image: raw bytes are kept beside what was understood, so that unknown fields survive. */
export interface Image {
  /** How messages call it. */
  readonly name: string;
  readonly platform: Platform;
  readonly family: MediaFamily;
  /** The manifest as stored, where the medium has one (a legacy archive has none). */
  readonly manifest: RawManifest | undefined;
  readonly config: RawConfig;
  /** Base first. */
  readonly layers: readonly Layer[];
  /** Names recorded for it in the medium (`app:1`), in order. */
  readonly tags: readonly string[];
}

/** A manifest as stored. */
export interface RawManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A configuration as stored. */
export interface RawConfig {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A manifest that is not an image: dropped by a flatten, and named. */
export interface Attestation {
  readonly descriptor: Descriptor;
  /** What it speaks about, as far as it says. */
  readonly subject: string | undefined;
  readonly kind: 'attestation' | 'signature' | 'referrer';
}

/** What a source holds under one name. */
export interface ImageSet {
  readonly images: readonly Image[];
  /** Whether the name pointed at an index. */
  readonly isIndex: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly attestations: readonly Attestation[];
  /** How many images the medium lists, where it is known; several platforms of one name are one. */
  readonly imagesInMedium?: number;
}

/** Where an image is read. Dispose it after the last layer was closed. */
export interface ImageSource extends AsyncDisposable {
  /** As skopeo names it, for messages. */
  readonly name: string;
  /** Reads manifests and configurations. `platform` keeps only the images that match. May be called twice. */
  read(ctx: Context, platform?: Platform): Promise<ImageSet>;
}

/** Takes bytes in order. One chunk is being filled at a time; full chunks are hashed and stored behind the caller. */
export interface ChunkSink {
  /** Free room in the chunk being filled; never empty. */
  space(): Uint8Array;
  /**
   * `bytes` of the space were filled. Returns a promise when the next chunk is not free yet: await it before the next
   * `space()`.
   */
  filled(bytes: number): Promise<void> | undefined;
}

/** Makes the bytes of a layer. The same call makes the same bytes, so that a sink may ask twice. */
export interface LayerProducer {
  readonly name: string;
  /** Exact length of the uncompressed tar, in bytes. */
  readonly size: number;
  produce(ctx: Context, sink: ChunkSink): Promise<void>;
}

/** A layer that a sink took. */
export interface StoredLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/** An image that is ready to be made visible. */
export interface FinishedImage {
  readonly platform: Platform;
  readonly config: RawConfig;
  readonly manifest: RawManifest;
  readonly layers: readonly StoredLayer[];
}

/** All that becomes visible at once. */
export interface Publication {
  readonly images: readonly FinishedImage[];
  /** Present when the result is an index. */
  readonly index: RawManifest | undefined;
  /** Names to record. */
  readonly tags: readonly string[];
}

/**
 * Where an image is written. Order: `putLayer` for every layer, then `commit` once. Nothing is visible before `commit`
 * and nothing stays behind when the sink is disposed without it.
 */
export interface ImageSink extends AsyncDisposable {
  readonly name: string;
  /** Compression that this medium wants unless the user says otherwise. */
  readonly defaultCompression: Compression;
  /** Whether layers are unpacked, so that it does not matter how those to be copied are stored. */
  readonly unpacks?: boolean;
  /** Checks that `bytes` more can be written; rejects with `NO_SPACE`. */
  reserve(ctx: Context, bytes: number): Promise<void>;
  putLayer(ctx: Context, layer: LayerProducer, compression: Compression): Promise<StoredLayer>;
  /** Stores a layer of the source as it is. */
  copyLayer(ctx: Context, layer: Layer): Promise<StoredLayer>;
  commit(ctx: Context, publication: Publication): Promise<void>;
}
