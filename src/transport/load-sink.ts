// `docker load` of a whole archive: engines with containerd's image store, and podman.
import type { Context } from '../core/context.ts';
import { throwIfAborted } from '../core/context.ts';
import type { ImageSink, Publication } from '../image/image.ts';
import { createSpool, requireSpace, type TempFile } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { ArchiveWriter } from './archive-writer.ts';
import { checkLoaded, type EngineTarget, moveTags } from './engine-target.ts';
import { describeCopy, describeLayer, type SinkOptions } from './sink.ts';

const CHUNK_BYTES = 1_048_576;

/** Builds the archive in a spool: a layer's digest stands in front of it. */
export class LoadSink implements ImageSink {
  readonly name: string;
  readonly isConcurrent = false;
  readonly defaultCompression: ImageSink['defaultCompression'];
  readonly #system: System;
  readonly #target: EngineTarget;
  readonly #options: SinkOptions;
  #spool: TempFile | undefined;
  #writer: ArchiveWriter | undefined;
  #isLoaded = false;

  constructor(system: System, target: EngineTarget, options: SinkOptions) {
    this.#system = system;
    this.#target = target;
    this.#options = options;
    this.name = target.name;
    // Containerd keeps layers as they were loaded; everything else unpacks them anyway.
    const isKept = target.facts.store === 'containerd';
    this.defaultCompression = isKept ? { kind: 'gzip', level: 1 } : { kind: 'none' };
  }

  reserve: ImageSink['reserve'] = (_ctx, bytes) =>
    requireSpace(this.#system.files, this.#system.tmpdir, bytes, 'the archive to load');

  putLayer: ImageSink['putLayer'] = async (ctx, layer, compression) => {
    const writer = await this.#open();
    const stored = await writer.putLayer(ctx, layer, compression, this.#options.jobs);
    return describeLayer(stored, compression, this.#options.family);
  };

  copyLayer: ImageSink['copyLayer'] = async (ctx, layer) => {
    await this.copyBlob(ctx, layer);
    return describeCopy(layer);
  };

  copyBlob: ImageSink['copyBlob'] = async (ctx, blob) => {
    const writer = await this.#open();
    await using bytes = await blob.openStored(ctx);
    await writer.copyBlob(ctx, blob.descriptor, bytes);
  };

  commit: ImageSink['commit'] = async (ctx, publication: Publication) => {
    const writer = await this.#open();
    const { engine, temporary } = this.#target;
    await writer.finish({ ...publication, tags: [temporary] }, 'docker');
    this.#isLoaded = true;
    await engine.loadImages(ctx, this.#archive(ctx, writer.size));
    await checkLoaded(ctx, this.#target, publication);
    await moveTags(ctx, this.#target, publication);
    this.#isLoaded = false;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool?.[Symbol.asyncDispose]();
    if (this.#isLoaded) await this.#target.cleanUp(this.#target.temporary);
  }

  async #open(): Promise<ArchiveWriter> {
    this.#spool ??= await createSpool(this.#system);
    this.#writer ??= new ArchiveWriter(this.#system, this.#spool.file);
    return this.#writer;
  }

  async *#archive(ctx: Context, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    for (let at = 0; at < size; ) {
      throwIfAborted(ctx);
      const read = this.#spool?.file.readSync(buffer, at) ?? 0;
      if (read === 0) return;
      at += read;
      yield buffer.subarray(0, read);
    }
  }
}
