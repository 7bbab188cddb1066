// What the fake registry keeps: blobs by digest, and for each repository its manifests, tags and uploads.
import { createHash, randomUUID } from 'node:crypto';

/** A stored manifest. */
export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** An upload that was begun. */
export interface StoredUpload {
  readonly id: string;
  bytes: Buffer;
}

/** A repository; made by the first push. */
export class FakeRepository {
  readonly blobs: Map<string, Buffer> = new Map();
  /** By digest. */
  readonly manifests: Map<string, StoredManifest> = new Map();
  /** Digest by tag. */
  readonly tags: Map<string, string> = new Map();
  readonly uploads: Map<string, StoredUpload> = new Map();

  /** A manifest by tag or digest. */
  find(reference: string): (StoredManifest & { readonly digest: string }) | undefined {
    const digest = this.tags.get(reference) ?? reference;
    const manifest = this.manifests.get(digest);
    return manifest === undefined ? undefined : { ...manifest, digest };
  }

  /** Puts a blob there; returns its descriptor. */
  putBlob(bytes: Uint8Array): { readonly digest: string; readonly size: number } {
    const digest = sha256(bytes);
    this.blobs.set(digest, Buffer.from(bytes));
    return { digest, size: bytes.length };
  }

  /** Puts a manifest there, under `tag` if one is given; returns its descriptor. */
  putManifest(
    mediaType: string,
    bytes: Uint8Array,
    tag?: string,
  ): { readonly mediaType: string; readonly digest: string; readonly size: number } {
    const digest = sha256(bytes);
    this.manifests.set(digest, { mediaType, bytes: Buffer.from(bytes) });
    if (tag !== undefined) this.tags.set(tag, digest);
    return { mediaType, digest, size: bytes.length };
  }

  beginUpload(): StoredUpload {
    const upload = { id: randomUUID(), bytes: Buffer.alloc(0) };
    this.uploads.set(upload.id, upload);
    return upload;
  }

  /** What a manifest needs and the repository lacks: a registry refuses the manifest then. */
  missingFor(manifest: unknown): readonly string[] {
    const { config, layers = [], manifests = [] } = manifest as FakeManifest;
    const blobs = [...(config === undefined ? [] : [config]), ...layers];
    return [
      ...blobs.filter(({ digest }) => !this.blobs.has(digest)),
      ...manifests.filter(({ digest }) => !this.manifests.has(digest)),
    ].map(({ digest }) => digest);
  }
}

interface FakeManifest {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

/** `sha256:…` of bytes, or of another algorithm. */
export function sha256(bytes: Uint8Array, algorithm: string = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
