// An image of a registry as a source. Manifests and configurations are read at once, layers when they are opened.
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Descriptor, ImageSource, Layer, Platform, Repository } from '../image/image.ts';
import type { IndexEntry } from '../image/manifest.ts';
import {
  familiarReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../image/reference.ts';
import type { FetchedManifest, Registry } from '../registry/registry.ts';
import type { LayerOpener } from './layer-opener.ts';
import { statementsIn } from './registry-statements.ts';
import { type ContentStore, SetReader } from './set-reader.ts';
import { streamedLayer } from './streamed-layer.ts';

/** A reference of a registry with its tag, as `docker://` takes it. */
export function registryReference(text: string): Reference {
  return withDefaultTag(parseReference(text));
}

/** The image that a reference names; `NOT_FOUND` when the registry does not have it. Does not own the registry. */
export function registrySource(opener: LayerOpener, registry: Registry, text: string): ImageSource {
  const reference = registryReference(text);
  const name = `docker://${familiarReference(reference)}`;
  let fetched: FetchedManifest | undefined;
  return {
    name,
    async read(ctx, platform) {
      fetched ??= await registry.manifest(ctx, reference, reference.digest ?? reference.tag ?? '');
      const store = new RegistryContent(opener, registry, reference, name, fetched);
      return await readSet(ctx, store, fetched.descriptor, reference, platform);
    },
    statements: (ctx, subjects) => statementsIn(ctx, registry, reference, subjects),
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
  readonly #opener: LayerOpener;
  readonly #registry: Registry;
  readonly #repository: Repository;
  readonly #root: FetchedManifest;

  constructor(
    opener: LayerOpener,
    registry: Registry,
    repository: Repository,
    name: string,
    root: FetchedManifest,
  ) {
    this.name = name;
    this.#opener = opener;
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
    const fetch = (ctx: Context) => this.#registry.blob(ctx, this.#repository, descriptor, false);
    const layer = streamedLayer(this.#opener, { descriptor, diffId, index, fetch });
    return { ...layer, origin: this.#repository };
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
