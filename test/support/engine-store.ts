// The image table of the fake engine: what a graph-driver engine does with images, layers and names, in memory.
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';

/** One image of the table. */
export interface FakeImage {
  /** Digest of the configuration. */
  readonly id: string;
  readonly tags: string[];
  readonly diffIds: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly config: Uint8Array;
  /** What a save gives; without it, an archive is built from configuration and layers. */
  readonly tar?: Uint8Array;
}

/** What a test gives for an image that is only to be saved and inspected. */
export interface OpaqueImage {
  readonly tags: readonly string[];
  readonly tar: Uint8Array;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A failure that the engine reports with `message`, as `errorDetail` once its answer has begun. */
export class EngineRefusal extends Error {}

/** Images by id, layers by chain id, names as the engine shows them. */
export class ImageTable {
  readonly images = new Map<string, FakeImage>();
  readonly layers = new Map<string, Uint8Array>();

  /** Adds an image that consists of the archive that a save of it gives. */
  add(image: OpaqueImage): FakeImage {
    const config = image.config ?? { architecture: 'amd64', os: 'linux', rootfs: { diff_ids: [] } };
    return this.#put(Buffer.from(JSON.stringify(config)), image.tags, image.tar);
  }

  /** By name (`latest` when it has no tag), id, or the beginning of an id. */
  find(name: string): FakeImage | undefined {
    const hex = name.replace(/^sha256:/, '');
    for (const image of this.images.values()) {
      if (image.tags.includes(familiar(name))) return image;
      if (/^[0-9a-f]{6,64}$/.test(hex) && image.id.startsWith(`sha256:${hex}`)) return image;
    }
    return undefined;
  }

  /** Gives `image` a name, which another may lose. */
  tag(image: FakeImage, name: string): void {
    for (const other of this.images.values()) removeFrom(other.tags, familiar(name));
    image.tags.push(familiar(name));
  }

  /** Removes a name, and the image with its last one. False when there is no such image. */
  remove(name: string): boolean {
    const image = this.find(name);
    if (image === undefined) return false;
    removeFrom(image.tags, familiar(name));
    if (image.tags.length === 0) this.#drop(image);
    return true;
  }

  /** `POST /images/load`: the lines that the engine prints. Throws an {@link EngineRefusal}. */
  async load(tar: Uint8Array): Promise<readonly string[]> {
    const files = await readTar(tar);
    const manifest = files.get('manifest.json');
    if (manifest === undefined) {
      throw new EngineRefusal('invalid archive: does not contain a manifest.json');
    }
    const lines: string[] = [];
    for (const item of JSON.parse(Buffer.from(manifest).toString()) as ManifestItem[]) {
      const image = this.#loadItem(item, files);
      const tags = item.RepoTags ?? [];
      lines.push(...tags.map((tag) => `Loaded image: ${familiar(tag)}`));
      if (tags.length === 0) lines.push(`Loaded image ID: ${image.id}`);
    }
    return lines;
  }

  /** `POST /images/create?fromSrc=-`: the id of the image. Throws an {@link EngineRefusal}. */
  async importLayer(layer: Uint8Array, name: string, platform: string): Promise<string> {
    await readTar(layer);
    const [os = 'linux', architecture = 'amd64'] = platform === '' ? [] : platform.split('/');
    const diffId = sha256(layer);
    this.layers.set(diffId, layer);
    const rootfs = { type: 'layers', diff_ids: [diffId] };
    const config = { architecture, os, config: {}, rootfs, comment: `Imported from - as ${name}` };
    return this.#put(Buffer.from(JSON.stringify(config)), name === '' ? [] : [name]).id;
  }

  /** `GET /images/{name}/get`: the archive, with the name that it was asked for. */
  /** An image whose layer is the context: as much of a build as our client can tell. Returns the lines of its answer. */
  async build(context: Uint8Array, query: URLSearchParams): Promise<readonly object[]> {
    const files = await readTar(context);
    const path = query.get('dockerfile') ?? 'Dockerfile';
    const dockerfile = files.get(path);
    if (dockerfile === undefined) {
      throw new EngineRefusal(`Cannot locate specified Dockerfile: ${path}`);
    }
    const steps = Buffer.from(dockerfile).toString('utf8').trim().split('\n');
    const lines = steps.flatMap((step, at) => [
      { stream: `Step ${at + 1}/${steps.length} : ${step}` },
      { stream: '\n' },
    ]);
    for (const step of steps) {
      const source = /^COPY (\S+)/.exec(step)?.[1];
      if (source !== undefined && source !== '.' && !files.has(source)) {
        throw new EngineRefusal(`COPY failed: ${source}: no such file or directory`);
      }
    }
    const id = await this.importLayer(context, query.get('t') ?? '', '');
    return [...lines, { aux: { ID: id } }, { stream: `Successfully built ${id.slice(7, 19)}\n` }];
  }

