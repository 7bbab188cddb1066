// An image of a registry as a source. Manifests and configurations are read at once, layers when they are opened.
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type {
  Descriptor,
  ImageSource,
  Layer,
  Platform,
  Repository,
  StoredContent,
} from '../image/image.ts';
import type { IndexEntry } from '../image/manifest.ts';
import {
  familiarReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../image/reference.ts';
import type { FetchedManifest, Registry } from '../registry/registry.ts';
import type { System } from '../system/system.ts';
import { type ContentStore, SetReader } from './set-reader.ts';
import { skipBytes } from './skip-bytes.ts';
import { spooledLayer } from './spooled-layer.ts';

/** A reference of a registry with its tag, as `docker://` takes it. */
export function registryReference(text: string): Reference {
  return withDefaultTag(parseReference(text));
}

/** The image that a reference names; `NOT_FOUND` when the registry does not have it. Does not own the registry. */
export function registrySource(system: System, registry: Registry, text: string): ImageSource {
  const reference = registryReference(text);
  const name = `docker://${familiarReference(reference)}`;
  let fetched: FetchedManifest | undefined;
  return {
    name,
    async read(ctx, platform) {
      fetched ??= await registry.manifest(ctx, reference, reference.digest ?? reference.tag ?? '');
      const store = new RegistryContent(system, registry, reference, name, fetched);
      return await readSet(ctx, store, fetched.descriptor, reference, platform);
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function readSet(
  ctx: Context,
  store: ContentStore,
  descriptor: Descriptor,
  reference: Reference,
  platform: Platform | undefined,
): Promise<Awaited<ReturnType<ImageSource['read']>>> {
  const reader = new SetReader(store, ctx, platform);
  const entry: IndexEntry = { descriptor, platform: undefined, artifactType: undefined };
  const tags = reference.digest === undefined ? [familiarReference(reference)] : [];
  await reader.readEntries([entry], 0, tags);
  return reader.finish(false);
}

/** Content of one repository. */
class RegistryContent implements ContentStore {
  readonly name: string;
  readonly #system: System;
  readonly #registry: Registry;
  readonly #repository: Repository;
  readonly #root: FetchedManifest;

  constructor(
    system: System,
    registry: Registry,
    repository: Repository,
    name: string,
    root: FetchedManifest,
  ) {
    this.name = name;
    this.#system = system;
    this.#registry = registry;
    this.#repository = { domain: repository.domain, path: repository.path };
    this.#root = root;
  }

  has: ContentStore['has'] = async () => true;

  manifest: ContentStore['manifest'] = async (ctx, descriptor, what) => {
    if (descriptor.digest === this.#root.descriptor.digest) return this.#root.bytes;
    const { bytes } = await this.#registry.manifest(ctx, this.#repository, descriptor.digest);
    requireSize(bytes.length, descriptor, what);
    return bytes;
  };

  config: ContentStore['config'] = async (ctx, descriptor, what) => {
    if (descriptor.size > LIMITS.metadataBytes) {
      throw new ShipperError(
        'LIMIT_EXCEEDED',
        `Cannot read ${what}: it has ${descriptor.size} bytes, over ${LIMITS.metadataBytes}`,
      );
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#registry.blob(ctx, this.#repository, descriptor))
      chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  layer(descriptor: Descriptor, diffId: Digest, index: number): Layer {
    const fetch = (ctx: Context) => this.#registry.blob(ctx, this.#repository, descriptor);
    // Passed on without a file: a stream that is wanted from its middle is begun anew.
    const streamed = (ctx: Context): StoredContent => ({
      size: descriptor.size,
      stream: (offset) => skipBytes(fetch(ctx), offset),
      async [Symbol.asyncDispose]() {},
    });
    const layer = spooledLayer(this.#system, { descriptor, diffId, index, fetch });
    return { ...layer, origin: this.#repository, openStored: async (ctx) => streamed(ctx) };
  }
}

/** A manifest fetched by its digest has it; its size is a claim of the index. */
function requireSize(bytes: number, descriptor: Descriptor, what: string): void {
  if (bytes === descriptor.size) return;
  throw new ShipperError(
    'DIGEST_MISMATCH',
    `Cannot read ${what}: it has ${bytes} bytes where ${descriptor.size} are claimed`,
  );
}
