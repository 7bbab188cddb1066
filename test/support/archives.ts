// Archives around images for tests, on top of the tar builder: legacy `docker save`, hybrid and OCI, each hostile
// variation one option. It shares nothing with `src`. Bodies and names are latin1 strings, one character per byte.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { layers as layersOf } from './layers.ts';
import { type Bytes, bytesOf, entry, rawEntry, tar } from './tar-builder.ts';

/** What a member is: bytes, or a name for another member. */
export type Body = Bytes | { readonly symlink: string } | { readonly link: string };

/** Members in order; a name may stand twice. */
export type Members = readonly (readonly [name: string, body: Body])[];

/** What is put around a layer's tar. */
export type Wrap = (tar: Uint8Array) => Uint8Array;

/** Wraps by name. */
export const WRAPS = {
  none: (tar: Uint8Array) => tar,
  gzip: (tar: Uint8Array) => gzipSync(tar),
  zstd: (tar: Uint8Array) => zstdStored(tar),
} as const satisfies Record<string, Wrap>;

/** An image. Everything is optional, so that a test says only what it is about. */
export interface ImageSpec {
  /** In the notation of layers, or as tars. Default `a=1 | b=2`. */
  readonly layers?: string | readonly Uint8Array[];
  /** Members put over those of the default configuration; a text replaces it. */
  readonly config?: Readonly<Record<string, unknown>> | string;
  /** Default `none`. */
  readonly wrap?: keyof typeof WRAPS | Wrap;
  /** Claimed in the configuration instead of the true ones. */
  readonly diffIds?: readonly unknown[];
  /** Names recorded in the archive. Default `app:1`. */
  readonly tags?: readonly string[];
  /** Media type of the layers. Default that of the wrap. */
  readonly mediaType?: string;
  readonly platform?: PlatformSpec;
}

/** A platform as JSON has it. */
export interface PlatformSpec {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
}

/** What an archive says that is not true, or that nobody expects. */
export interface ArchiveOptions {
  /** Replaces members by name; undefined leaves one out; an unknown name is added at the end. */
  readonly replace?: Readonly<Record<string, Body | undefined>>;
  /** Put behind all others, under any name. */
  readonly extra?: Members;
}

const OCI = 'application/vnd.oci.image';
const AMD64: PlatformSpec = { os: 'linux', architecture: 'amd64' };

/** `sha256:…` of bytes. */
export function sha256(bytes: Bytes): string {
  return `sha256:${createHash('sha256').update(bytesOf(bytes)).digest('hex')}`;
}

/** A tar of members. */
export function archive(members: Members): Buffer {
  return tar(members.map(([name, body]) => memberOf(name, body)));
}

/** A legacy archive of `docker save` before 25. */
export function legacyArchive(images: readonly ImageSpec[], options: ArchiveOptions = {}): Buffer {
  return archive(withOptions(legacyMembers(images), options));
}

/** An OCI layout as a tar, with the names of the images in `index.json`. */
export function ociArchive(images: readonly ImageSpec[], options: ArchiveOptions = {}): Buffer {
  return archive(withOptions(ociMembers(images), options));
}

/** What Docker 25 and later save: an OCI layout with `manifest.json` beside it. */
export function hybridArchive(images: readonly ImageSpec[], options: ArchiveOptions = {}): Buffer {
  const saved = images.map((spec) => {
    const { config, stored } = partsOf(spec);
    return {
      Config: blobName(sha256(config)),
      RepoTags: tagsOf(spec),
      Layers: stored.map((bytes) => blobName(sha256(bytes))),
    };
  });
  const members = [...ociMembers(images), ['manifest.json', JSON.stringify(saved)] as const];
  return archive(withOptions(members, options));
}

/** Writes members as a folder: an OCI layout from {@link ociMembers}. */
export function writeMembers(folder: string, members: Members): void {
  for (const [name, body] of members) {
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytesOf(body));
  }
}

/** Members of a legacy archive: `<id>/layer.tar`, `<config>.json`, `manifest.json` last. */
export function legacyMembers(images: readonly ImageSpec[]): Members {
  const members = new Map<string, Body>();
  const saved = images.map((spec) => {
    const { config, stored } = partsOf(spec);
    const configName = `${hex(sha256(config))}.json`;
    const names = stored.map((bytes) => `${hex(sha256(bytes))}/layer.tar`);
    for (const [i, name] of names.entries()) members.set(name, stored[i] ?? '');
    members.set(configName, config);
    return { Config: configName, RepoTags: tagsOf(spec), Layers: names };
  });
  return [...members, ['manifest.json', JSON.stringify(saved)]];
}

