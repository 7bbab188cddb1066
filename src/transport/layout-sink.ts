// An OCI layout folder as a destination (image-spec, image-layout.md). Blobs come first; `index.json` is replaced last,
// and that is what makes the image visible. Other images of the layout stay.

import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Descriptor, ImageSink, Publication, StoredContent } from '../image/image.ts';
import { isObject, type JsonValue, member, parseJsonObject } from '../image/json-text.ts';
import { OCI_INDEX } from '../image/media-types.ts';
import {
  createBeside,
  isTempName,
  linkBeside,
  requireSpace,
  splitPath,
  type TempFile,
  type TempName,
} from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { LAYOUT_FILE, metadataBlobs } from './archive-tail.ts';
import { copyStored } from './copy-stored.ts';
import { FlushingFile } from './flushing-file.ts';
import { namedDescriptors } from './image-names.ts';
import { lockLayout } from './layout-lock.ts';
import { entryKey } from './oci-select.ts';
import { streamRegion } from './region.ts';
import { describeCopy, describeLayer, type SinkOptions } from './sink.ts';
import { storeLayer } from './store-layer.ts';
import { blobPath } from './stored-layer.ts';

/** Opens a layout for writing; makes the folder where it is missing, and refuses one that holds something else. */
export async function openLayoutSink(
  system: System,
  folder: string,
  name: string,
  options: SinkOptions,
): Promise<ImageSink> {
  const sink = new LayoutSink(system, folder, name, options);
  await sink.prepare();
  return sink;
}

class LayoutSink implements ImageSink {
  readonly name: string;
  readonly isConcurrent = true;
  readonly defaultCompression = { kind: 'gzip', level: 6 } as const;
  readonly #system: System;
  readonly #folder: string;
  readonly #options: SinkOptions;
  /** Blobs that wait for the commit, by the path that they will have. */
  readonly #pending = new Map<string, TempName>();
  /** Folders that this run made, outermost first. */
  #made: readonly string[] = [];
  #isNew = false;
  #isCommitted = false;

