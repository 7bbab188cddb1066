// The calls of the fake registry, as the distribution specification has them.
import type { IncomingMessage } from 'node:http';
import type { RegistryReply } from './registry-faults.ts';
import type { Routed } from './registry-server.ts';
import { type FakeRepository, type StoredUpload, sha256 } from './registry-store.ts';

interface CallOptions {
  readonly hasReferrers: boolean;
  readonly chunkMinBytes: number | undefined;
  /** In front of the path of a `Location`. */
  readonly prefix: string;
}

const NOTHING = Buffer.alloc(0);
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/** Answers calls out of repositories. */
export class RegistryCalls {
  readonly #find: (path: string) => FakeRepository;
  readonly #options: CallOptions;

  constructor(find: (path: string) => FakeRepository, options: CallOptions) {
    this.#find = find;
    this.#options = options;
  }

  async answer(
    routed: Routed,
    url: URL,
    request: IncomingMessage,
    reply: RegistryReply,
  ): Promise<void> {
    const { path, name, operation } = routed;
    const repository = this.#find(path);
    switch (operation) {
      case 'manifest.get':
      case 'manifest.head':
        return this.#manifest(repository, name, reply);
      case 'manifest.put':
        return this.#putManifest(repository, path, name, request, reply);
      case 'manifest.delete':
        return this.#deleteManifest(repository, name, reply);
      case 'blob.get':
      case 'blob.head':
        return this.#blob(repository, name, request, reply);
      case 'blob.delete':
        return repository.blobs.delete(name)
          ? reply.send(202, NOTHING, {})
          : reply.refuse(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
      case 'upload.start':
        return this.#startUpload(repository, path, url, reply);
      case 'tags':
        return this.#tags(repository, path, url, reply);
      case 'referrers':
        return this.#referrers(repository, name, reply);
      case 'ping':
      case 'token':
      case 'elsewhere':
        return reply.json(200, {});
      default:
        return this.#upload(repository, routed, url, request, reply);
    }
  }

  async #manifest(repository: FakeRepository, name: string, reply: RegistryReply): Promise<void> {
    const found = repository.find(name);
    if (found === undefined) return reply.refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    const { mediaType, bytes, digest } = found;
    const headers = { 'Content-Type': mediaType, 'Docker-Content-Digest': digest };
    if (await reply.replaced(headers)) return;
    await reply.send(200, bytes, headers);
  }

