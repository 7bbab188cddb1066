// OCI content by digest, in a folder or in an archive.
import { type Digest, digestOf } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Descriptor } from '../image/image.ts';
import type { System } from '../system/system.ts';
import type { Archive } from './archive.ts';
import { readWhole } from './region.ts';
import { blobPath, type OpenRegion } from './stored-layer.ts';

/** Reads blobs by digest, and the few files beside them by name. */
export interface BlobStore {
  readonly name: string;
  has(digest: Digest): Promise<boolean>;
  /** `NOT_FOUND` when there is none. */
  open(digest: Digest): Promise<OpenRegion>;
  /** A file beside the blobs, `index.json` for example; undefined when there is none. */
  file(name: string): Promise<Uint8Array | undefined>;
}

/** Blobs of an archive. */
export function archiveBlobs(archive: Archive): BlobStore {
  return {
    name: archive.name,
    has: async (digest) => archive.has(blobPath(digest)),
    async open(digest) {
      const region = archive.region(blobPath(digest));
      if (region === undefined) throw missing(archive.name, digest);
      return { region, async [Symbol.asyncDispose]() {} };
    },
    async file(name) {
      const region = archive.region(name);
      return region === undefined
        ? undefined
        : readWhole(region, LIMITS.metadataBytes, `${name} of ${archive.name}`);
    },
  };
}

/** Blobs of an OCI layout folder. */
export function folderBlobs(system: System, folder: string, name: string): BlobStore {
  const { files } = system;
  return {
    name,
    has: async (digest) => (await files.stat(`${folder}/${blobPath(digest)}`)) !== undefined,
    async open(digest) {
      const path = `${folder}/${blobPath(digest)}`;
      if ((await files.stat(path))?.kind !== 'file') throw missing(name, digest);
      const file = await files.openRead(path);
      return {
        region: { file, offset: 0, size: file.size },
        [Symbol.asyncDispose]: () => file.close(),
      };
    },
    async file(child) {
      const path = `${folder}/${child}`;
      // A pipe of that name would be waited for without end.
      if ((await files.stat(path))?.kind !== 'file') return undefined;
      return files.read(path, LIMITS.metadataBytes);
    },
  };
}

/** A blob of metadata, whole, with size and digest checked. */
export async function readMetadata(
  store: BlobStore,
  descriptor: Descriptor,
  what: string,
): Promise<Uint8Array> {
  await using opened = await store.open(descriptor.digest);
  if (opened.region.size !== descriptor.size) {
    throw new ShipperError(
      'DIGEST_MISMATCH',
      `Cannot read ${what}: it has ${opened.region.size} bytes where ${descriptor.size} are claimed`,
    );
  }
  const bytes = readWhole(opened.region, LIMITS.metadataBytes, what);
  requireDigestOf(bytes, descriptor.digest, what);
  return bytes;
}

/** Throws unless `bytes` have `digest`. */
export function requireDigestOf(bytes: Uint8Array, digest: Digest, what: string): void {
  const actual = digestOf(bytes, digest.startsWith('sha512:') ? 'sha512' : 'sha256');
  if (actual === digest) return;
  throw new ShipperError(
    'DIGEST_MISMATCH',
    `Cannot read ${what}: its digest is ${actual} where ${digest} is claimed`,
  );
}

function missing(name: string, digest: Digest): ShipperError {
  return new ShipperError('NOT_FOUND', `Cannot read ${name}: the blob ${digest} is missing`);
}