/** Members of an OCI layout. */
export function ociMembers(images: readonly ImageSpec[]): Members {
  const blobs = new Blobs();
  const manifests = images.flatMap((spec) => {
    const descriptor = blobs.image(spec);
    const names = tagsOf(spec);
    if (names.length === 0) return [descriptor];
    return names.map((name) => ({
      ...descriptor,
      annotations: { 'org.opencontainers.image.ref.name': name },
    }));
  });
  return blobs.members(manifests);
}

/** Images of a layout that have containerd's full name and the specification's, which may be a tag alone. */
export function namedLayout(
  images: readonly (ImageSpec & { readonly full?: string; readonly ref?: string })[],
): Members {
  const blobs = new Blobs();
  const manifests = images.map(({ full, ref, ...spec }) => ({
    ...blobs.image(spec),
    annotations: {
      'io.containerd.image.name': full,
      'org.opencontainers.image.ref.name': ref,
    },
  }));
  return blobs.members(manifests);
}

/** A descriptor as JSON has it. */
export interface DescriptorSpec {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [key: string]: unknown;
}

/** Content by digest, from which a layout of any shape can be made. */
export class Blobs {
  readonly #blobs = new Map<string, Uint8Array>();

  /** Adds bytes and describes them. */
  add(bytes: Bytes, mediaType: string): DescriptorSpec {
    const digest = sha256(bytes);
    const body = bytesOf(bytes);
    this.#blobs.set(blobName(digest), body);
    return { mediaType, digest, size: body.length };
  }

  /** Adds a JSON value. */
  json(value: unknown, mediaType: string): DescriptorSpec {
    return this.add(JSON.stringify(value), mediaType);
  }

  /** Adds an image; `changes` go over the members of its manifest. */
  image(spec: ImageSpec, changes: Readonly<Record<string, unknown>> = {}): DescriptorSpec {
    const { config, stored } = partsOf(spec);
    const type = spec.mediaType ?? layerType(spec.wrap);
    const manifest = {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: this.add(config, `${OCI}.config.v1+json`),
      layers: stored.map((bytes) => this.add(bytes, type)),
      ...changes,
    };
    const platform = spec.platform === undefined ? {} : { platform: spec.platform };
    return { ...this.json(manifest, `${OCI}.manifest.v1+json`), ...platform };
  }

  /** Adds an index. */
  index(
    manifests: readonly unknown[],
    changes: Readonly<Record<string, unknown>> = {},
  ): DescriptorSpec {
    const mediaType = `${OCI}.index.v1+json`;
    return this.json({ schemaVersion: 2, mediaType, manifests, ...changes }, mediaType);
  }

  /** The layout whose `index.json` lists `manifests`. */
  members(manifests: readonly unknown[]): Members {
    const mediaType = `${OCI}.index.v1+json`;
    const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests });
    return [
      ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
      ...this.#blobs,
      ['index.json', index],
    ];
  }
}

/** What BuildKit stores beside an image. */
export function attestation(blobs: Blobs, subject: DescriptorSpec): DescriptorSpec {
  const type = 'application/vnd.in-toto+json';
  const manifest = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: blobs.json({ architecture: 'unknown', os: 'unknown' }, `${OCI}.config.v1+json`),
    layers: [blobs.json({ _type: 'https://in-toto.io/Statement/v0.1' }, type)],
  };
  return {
    ...blobs.json(manifest, `${OCI}.manifest.v1+json`),
    annotations: {
      'vnd.docker.reference.digest': subject.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
    platform: { architecture: 'unknown', os: 'unknown' },
  };
}

/** `blobs/sha256/…` of a digest. */
export function blobName(digest: string): string {
  return `blobs/sha256/${hex(digest)}`;
}

/** How a zstd frame is written; see RFC 8878. */
export interface ZstdFrameOptions {
  /** Claimed in the window descriptor, in bytes; a power of two. Default 1 MiB. */
  readonly window?: number;
  /** Claims that four checksum bytes follow, and writes these. */
  readonly checksum?: string;
  /** Bytes of a block, at most 128 KiB. */
  readonly blockBytes?: number;
}

