// The fixtures are what their script makes, every digest in them is right, and their layers flatten to what is known.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import tarStream from 'tar-stream';
import { describe, expect, it } from 'vitest';
// biome-ignore lint/correctness/useImportExtensions: the script is plain JavaScript, its types stand beside it
import { makeFixtures } from '../native-free-fixtures/make.mjs';
import { flat, flatten } from './flatten/flat.ts';

const ROOT = fileURLToPath(new URL('../native-free-fixtures/', import.meta.url));

/** Members of an archive by name; a symlink is given as its target's bytes. */
type Members = Map<string, Buffer>;

interface ArchiveManifest {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Config {
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly { readonly empty_layer?: boolean }[];
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

function filesOnDisk(): string[] {
  return readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => relative(ROOT, join(found.parentPath, found.name)))
    .filter((name) => !/^(make\/|make\.|README\.md$)/.test(name))
    .sort();
}

function fixture(name: string): Buffer {
  return readFileSync(join(ROOT, name));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Digests compare, and print, better than bytes. */
function digestsOf(layers: readonly Buffer[]): string[] {
  return layers.map(digestOf);
}

function parse<T>(bytes: Buffer | undefined): T {
  return JSON.parse((bytes ?? Buffer.alloc(0)).toString('utf8')) as T;
}

async function membersOf(archive: Buffer): Promise<Members> {
  const members: Members = new Map();
  const links = new Map<string, string>();
  const extract = tarStream.extract();
  Readable.from([archive]).pipe(extract);
  for await (const member of extract) {
    const chunks: Buffer[] = [];
    for await (const chunk of member as AsyncIterable<Buffer>) chunks.push(chunk);
    const { name, type, linkname } = member.header;
    if (type === 'symlink') links.set(name, join(name, '..', linkname ?? ''));
    else if (type === 'file') members.set(name, Buffer.concat(chunks));
  }
  for (const [name, target] of links) members.set(name, members.get(target) ?? Buffer.alloc(0));
  return members;
}

function membersOnDisk(folder: string): Members {
  const inside = filesOnDisk().filter((name) => name.startsWith(`${folder}/`));
  return new Map(inside.map((name) => [name.slice(folder.length + 1), fixture(name)]));
}

/** The layers of the only image of a `docker save` archive, after checking them against the configuration. */
function archiveLayers(members: Members): Buffer[] {
  const [manifest] = parse<ArchiveManifest[]>(members.get('manifest.json'));
  const config = parse<Config>(members.get(manifest?.Config ?? ''));
  const layers = (manifest?.Layers ?? []).map((name) => members.get(name) ?? Buffer.alloc(0));
  checkConfig(config, layers);
  return layers;
}

function checkConfig(config: Config, layers: readonly Buffer[]): void {
  expect(config.rootfs.diff_ids).toEqual(layers.map(digestOf));
  const filled = config.history.filter((step) => step.empty_layer !== true);
  expect(filled.length).toBe(layers.length);
}

function blobOf(members: Members, descriptor: Descriptor): Buffer {
  const bytes = members.get(`blobs/${descriptor.digest.replace(':', '/')}`) ?? Buffer.alloc(0);
  expect(digestOf(bytes)).toBe(descriptor.digest);
  expect(bytes.length).toBe(descriptor.size);
  return bytes;
}

/** The layers of each image below a descriptor, uncompressed, after checking every digest on the way. */
function layoutLayers(members: Members, descriptor: Descriptor): Buffer[][] {
  const bytes = blobOf(members, descriptor);
  const { manifests = [] } = parse<{ manifests?: Descriptor[] }>(bytes);
  if (descriptor.mediaType.includes('index')) {
    const images = manifests.filter(({ platform }) => platform?.os !== 'unknown');
    return images.flatMap((image) => layoutLayers(members, image));
  }
  const manifest = parse<{ config: Descriptor; layers: Descriptor[] }>(bytes);
  const layers = manifest.layers.map((layer) => unpack(layer, blobOf(members, layer)));
  checkConfig(parse<Config>(blobOf(members, manifest.config)), layers);
  return [layers];
}

function unpack(layer: Descriptor, bytes: Buffer): Buffer {
  if (layer.mediaType.endsWith('+gzip')) return gunzipSync(bytes);
  return layer.mediaType.endsWith('+zstd') ? Buffer.from(decompress(bytes)) : bytes;
}

function topLayers(members: Members): Buffer[][] {
  const { manifests } = parse<{ manifests: Descriptor[] }>(members.get('index.json'));
  return manifests.flatMap((descriptor) => layoutLayers(members, descriptor));
}

describe('the fixtures', () => {
  const made = makeFixtures();

  it('are what make.mjs makes, and nothing else', () => {
    expect(filesOnDisk()).toEqual([...made.keys()].sort());
    for (const [name, bytes] of made) {
      expect([name, bytes.equals(fixture(name))]).toEqual([name, true]);
    }
  });

  it('are the same bytes when they are made again', () => {
    const again = makeFixtures();
    expect([...again.keys()]).toEqual([...made.keys()]);
    for (const [name, bytes] of again) expect(made.get(name)?.equals(bytes)).toBe(true);
  });

  it('are small', () => {
    const sizes = filesOnDisk().map((name) => statSync(join(ROOT, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_500_000);
    const app = statSync(join(ROOT, 'app.tar')).size;
    expect(app).toBeGreaterThan(50_000);
    expect(app).toBeLessThan(300_000);
  });

  it('each have a row in the README', () => {
    const readme = fixture('README.md').toString('utf8');
    for (const name of made.keys()) {
      const row = name.replace(/^(oci-layout|stacks\/[^/]+)\/.*$/, '$1/');
      expect(readme).toContain(`| \`${row}\``);
    }
  });
});

describe('the archives', () => {
  it('app.tar flattens to what its Dockerfile would show', async () => {
    const members = await membersOf(fixture('app.tar'));
    const { tree, codes } = await flatten(archiveLayers(members));
    expect(codes).toEqual([]);
    const version = tree.get('srv/app/version');
    expect(version).toMatchObject({ uid: 1000, names: ['srv/app/version'] });
    expect(tree.get('usr/share/app/version')).toMatchObject({ uid: 0 });
    expect(tree.get('usr/local/bin/probe6')?.names).toEqual([
      'usr/local/bin/probe',
      'usr/local/bin/probe6',
    ]);
    expect(tree.get('usr/local/bin/probe')?.xattrs.get('security.capability')?.length).toBe(20);
    expect(tree.get('tmp')?.mode).toBe(0o1777);
    expect(tree.get('usr/bin/su')?.mode).toBe(0o4755);
    expect(tree.has('usr/share/doc/caf\xe9.txt')).toBe(true);
    expect([...tree.keys()].filter((path) => path.startsWith('opt/data/'))).toEqual([
      'opt/data/app.db',
    ]);
    for (const gone of ['etc/motd', 'var/cache/apt', 'var/lib/apt/lists']) {
      expect(tree.has(gone)).toBe(false);
    }
  });

  it('app.tar has a configuration with everything that must survive', async () => {
    const members = await membersOf(fixture('app.tar'));
    const [manifest] = parse<ArchiveManifest[]>(members.get('manifest.json'));
    expect(manifest?.RepoTags).toEqual(['app:latest']);
    const text = members.get(manifest?.Config ?? '')?.toString('utf8') ?? '';
    for (const part of ['"Healthcheck"', '"StartInterval"', '9007199254740993', '"X-Vendor"']) {
      expect(text).toContain(part);
    }
  });

  it('legacy-repeated-layer.tar has one layer at two places', async () => {
    const archive = fixture('legacy-repeated-layer.tar');
    expect(archive.toString('latin1')).toMatch(/\.\.\/[0-9a-f]{64}\/layer\.tar/);
    const layers = archiveLayers(await membersOf(archive));
    expect(layers[0]?.equals(layers[2] ?? Buffer.alloc(0))).toBe(true);
    expect(await flat(layers)).toBe('a/ a/one=1 a/two=>a/one extra=more only=kept');
  });

  it('hybrid.tar is a docker archive and an OCI layout of the same image', async () => {
    const members = await membersOf(fixture('hybrid.tar'));
    expect(topLayers(members).map(digestsOf)).toEqual([digestsOf(archiveLayers(members))]);
    expect(gunzipSync(fixture('hybrid.tar.gz')).equals(fixture('hybrid.tar'))).toBe(true);
  });

  it('the OCI forms hold the same layers as hybrid.tar', async () => {
    const layers = archiveLayers(await membersOf(fixture('hybrid.tar')));
    for (const name of ['oci-gzip.tar', 'oci-zstd.tar']) {
      const [found = []] = topLayers(await membersOf(fixture(name)));
      expect(digestsOf(found)).toEqual(digestsOf(layers));
    }
    expect(topLayers(membersOnDisk('oci-layout')).map(digestsOf)).toEqual([digestsOf(layers)]);
    const { tree, codes } = await flatten(layers);
    expect(codes).toEqual(['parent-through-symlink']);
    expect([...tree.keys()].join(' ')).toBe(
      'bin bin/again bin/app data data/new etc etc/passwd lib usr usr/lib usr/lib/caf\xe9 usr/lib/through-the-link',
    );
  });

  it('multi-platform.tar has two images and an attestation for each', async () => {
    const members = await membersOf(fixture('multi-platform.tar'));
    const [top] = parse<{ manifests: Descriptor[] }>(members.get('index.json')).manifests;
    const { manifests } = parse<{ manifests: Descriptor[] }>(
      members.get(`blobs/${top?.digest.replace(':', '/')}`),
    );
    const platforms = manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`);
    expect(platforms).toEqual(['linux/amd64', 'linux/arm64', 'unknown/unknown', 'unknown/unknown']);
    expect(topLayers(members).length).toBe(2);
  });
});

describe('the layer stacks', () => {
  const expected = parse<Record<string, string>>(fixture('stacks/expected.json'));

  it.each(Object.keys(expected))('%s flattens to its expected tree', async (name) => {
    const layers = [...membersOnDisk(`stacks/${name}`).values()];
    expect(await flat(layers)).toBe(expected[name]);
  });
});
