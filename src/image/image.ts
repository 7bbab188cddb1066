// The spine: what an image is to every other module. Values are plain and read-only; effects sit behind `Layer.open`,
// `ImageSource` and `ImageSink`, which the transports implement.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { bug, type ShipperError } from '../core/errors.ts';
import type { Entry } from '../tar/entry.ts';

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

/** A tar that is being read from its start. Dispose it, whether or not it was read to its end. */
export interface TarStream extends AsyncDisposable {
  /** The next bytes, in memory that stays as it is; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /**
   * No more is wanted: reads what is left of the stored bytes, and rejects with `SOURCE_CHANGED` unless they are those
   * that were checked when the layer was opened. What was made of the bytes may only become visible after it.
   */
  finish(): Promise<void>;
}

/** Where bytes wait outside of memory until they are wanted. */
export interface Overflow extends AsyncDisposable {
  /** Resolves with the position of the bytes, which may then be overwritten. One call at a time. */
  append(bytes: Uint8Array): Promise<number>;
  /** Fills the beginning of `target` with bytes from `position`, at least one. */
  readSync(target: Uint8Array, position: number): number;
}

/** A tar that can be read from its start to its end, any number of times, and each time at a price. */
export interface SequentialAccess {
  readonly size: number;
  /** Starts to read. */
  stream(ctx: Context): TarStream;
  /** Makes a place for content that is wanted later than it comes; undefined where no file may be made. */
  readonly openOverflow: (() => Promise<Overflow>) | undefined;
}

/** How the content of a layer can be read. */
export type LayerContent = RandomAccess | SequentialAccess;

/** Whether it can be read at any position. */
export function isRandomAccess(content: LayerContent): content is RandomAccess {
  return 'readSync' in content;
}

/** An open layer: its uncompressed tar. */
export interface LayerTar extends AsyncDisposable {
  /** Of the tar, in bytes. */
  readonly size: number;
  /** What the tar holds, in its order. May be iterated any number of times, with no wait. */
  entries(): Iterable<Entry>;
  readonly content: LayerContent;
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
  /** A file that holds just these bytes, checked, and that nobody writes to: it may get further names. */
  readonly file?: string;
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
  /**
   * `random`: the content is wanted at any position. `headers`: the content is not wanted. Default: as the medium gives it
   * best.
   */
  readonly access?: 'random' | 'headers';
}

/** The content of a layer that was opened with `access: 'random'`. */
export function randomContent({ content }: LayerTar): RandomAccess {
  if (isRandomAccess(content)) return content;
  throw bug('a layer was opened to be read in order and is read at any position');
}

/** A blob of a source. */
export interface StoredBlob {
  /** As the manifest has it; for archives without one, the digest and size of the stored bytes as far as known. */
  readonly descriptor: Descriptor;
  /**
   * Opens the bytes as stored, to be copied as they are. With `look` only the first of them are looked at: a medium that would
   * have to check all bytes before it gives any need not.
   */
  openStored(ctx: Context, use?: 'look'): Promise<StoredContent>;
  /** The repository that has it, from which another of the same registry may take it without an upload. */
  readonly origin?: Repository;
}

/** One layer. */
export interface Layer extends StoredBlob {
  /** Digest of the uncompressed tar, as the configuration claims. */
  readonly diffId: Digest;
  /**
   * Opens the tar. Where the medium cannot be read as it is wanted, a temporary file is made, and removed on dispose.
   */
  open(ctx: Context, options?: OpenOptions): Promise<LayerTar>;
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

/** A manifest that is no image, and the blobs that it names: none where it is an index. */
export interface Artifact {
  readonly manifest: RawManifest;
  readonly blobs: readonly StoredBlob[];
}

/** A manifest that speaks about an image: dropped by a flatten, and named. */
export interface Statement {
  readonly descriptor: Descriptor;
  /** What it speaks about, as far as it says. */
  readonly subject: string | undefined;
  readonly kind: 'attestation' | 'signature' | 'sbom' | 'referrer';
}

/** A statement that an index lists. */
export interface Attestation extends Statement {
  /** Reads its manifest; undefined where it is listed and not part of the medium. */
  open(ctx: Context): Promise<Artifact | undefined>;
}

/** What a source holds under one name. */
export interface ImageSet {
  readonly images: readonly Image[];
  /** Whether the name pointed at an index. */
  readonly isIndex: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly attestations: readonly Attestation[];
  /** What the name points at, as stored; absent where the medium has no manifest, or lists platforms without an index. */
  readonly root?: RawManifest;
  /** Indexes below the root, each behind those that it lists. */
  readonly nested?: readonly RawManifest[];
  /** Whether the index lists images that are not part of the medium. */
  readonly isPartial?: boolean;
  /** How many images the medium lists, where it is known; several platforms of one name are one. */
  readonly imagesInMedium?: number;
}

/** Statements that a medium keeps beside its images. */
export interface StatementsBeside {
  readonly found: readonly Statement[];
  /** Why it is not known whether these are all. */
  readonly failure?: ShipperError;
}

/** Where an image is read. Dispose it after the last layer was closed. */
export interface ImageSource extends AsyncDisposable {
  /** As skopeo names it, for messages. */
  readonly name: string;
  /** Reads manifests and configurations. `platform` keeps only the images that match. May be called twice. */
  read(ctx: Context, platform?: Platform): Promise<ImageSet>;
  /** What else the medium has that speaks about one of `subjects`. Absent where a medium keeps such things in the index only. */
  statements?(ctx: Context, subjects: readonly Digest[]): Promise<StatementsBeside>;
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

/** A manifest that is no image: an attestation, or an index inside the index. */
export interface FinishedArtifact {
  readonly manifest: RawManifest;
  readonly blobs: readonly Descriptor[];
}

/** All that becomes visible at once. */
export interface Publication {
  readonly images: readonly FinishedImage[];
  /** Further manifests that the index lists, each behind those that it names itself. Their blobs were copied. */
  readonly artifacts?: readonly FinishedArtifact[];
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
  /** Stores any blob of the source as it is. */
  copyBlob(ctx: Context, blob: StoredBlob): Promise<void>;
  /** Whether several blobs may be stored beside each other. */
  readonly isConcurrent: boolean;
  commit(ctx: Context, publication: Publication): Promise<void>;
}