/** A valid zstd frame that stores its content in raw blocks. */
export function zstdStored(content: Uint8Array, options: ZstdFrameOptions = {}): Buffer {
  const blockBytes = options.blockBytes ?? 131_072;
  const blocks: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < content.length; at += blockBytes) {
    const part = content.subarray(at, at + blockBytes);
    blocks.push(blockHeader(0, part.length, at + blockBytes >= content.length), part);
  }
  return zstdFrame(blocks, options);
}

/** A zstd frame of `count` blocks that each say "so many bytes `x`": four bytes become up to 128 KiB. */
export function zstdRepeated(
  count: number,
  blockBytes = 131_072,
  options: ZstdFrameOptions = {},
): Buffer {
  const middle = Buffer.concat([blockHeader(1, blockBytes, false), Buffer.from('x')]);
  const last = Buffer.concat([blockHeader(1, blockBytes, true), Buffer.from('x')]);
  return zstdFrame([Buffer.alloc(4 * (count - 1), middle), last], options);
}

/** A skippable frame. */
export function zstdSkippable(content: Bytes, nibble = 0): Buffer {
  const body = bytesOf(content);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + nibble, 0);
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

function zstdFrame(blocks: readonly Uint8Array[], options: ZstdFrameOptions): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32LE(0xfd2fb528, 0);
  head[4] = options.checksum === undefined ? 0 : 4;
  head[5] = (Math.log2(options.window ?? 1_048_576) - 10) << 3;
  return Buffer.concat([head, ...blocks, bytesOf(options.checksum ?? '')]);
}

function blockHeader(type: 0 | 1, size: number, isLast: boolean): Buffer {
  const head = Buffer.alloc(3);
  head.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
  return head;
}

/** Configuration and stored layers of an image. */
export function partsOf(spec: ImageSpec): {
  readonly config: Buffer;
  readonly tars: readonly Uint8Array[];
  readonly stored: readonly Uint8Array[];
} {
  const stack = spec.layers ?? 'a=1 | b=2';
  const tars = typeof stack === 'string' ? (stack === '' ? [] : layersOf(stack)) : stack;
  const wrap = typeof spec.wrap === 'function' ? spec.wrap : WRAPS[spec.wrap ?? 'none'];
  return { config: configOf(spec, tars), tars, stored: tars.map(wrap) };
}

function configOf(spec: ImageSpec, tars: readonly Uint8Array[]): Buffer {
  if (typeof spec.config === 'string') return bytesOf(spec.config);
  const value = {
    ...(spec.platform ?? AMD64),
    created: '2024-01-02T03:04:05Z',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: spec.diffIds ?? tars.map(sha256) },
    history: tars.map((_, i) => ({ created_by: `step ${i}` })),
    ...spec.config,
  };
  return Buffer.from(JSON.stringify(value));
}

function layerType(wrap: ImageSpec['wrap']): string {
  const suffix = wrap === 'gzip' || wrap === 'zstd' ? `+${wrap}` : '';
  return `${OCI}.layer.v1.tar${suffix}`;
}

function tagsOf(spec: ImageSpec): readonly string[] {
  return spec.tags ?? ['app:1'];
}

function memberOf(name: string, body: Body): Buffer {
  if (name.length > 100 && (typeof body === 'string' || body instanceof Uint8Array))
    return entry({ name, type: 'file', body });
  if (typeof body === 'string' || body instanceof Uint8Array)
    return rawEntry({ name, mode: 0o644 }, body);
  if ('symlink' in body) return rawEntry({ name, typeflag: '2', linkname: body.symlink });
  return rawEntry({ name, typeflag: '1', linkname: body.link });
}

function withOptions(members: Members, { replace = {}, extra = [] }: ArchiveOptions): Members {
  const left = new Map(Object.entries(replace));
  const kept = members.flatMap(([name, body]): Members => {
    if (!left.has(name)) return [[name, body]];
    const other = left.get(name);
    left.delete(name);
    return other === undefined ? [] : [[name, other]];
  });
  const added = [...left].flatMap(
    ([name, body]): Members => (body === undefined ? [] : [[name, body]]),
  );
  return [...kept, ...added, ...extra];
}

function hex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
