// What shipper needs of registries: the distribution specification as a dozen calls, with its own types. One `Registry`
// speaks to every host that a run names; connections and tokens are shared between its calls.
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import type { Descriptor, Repository } from '../image/image.ts';

export type { Repository };

/** A manifest or index as the registry has it. Its digest was computed here, never taken from a header. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** Bytes to be stored as one blob. */
export interface BlobUpload {
  /**
   * Gives the bytes from `offset` on. Called again where an upload must be resumed or begun anew, and then gives the same
   * bytes. Stop iterating to release it. The memory of a chunk may be used again once the next is asked for.
   */
  open(offset: number): AsyncIterable<Uint8Array>;
  /** What the bytes are, where that is known before they were made; checked against what passes by. */
  readonly expected?: Pick<Descriptor, 'digest' | 'size'>;
  /** Told of bytes that the registry took for the first time. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * A client of any number of registries. Every call retries what may be retried, keeps to the time-outs and caps of
 * `faults.md` 2.5, and fails with `REGISTRY` (an answer that means failure, with method, host, status and the registry's own words),
 * `REGISTRY_UNREACHABLE`, `UNAUTHORIZED`, `NOT_FOUND`, `DIGEST_MISMATCH`, `TIMEOUT` or `LIMIT_EXCEEDED`. No message holds a secret.
 */
export interface Registry extends AsyncDisposable {
  /** A manifest by tag or digest; bytes fetched by digest are checked. `NOT_FOUND` names the reference. */
  manifest(ctx: Context, repository: Repository, reference: string): Promise<FetchedManifest>;
  /** What a tag or digest points at, without its bytes where the registry can say so; undefined when it is not there. */
  resolve(ctx: Context, repository: Repository, reference: string): Promise<Descriptor | undefined>;
  /** What a tag points at that may well not be there: one HEAD, whose 404 is believed. */
  probe(ctx: Context, repository: Repository, tag: string): Promise<Descriptor | undefined>;
  /** Stores a manifest under a tag or its own digest. */
  putManifest(
    ctx: Context,
    repository: Repository,
    reference: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  ): Promise<Digest>;
  /** Deletes a manifest by digest (or a tag, where the registry can). */
  deleteManifest(ctx: Context, repository: Repository, reference: string): Promise<void>;
  /** Whether the repository has the blob, of that size. */
  hasBlob(
    ctx: Context,
    repository: Repository,
    blob: Pick<Descriptor, 'digest' | 'size'>,
  ): Promise<boolean>;
  /**
   * The bytes of a blob in order. A cut is resumed where it happened; the iteration ends well only if size and digest of
   * all bytes are right; the digest is left to the reader with `isChecked` false. Eight blobs of one host stream at
   * once, others wait: read what was begun, or stop iterating.
   */
  blob(
    ctx: Context,
    repository: Repository,
    blob: Pick<Descriptor, 'digest' | 'size'>,
    isChecked?: boolean,
  ): AsyncIterable<Uint8Array>;
  /** Stores a blob, unless `expected` is there already; resolves when the registry has all of it. */
  uploadBlob(
    ctx: Context,
    repository: Repository,
    upload: BlobUpload,
  ): Promise<Pick<Descriptor, 'digest' | 'size'>>;
  /**
   * Begins an upload and takes it back, in one try each. `UNAUTHORIZED` where the registry says that we may not push to the
   * repository; other failures say little about that.
   */
  checkPush(ctx: Context, repository: Repository): Promise<void>;
  /** Asks the registry to take a blob from another of its repositories; false where it will not, which is no failure. */
  mountBlob(
    ctx: Context,
    repository: Repository,
    digest: Digest,
    from: Repository,
  ): Promise<boolean>;
  /** All tags of a repository, page by page. */
  tags(ctx: Context, repository: Repository): AsyncIterable<string>;
  /** Manifests that name `digest` as their subject; by the fallback tag where the registry has no such list. */
  referrers(
    ctx: Context,
    repository: Repository,
    digest: Digest,
  ): Promise<readonly (Descriptor & { readonly artifactType?: string })[]>;
}

/** How registries are reached. */
export interface RegistryChoice {
  /** `user:password` for the registries of this run (`--creds`). */
  readonly creds?: string;
  /** Credentials file in the format of docker's config.json or podman's auth.json (`--authfile`). */
  readonly authfile?: string;
  /** `host[:port]` or ranges that may be spoken to in plain http or without a trusted certificate (`--insecure`). */
  readonly insecure?: readonly string[];
  /** Where a domain's images are read first, in order: `{'docker.io': ['mirror.example.com', 'http://localhost:5000']}`. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
}