  async save(image: FakeImage, name: string): Promise<Uint8Array> {
    if (image.tar !== undefined) return image.tar;
    const archive = pack();
    const config = `${image.id.slice(7)}.json`;
    const chains = chainIds(image.diffIds).map((chain) => chain.slice(7));
    const layers = chains.map((chain) => `${chain}/layer.tar`);
    archive.entry({ name: config }, Buffer.from(image.config));
    for (const chain of chains) {
      const layer = this.layers.get(`sha256:${chain}`) ?? new Uint8Array();
      archive.entry({ name: `${chain}/layer.tar` }, Buffer.from(layer));
    }
    const tags = image.tags.filter((tag) => tag === familiar(name));
    const manifest = [{ Config: config, RepoTags: tags, Layers: layers }];
    archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
    archive.finalize();
    const parts: Uint8Array[] = [];
    for await (const part of archive as AsyncIterable<Uint8Array>) parts.push(part);
    return Buffer.concat(parts);
  }

  #drop(image: FakeImage): void {
    this.images.delete(image.id);
    const used = new Set([...this.images.values()].flatMap(({ diffIds }) => chainIds(diffIds)));
    for (const chain of chainIds(image.diffIds)) {
      if (!used.has(chain)) this.layers.delete(chain);
    }
  }

  #loadItem(item: ManifestItem, files: ReadonlyMap<string, Uint8Array>): FakeImage {
    const config = files.get(item.Config);
    if (config === undefined) throw new EngineRefusal(`open ${item.Config}: no such file`);
    const diffIds = diffIdsOf(config);
    if (diffIds.length !== item.Layers.length) {
      const counts = `expected ${diffIds.length}, got ${item.Layers.length}`;
      throw new EngineRefusal(`invalid manifest, layers length mismatch: ${counts}`);
    }
    chainIds(diffIds).forEach((chain, index) => {
      // A layer that is already there is not even looked at: shipper's import-then-load stands on that.
      if (this.layers.has(chain)) return;
      const stored = files.get(item.Layers[index] ?? '');
      if (stored === undefined) throw new EngineRefusal(`open ${item.Layers[index]}: no such file`);
      const layer = stored[0] === 0x1f && stored[1] === 0x8b ? gunzipSync(stored) : stored;
      const found = sha256(layer);
      if (found !== diffIds[index]) {
        const ids = `expected "${diffIds[index]}", got "${found}"`;
        throw new EngineRefusal(`invalid diffID for layer ${index}: ${ids}`);
      }
      this.layers.set(chain, layer);
    });
    return this.#put(config, item.RepoTags ?? []);
  }

  #put(config: Uint8Array, tags: readonly string[], tar?: Uint8Array): FakeImage {
    const id = sha256(config);
    const json = JSON.parse(Buffer.from(config).toString()) as ConfigJson;
    const known = this.images.get(id);
    const image: FakeImage = known ?? {
      id,
      tags: [],
      diffIds: diffIdsOf(config),
      os: json.os ?? 'linux',
      architecture: json.architecture ?? 'amd64',
      ...(json.variant === undefined ? {} : { variant: json.variant }),
      config,
      ...(tar === undefined ? {} : { tar }),
    };
    this.images.set(id, image);
    for (const tag of tags) this.tag(image, tag);
    return image;
  }
}

interface ManifestItem {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

interface ConfigJson {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
  readonly rootfs?: { readonly diff_ids?: readonly string[] };
}

/** The name as the engine shows it: without `docker.io/library/`, with a tag. */
export function familiar(name: string): string {
  const short = name.replace(/^docker\.io\/(?:library\/)?/, '');
  return short.lastIndexOf(':') > short.lastIndexOf('/') ? short : `${short}:latest`;
}

/** `sha256:…` of bytes. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function diffIdsOf(config: Uint8Array): readonly string[] {
  const json = JSON.parse(Buffer.from(config).toString()) as ConfigJson;
  return json.rootfs?.diff_ids ?? [];
}

function chainIds(diffIds: readonly string[]): readonly string[] {
  const chains: string[] = [];
  for (const diffId of diffIds) {
    const parent = chains.at(-1);
    chains.push(parent === undefined ? diffId : sha256(Buffer.from(`${parent} ${diffId}`)));
  }
  return chains;
}

function removeFrom(list: string[], item: string): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}

/** The files of a tar; a symbolic link (older engines write one for a repeated layer) is the file that it names. */
async function readTar(tar: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const links = new Map<string, string>();
  const reader = extract();
  reader.end(Buffer.from(tar));
  try {
    for await (const entry of reader) {
      const parts: Uint8Array[] = [];
      for await (const part of entry as AsyncIterable<Uint8Array>) parts.push(part);
      files.set(entry.header.name, Buffer.concat(parts));
      const target = entry.header.linkname;
      if (entry.header.type === 'symlink' && target) links.set(entry.header.name, target);
    }
  } catch {
    throw new EngineRefusal('Error processing tar file(exit status 1): unexpected EOF');
  }
  for (const [name, target] of links) {
    const file = files.get(target.replace(/^\.\.\//, ''));
    if (file !== undefined) files.set(name, file);
  }
  return files;
}
