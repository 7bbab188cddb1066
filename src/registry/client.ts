// A client of registries: the calls of `Registry`, put together.
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { orAborted } from '../core/until-aborted.ts';
import type { Descriptor } from '../image/image.ts';
import { type BlobId, blobBytes, isBlobThere, takeOver } from './blobs.ts';
import { type Referrer, referrerList, tagList } from './lists.ts';
import { fetchManifest, pushManifest, removeManifest, resolveManifest } from './manifests.ts';
import type { BlobUpload, FetchedManifest, Registry, Repository } from './registry.ts';
import { Session, type SessionParts } from './session.ts';
import { tryUpload } from './try-upload.ts';
import { sendBlob } from './upload.ts';

/** What a client is made of. */
export interface ClientParts extends SessionParts {
  /** Ends the connections; called when the client is disposed. */
  close(): Promise<void>;
}

/** A client of any number of registries. Connects on the first call. Dispose it. */
export function registryClient(parts: ClientParts): Registry {
  return new RegistryClient(parts);
}

class RegistryClient implements Registry {
  readonly #session: Session;
  readonly #close: () => Promise<void>;
  /** Uploads of known blobs that are under way. */
  readonly #uploads = new Map<string, Promise<BlobId>>();

  constructor(parts: ClientParts) {
    this.#session = new Session(parts);
    this.#close = () => parts.close();
  }

  manifest(ctx: Context, repository: Repository, reference: string): Promise<FetchedManifest> {
    return fetchManifest(this.#session, ctx, repository, reference);
  }

  resolve(
    ctx: Context,
    repository: Repository,
    reference: string,
  ): Promise<Descriptor | undefined> {
    return resolveManifest(this.#session, ctx, repository, reference);
  }

  probe(ctx: Context, repository: Repository, tag: string): Promise<Descriptor | undefined> {
    return resolveManifest(this.#session, ctx, repository, tag, true);
  }

  putManifest(
    ctx: Context,
    repository: Repository,
    reference: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  ): Promise<Digest> {
    return pushManifest(this.#session, ctx, repository, reference, manifest);
  }

  deleteManifest(ctx: Context, repository: Repository, reference: string): Promise<void> {
    return removeManifest(this.#session, ctx, repository, reference);
  }

  hasBlob(ctx: Context, repository: Repository, blob: BlobId): Promise<boolean> {
    return isBlobThere(this.#session, ctx, repository, blob, false);
  }

  blob(
    ctx: Context,
    repository: Repository,
    blob: BlobId,
    isChecked = true,
  ): AsyncIterable<Uint8Array> {
    return blobBytes(this.#session, ctx, repository, blob, isChecked);
  }

  /** Two uploads of one blob at once are one after the other: the second finds it there (`faults.md` R36). */
  async uploadBlob(ctx: Context, repository: Repository, upload: BlobUpload): Promise<BlobId> {
    const { expected } = upload;
    if (expected === undefined) return sendBlob(this.#session, ctx, repository, upload);
    const key = `${repository.domain}/${repository.path}@${expected.digest}`;
    for (;;) {
      const other = this.#uploads.get(key);
      if (other === undefined) break;
      // How it went is told to who began it; what we go by is whether the blob is there.
      await orAborted(
        ctx.signal,
        other.catch(() => undefined),
      );
    }
    const sending = sendBlob(this.#session, ctx, repository, upload);
    this.#uploads.set(key, sending);
    try {
      return await sending;
    } finally {
      this.#uploads.delete(key);
    }
  }

  checkPush(ctx: Context, repository: Repository): Promise<void> {
    return tryUpload(this.#session, ctx, repository);
  }

  mountBlob(
    ctx: Context,
    repository: Repository,
    digest: Digest,
    from: Repository,
  ): Promise<boolean> {
    return takeOver(this.#session, ctx, repository, digest, from);
  }

  tags(ctx: Context, repository: Repository): AsyncIterable<string> {
    return tagList(this.#session, ctx, repository);
  }

  referrers(ctx: Context, repository: Repository, digest: Digest): Promise<readonly Referrer[]> {
    return referrerList(this.#session, ctx, repository, digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
