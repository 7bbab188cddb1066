// An image of one layer with nothing in it, made in memory: what a lock is created from, and what carries a journal in its
// labels. The same input gives the same bytes, and so the same image id, on every machine.
import type { Context } from '../core/context.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { isShipperError } from '../core/errors.ts';
import { sortedRecord } from '../core/sorted.ts';
import type { Engine } from '../engine/engine.ts';
import type { Platform } from '../image/image.ts';
import { layerType, OCI_INDEX, OCI_MANIFEST, typesOf } from '../image/media-types.ts';
import { encodeHeader, plainFileHead } from '../tar/encode.ts';
import { BLOCK, padded } from '../tar/entry.ts';

/** What such an image is made of. */
export interface TinyImageSpec {
  /** With domain and tag, as containerd's store keeps names: `shipper.local/empty:1`. */
  readonly name: string;
  /** Of the engine: containerd's store refuses to create containers of another one. */
  readonly platform: Pick<Platform, 'os' | 'architecture'>;
  readonly labels: Readonly<Record<string, string>>;
}

/** An image to be loaded by `POST /images/load`. */
export interface TinyImage {
  readonly name: string;
  /** A docker archive that is an OCI layout as well, so that both image stores take the very bytes that are in it. */
  readonly archive: Uint8Array;
  /** What the engine may call it: the configuration's digest on graph drivers, the manifest's on containerd's store. */
  readonly ids: readonly [config: Digest, manifest: Digest];
}

/** A tar without entries. */
const EMPTY_LAYER = new Uint8Array(2 * BLOCK);
/** A fixed time, which is none: the id must not depend on when or where it is made. */
const CREATED = '1970-01-01T00:00:00Z';
const LOAD_TRIES = 5;

/** Makes the image. */
export function tinyImage({ name, platform, labels }: TinyImageSpec): TinyImage {
  const layer = digestOf(EMPTY_LAYER);
  const config = json({
    created: CREATED,
    architecture: platform.architecture,
    os: platform.os,
    // Never run. Engines refuse to create a container without any command.
    config: { Cmd: ['/none'], Labels: sortedRecord(labels) },
    rootfs: { type: 'layers', diff_ids: [layer] },
    history: [{ created: CREATED, created_by: 'shipper' }],
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(typesOf('oci').config, config),
    layers: [descriptor(layerType('oci', 'none'), EMPTY_LAYER)],
  });
  const tag = name.slice(name.lastIndexOf(':') + 1);
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': tag,
  };
  const index = json({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [{ ...descriptor(OCI_MANIFEST, manifest), annotations }],
  });
  const ids = [digestOf(config), digestOf(manifest)] as const;
  const listed = [{ Config: blobPath(ids[0]), RepoTags: [name], Layers: [blobPath(layer)] }];
  const archive = tarOf([
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    [blobPath(layer), EMPTY_LAYER],
    [blobPath(ids[0]), config],
    [blobPath(ids[1]), manifest],
    ['index.json', index],
    ['manifest.json', json(listed)],
  ]);
  return { name, archive, ids };
}

/** What is made for an engine: for its own platform. */
export type NamedImage = Omit<TinyImageSpec, 'platform'>;

/** Loads the image into an engine. May be repeated, and by several at once. */
export async function loadTinyImage(ctx: Context, engine: Engine, spec: NamedImage): Promise<void> {
  const { archive } = await made(ctx, engine, spec);
  for (let tries = 1; ; tries += 1) {
    try {
      await engine.loadImages(ctx, once(archive));
      return;
    } catch (error) {
      if (tries === LOAD_TRIES || !isRaced(error)) throw error;
    }
  }
}

/** Of two who load a new name at once, containerd's store (Docker 26.1) lets one fail, which may have another image for it. */
function isRaced(error: unknown): boolean {
  return isShipperError(error, 'ENGINE') && error.message.includes('already exists');
}

/** What the engine may call it once it is loaded. */
export async function tinyIds(
  ctx: Context,
  engine: Engine,
  spec: NamedImage,
): Promise<readonly string[]> {
  return (await made(ctx, engine, spec)).ids;
}

async function made(ctx: Context, engine: Engine, spec: NamedImage): Promise<TinyImage> {
  const { os, architecture } = await engine.facts(ctx);
  return tinyImage({ ...spec, platform: { os, architecture } });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** A tar of ordinary files that anybody may read. */
export function tarOf(files: readonly (readonly [path: string, bytes: Uint8Array])[]): Uint8Array {
  const parts = files.flatMap(([path, bytes]) => [
    encodeHeader(plainFileHead(path, bytes.length)),
    bytes,
    new Uint8Array(padded(bytes.length) - bytes.length),
  ]);
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}

function descriptor(mediaType: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