  async #putManifest(
    repository: FakeRepository,
    path: string,
    name: string,
    request: IncomingMessage,
    reply: RegistryReply,
  ): Promise<void> {
    const bytes = await reply.body();
    if (bytes === undefined) return;
    const missing = repository.missingFor(JSON.parse(bytes.toString('utf8')));
    if (missing.length > 0) {
      return reply.refuse(400, 'MANIFEST_BLOB_UNKNOWN', `blob unknown: ${missing[0]}`);
    }
    const digest = sha256(bytes);
    const isDigest = name.includes(':');
    if (isDigest && name !== digest) return reply.refuse(400, 'DIGEST_INVALID', 'wrong digest');
    const mediaType = request.headers['content-type'] ?? '';
    repository.putManifest(mediaType, bytes, isDigest ? undefined : name);
    const location = `/v2/${path}/manifests/${digest}`;
    await reply.send(201, NOTHING, { Location: location, 'Docker-Content-Digest': digest });
  }

  async #deleteManifest(
    repository: FakeRepository,
    name: string,
    reply: RegistryReply,
  ): Promise<void> {
    if (repository.tags.delete(name)) return reply.send(202, NOTHING, {});
    if (!repository.manifests.delete(name)) {
      return reply.refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    }
    for (const [tag, digest] of repository.tags) {
      if (digest === name) repository.tags.delete(tag);
    }
    await reply.send(202, NOTHING, {});
  }

  async #blob(
    repository: FakeRepository,
    name: string,
    request: IncomingMessage,
    reply: RegistryReply,
  ): Promise<void> {
    const bytes = repository.blobs.get(name);
    if (bytes === undefined) return reply.refuse(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Docker-Content-Digest': name,
      'Accept-Ranges': 'bytes',
    };
    if (await reply.replaced(headers)) return;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range === null || reply.fault?.kind === 'ignoreRange') {
      return reply.send(200, bytes, headers);
    }
    const start = Number(range[1]);
    const end = Math.min(range[2] === '' ? Infinity : Number(range[2]), bytes.length - 1);
    if (start > end)
      return reply.send(416, NOTHING, { 'Content-Range': `bytes */${bytes.length}` });
    const contentRange = `bytes ${start}-${end}/${bytes.length}`;
    await reply.send(206, bytes.subarray(start, end + 1), {
      ...headers,
      'Content-Range': contentRange,
    });
  }

  async #startUpload(
    repository: FakeRepository,
    path: string,
    url: URL,
    reply: RegistryReply,
  ): Promise<void> {
    const digest = url.searchParams.get('mount');
    const from = url.searchParams.get('from');
    if (digest !== null && from !== null && reply.fault?.kind !== 'denyMount') {
      const bytes = this.#find(from).blobs.get(digest);
      if (bytes !== undefined) {
        repository.blobs.set(digest, bytes);
        return reply.send(201, NOTHING, { Location: `/v2/${path}/blobs/${digest}` });
      }
    }
    await this.#place(reply, 202, path, repository.beginUpload());
  }

  async #upload(
    repository: FakeRepository,
    { operation, path, name }: Routed,
    url: URL,
    request: IncomingMessage,
    reply: RegistryReply,
  ): Promise<void> {
    const upload = repository.uploads.get(name);
    if (upload === undefined) {
      await reply.body();
      return reply.refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    }
    switch (operation) {
      case 'upload.cancel':
        repository.uploads.delete(name);
        return reply.send(204, NOTHING, {});
      case 'upload.status':
        return this.#place(reply, 204, path, upload);
      case 'upload.patch':
        return this.#patch(upload, path, request, reply);
      default:
        return this.#closeUpload(repository, upload, path, url, reply);
    }
  }

  async #patch(
    upload: StoredUpload,
    path: string,
    request: IncomingMessage,
    reply: RegistryReply,
  ): Promise<void> {
    const start = /^(\d+)-\d+$/.exec(request.headers['content-range'] ?? '')?.[1];
    if (start !== undefined && Number(start) !== upload.bytes.length) {
      await reply.body();
      return this.#place(reply, 416, path, upload);
    }
    const add = (bytes: Buffer) => {
      upload.bytes = Buffer.concat([upload.bytes, bytes]);
    };
    const bytes = await reply.body(add);
    if (bytes === undefined) return;
    add(bytes);
    await this.#place(reply, 202, path, upload);
  }

  async #closeUpload(
    repository: FakeRepository,
    upload: StoredUpload,
    path: string,
    url: URL,
    reply: RegistryReply,
  ): Promise<void> {
    const rest = await reply.body((taken) => {
      upload.bytes = Buffer.concat([upload.bytes, taken]);
    });
    if (rest === undefined) return;
    const digest = url.searchParams.get('digest') ?? '';
    const bytes = Buffer.concat([upload.bytes, rest]);
    const algorithm = digest.split(':')[0] === 'sha512' ? 'sha512' : 'sha256';
    if (sha256(bytes, algorithm) !== digest) {
      return reply.refuse(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
    }
    repository.uploads.delete(upload.id);
    repository.blobs.set(digest, bytes);
    await reply.send(201, NOTHING, {
      Location: `/v2/${path}/blobs/${digest}`,
      'Docker-Content-Digest': digest,
    });
  }

  /** Where an upload is. As the distribution registry: `0-0` for none as well as for one byte. */
  #place(
    reply: RegistryReply,
    status: number,
    path: string,
    { id, bytes }: StoredUpload,
  ): Promise<void> {
    const { prefix, chunkMinBytes } = this.#options;
    return reply.send(status, NOTHING, {
      Location: `${prefix}/v2/${path}/blobs/uploads/${id}?_state=${bytes.length}`,
      Range: `0-${Math.max(0, bytes.length - 1)}`,
      'Docker-Upload-UUID': id,
      ...(chunkMinBytes === undefined ? {} : { 'OCI-Chunk-Min-Length': String(chunkMinBytes) }),
    });
  }

  async #tags(
    repository: FakeRepository,
    path: string,
    url: URL,
    reply: RegistryReply,
  ): Promise<void> {
    if (repository.manifests.size === 0) {
      return reply.refuse(404, 'NAME_UNKNOWN', 'repository name not known to registry');
    }
    const n = Number(url.searchParams.get('n') ?? Infinity);
    const last = url.searchParams.get('last') ?? '';
    const left = [...repository.tags.keys()].sort().filter((tag) => tag > last);
    const tags = left.slice(0, n);
    const next = `/v2/${path}/tags/list?last=${tags.at(-1)}&n=${n}`;
    const link: Record<string, string> = left.length > n ? { Link: `<${next}>; rel="next"` } : {};
    await reply.json(200, { name: path, tags }, link);
  }

  async #referrers(
    repository: FakeRepository,
    subject: string,
    reply: RegistryReply,
  ): Promise<void> {
    if (!this.#options.hasReferrers) return reply.refuse(404, 'NOT_FOUND', 'page not found');
    const manifests = [...repository.manifests].flatMap(([digest, { mediaType, bytes }]) => {
      const json = JSON.parse(bytes.toString('utf8'));
      if (json.subject?.digest !== subject) return [];
      const artifactType = json.artifactType ?? json.config?.mediaType;
      return [{ mediaType, digest, size: bytes.length, artifactType }];
    });
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    await reply.json(200, index, { 'Content-Type': OCI_INDEX });
  }
}