  constructor(system: System, folder: string, name: string, options: SinkOptions) {
    this.#system = system;
    this.#folder = folder;
    this.name = name;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    const { files } = this.#system;
    const facts = await files.stat(this.#folder);
    if (facts !== undefined && facts.kind !== 'directory')
      throw this.#conflict('there is a file of that name');
    const names = facts === undefined ? [] : await files.list(this.#folder);
    this.#isNew = !names.includes(LAYOUT_FILE.name);
    // Blobs alone are what a run leaves that was killed, or one that is not done yet.
    if (this.#isNew && names.some((name) => name !== 'blobs' && !isTempName(name))) {
      throw this.#conflict('the folder is not empty and no OCI layout');
    }
    if (facts === undefined) await this.#requireParent();
    await this.#makeFolders();
  }

  /** Whether a blob is there already, byte for byte: it is left alone. */
  async #holds(ctx: Context, descriptor: Descriptor): Promise<boolean> {
    const { files } = this.#system;
    const path = `${this.#folder}/${blobPath(descriptor.digest)}`;
    if ((await files.stat(path))?.size !== descriptor.size) return false;
    await using file = await files.openRead(path);
    try {
      const region = { file, offset: 0, size: file.size };
      const stream = (offset: number) => streamRegion(ctx, region, offset);
      await copyStored(ctx, { size: file.size, stream }, descriptor, async () => undefined);
      return true;
    } catch (error) {
      if (isShipperError(error, 'SOURCE_CHANGED')) return false;
      throw error;
    }
  }

  async #makeFolders(): Promise<void> {
    const made: string[] = [];
    for (const path of ['', '/blobs', '/blobs/sha256'].map((end) => this.#folder + end)) {
      if ((await this.#system.files.stat(path)) !== undefined) continue;
      await this.#system.files.makeDirectory(path);
      made.push(path);
    }
    this.#made = made;
  }

  reserve: ImageSink['reserve'] = (_ctx, bytes) =>
    requireSpace(this.#system.files, this.#folder, bytes, this.name);

  putLayer: ImageSink['putLayer'] = async (ctx, layer, compression) => {
    const stored = await this.#newBlob(async (temp) => {
      const file = new FlushingFile(temp.file);
      const done = await storeLayer(
        this.#system,
        ctx,
        layer,
        compression,
        this.#options.jobs,
        (bytes, position) => file.write(bytes, position),
      );
      await file.settle();
      return done;
    });
    return describeLayer(stored, compression, this.#options.family);
  };

  copyLayer: ImageSink['copyLayer'] = async (ctx, layer) => {
    await this.copyBlob(ctx, layer);
    return describeCopy(layer);
  };

  copyBlob: ImageSink['copyBlob'] = async (ctx, { descriptor, ...blob }) => {
    if (await this.#holds(ctx, descriptor)) return;
    await using source = await blob.openStored(ctx);
    if (await this.#share(source, descriptor.digest)) return;
    await this.#newBlob(async (temp) => {
      await copyStored(ctx, source, descriptor, (bytes, position) =>
        temp.file.write(bytes, position),
      );
      return descriptor;
    });
  };

  commit: ImageSink['commit'] = async (ctx, publication) => {
    const { files } = this.#system;
    for (const { descriptor, bytes } of metadataBlobs(publication)) {
      await this.#newBlob(async (temp) => {
        await temp.file.write(bytes, 0);
        return descriptor;
      });
    }
    for (const [path, temp] of this.#pending) {
      await files.makeDirectory(splitPath(path).folder);
      await temp.moveTo(path);
    }
    // A folder is as durable as its name in the folder above.
    for (const path of this.#made) await files.syncDirectory(splitPath(path).folder);
    await using _lock = await lockLayout(this.#system, ctx, this.#folder, this.name);
    if (this.#isNew) await this.#replace(LAYOUT_FILE.name, LAYOUT_FILE.bytes);
    await this.#replace('index.json', await this.#newIndex(publication));
    this.#isCommitted = true;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const temp of this.#pending.values()) await temp[Symbol.asyncDispose]();
    if (!this.#isCommitted) await this.#removeFolders();
  }

  /** Takes back the folders that this run made, unless another run has put something there meanwhile. */
  async #removeFolders(): Promise<void> {
    const { files } = this.#system;
    for (const path of [...this.#made].reverse()) {
      if ((await files.list(path)).length > 0) return;
      await files.remove(path);
    }
  }

  /** The folder of a new layout must exist: a mistyped path should not make a tree of folders. */
  async #requireParent(): Promise<void> {
    const { folder } = splitPath(this.#folder.replace(/\/+$/, ''));
    if ((await this.#system.files.stat(folder))?.kind === 'directory') return;
    throw new ShipperError('NOT_FOUND', `Cannot write ${this.name}: there is no folder ${folder}`, {
      path: folder,
    });
  }

  /** Makes a file with what `fill` writes, to be moved to its digest on commit. */
  async #newBlob<T extends { readonly digest: Digest }>(
    fill: (temp: TempFile) => Promise<T>,
  ): Promise<T> {
    const temp = await createBeside(this.#system, `${this.#folder}/blobs/sha256/blob`);
    try {
      const filled = await fill(temp);
      await this.#keep(filled.digest, temp);
      return filled;
    } catch (error) {
      await temp[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Whether the file of the source could be taken as it is. */
  async #share({ file }: StoredContent, digest: Digest): Promise<boolean> {
    if (file === undefined || !this.#options.isPrivate) return false;
    const path = `${this.#folder}/${blobPath(digest)}`;
    await this.#system.files.makeDirectory(splitPath(path).folder);
    const name = await linkBeside(this.#system, file, path);
    if (name !== undefined) await this.#keep(digest, name);
    return name !== undefined;
  }

  /** A blob is kept once; `moveTo` over a blob of the same digest changes nothing. */
  async #keep(digest: Digest, temp: TempName): Promise<void> {
    const path = `${this.#folder}/${blobPath(digest)}`;
    const before = this.#pending.get(path);
    this.#pending.set(path, temp);
    await before?.[Symbol.asyncDispose]();
  }

  async #replace(name: string, bytes: Uint8Array): Promise<void> {
    const path = `${this.#folder}/${name}`;
    await using temp = await createBeside(this.#system, path);
    await temp.file.write(bytes, 0);
    await temp.moveTo(path);
  }

  /** The entries that were there, less those of the same names, and ours. */
  async #newIndex(publication: Publication): Promise<Uint8Array> {
    const targets =
      publication.index === undefined
        ? publication.images.map(({ manifest }) => manifest)
        : [publication.index];
    const added = targets.flatMap(({ descriptor }) =>
      namedDescriptors(descriptor, publication.tags, 'oci'),
    );
    const keys = new Set(added.map(({ annotations }) => entryKey(annotations)));
    const digests = new Set(added.map(({ digest }): string => digest));
    const kept = (await this.#oldEntries()).filter((entry) => {
      const annotations = isObject(entry) ? member(entry, 'annotations') : undefined;
      const key = entryKey(isObject(annotations) ? annotations : undefined);
      if (key !== undefined) return !keys.has(key);
      return !(isObject(entry) && digests.has(String(member(entry, 'digest'))));
    });
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...kept, ...added] };
    return new TextEncoder().encode(JSON.stringify(index));
  }

  async #oldEntries(): Promise<readonly JsonValue[]> {
    try {
      const bytes = await this.#system.files.read(
        `${this.#folder}/index.json`,
        LIMITS.metadataBytes,
      );
      const list = member(parseJsonObject(bytes, `index.json of ${this.name}`), 'manifests');
      return Array.isArray(list) ? list : [];
    } catch (error) {
      if (isShipperError(error, 'NOT_FOUND')) return [];
      throw error;
    }
  }

  #conflict(reason: string): ShipperError {
    return new ShipperError('OUTPUT_CONFLICT', `Cannot write ${this.name}: ${reason}`, {
      path: this.#folder,
    });
  }
}
