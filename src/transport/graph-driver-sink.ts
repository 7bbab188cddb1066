// An engine that keeps layers in a graph driver: the layer is imported in one streaming pass, then a tiny archive with
// the exact configuration is loaded, whose layer the engine finds by its chain id and does not read (`flatten.md` 6).
import { pack } from 'tar-stream';
import type { Context } from '../core/context.ts';
import { bug, isShipperError, ShipperError } from '../core/errors.ts';
import type {
  FinishedImage,
  ImageSink,
  LayerProducer,
  Publication,
  StoredLayer,
} from '../image/image.ts';
import { layerType } from '../image/media-types.ts';
import type { System } from '../system/system.ts';
import { inSequence } from './chunk-pipe.ts';
import { checkLoaded, type EngineTarget, moveTags } from './engine-target.ts';
import { Handoff } from './handoff.ts';
import { layerProducer } from './layer-producer.ts';
import { LoadSink } from './load-sink.ts';
import type { SinkOptions } from './sink.ts';
import { type StoredBytes, storeLayer } from './store-layer.ts';
import { layerName } from './temporary-names.ts';

/** Takes one image of one layer. */
export class GraphDriverSink implements ImageSink {
  readonly name: string;
  readonly isConcurrent = false;
  readonly defaultCompression = { kind: 'none' } as const;
  readonly #system: System;
  readonly #target: EngineTarget;
  readonly #options: SinkOptions;
  readonly #imported: string;
  #producer: LayerProducer | undefined;
  readonly #toRemove = new Set<string>();

  constructor(system: System, target: EngineTarget, options: SinkOptions) {
    this.#system = system;
    this.#target = target;
    this.#options = options;
    this.name = target.name;
    this.#imported = layerName(target.temporary);
  }

  /** The engine's disk is not ours to measure. */
  reserve: ImageSink['reserve'] = async () => undefined;

  /** Compression would only be undone by the engine. */
  putLayer: ImageSink['putLayer'] = async (ctx, layer) => {
    if (this.#producer !== undefined) {
      throw new ShipperError(
        'USAGE',
        `Cannot write ${this.name}: this engine keeps one platform of an image`,
        {
          hint: 'Choose one with --platform',
        },
      );
    }
    this.#producer = layer;
    const stored = await this.#import(ctx, layer);
    return { diffId: stored.diffId, descriptor: this.#descriptor(stored) };
  };

  copyLayer: ImageSink['copyLayer'] = async (ctx, layer) => {
    return this.putLayer(ctx, await layerProducer(ctx, layer), { kind: 'none' });
  };

  /** There is no place for what is no layer. */
  copyBlob: ImageSink['copyBlob'] = async () => {
    throw bug(`a blob that is no layer was meant for ${this.name}`);
  };

  commit: ImageSink['commit'] = async (ctx, publication) => {
    const [image] = publication.images;
    if (image === undefined) throw new RangeError('a publication without an image');
    this.#toRemove.add(this.#target.temporary);
    try {
      await this.#target.engine.loadImages(ctx, tinyArchive(image, this.#target.temporary));
      await checkLoaded(ctx, this.#target, publication);
      await moveTags(ctx, this.#target, publication);
    } catch (error) {
      // Somebody removed the layer in between: load it again, this time whole.
      if (!isShipperError(error, 'ENGINE') || !/invalid diffID/i.test(error.message)) throw error;
      await this.#loadWhole(ctx, image, publication);
    }
    this.#toRemove.delete(this.#target.temporary);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#toRemove) await this.#target.cleanUp(name);
  }

  /** Streams the layer into the engine. A failure on either side ends the other; the engine's word is the one told. */
  async #import(ctx: Context, layer: LayerProducer): Promise<StoredBytes> {
    const body = new Handoff();
    this.#toRemove.add(this.#imported);
    const importing = this.#target.engine.importLayer(ctx, body, { name: this.#imported });
    const [imported, produced] = await Promise.allSettled([
      importing.finally(() => body.close()),
      this.#produce(ctx, layer, body),
    ]);
    if (imported.status === 'rejected') throw imported.reason;
    if (produced.status === 'rejected') throw produced.reason;
    return produced.value;
  }

  async #produce(ctx: Context, layer: LayerProducer, body: Handoff): Promise<StoredBytes> {
    try {
      const put = inSequence((chunk) => body.put(chunk).catch((cause) => this.#leftEarly(cause)));
      const none = { kind: 'none' } as const;
      const stored = await storeLayer(this.#system, ctx, layer, none, this.#options.jobs, put);
      body.end();
      return stored;
    } catch (error) {
      body.fail(error);
      throw error;
    }
  }

  /** The reader is the engine's answer; where that is an error, it is told in place of this one. */
  #leftEarly(cause: unknown): never {
    throw new ShipperError(
      'ENGINE',
      `Cannot write ${this.name}: the engine answered before it had read the whole layer`,
      { cause },
    );
  }

  #descriptor({ digest, size }: { digest: StoredLayer['diffId']; size: number }) {
    return { mediaType: layerType(this.#options.family, 'none'), digest, size };
  }

  async #loadWhole(ctx: Context, image: FinishedImage, publication: Publication): Promise<void> {
    const producer = this.#producer;
    if (producer === undefined) return;
    await using sink = new LoadSink(this.#system, this.#target, this.#options);
    await sink.reserve(ctx, producer.size);
    await sink.putLayer(ctx, producer, { kind: 'none' });
    await sink.commit(ctx, { ...publication, images: [image] });
  }
}

/** `manifest.json`, the configuration and an empty member where the layer would be. */
async function* tinyArchive(
  image: FinishedImage,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const config = `${image.config.descriptor.digest.slice('sha256:'.length)}.json`;
  const manifest = [{ Config: config, RepoTags: [name], Layers: ['layer.tar'] }];
  const tar = pack();
  tar.entry({ name: config, mtime: new Date(0) }, Buffer.from(image.config.bytes));
  tar.entry({ name: 'layer.tar', mtime: new Date(0) }, '');
  tar.entry({ name: 'manifest.json', mtime: new Date(0) }, JSON.stringify(manifest));
  tar.finalize();
  for await (const chunk of tar) yield chunk as Uint8Array;
}
