// An engine that keeps layers in a graph driver, for a result of several layers: one load, in which the layers that are
// kept are empty members, since the engine finds those that it has by their chain ids and does not read them
// (`flatten.md` 6). An engine that lacks one says so, and gets them all.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import type { FinishedImage, ImageSink, Layer, RandomAccess } from '../image/image.ts';
import { createSpool, requireSpace, type TempFile } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { BLOCK, padded } from '../tar/entry.ts';
import { memberHeader } from './archive-member.ts';
import { checkLoaded, type EngineTarget, moveTags } from './engine-target.ts';
import { FlushingFile } from './flushing-file.ts';
import { describeCopy, describeLayer, type SinkOptions } from './sink.ts';
import { storeLayer } from './store-layer.ts';

const CHUNK_BYTES = 1_048_576;
/** Beyond this a member's size needs a header of three blocks. */
const LARGE_BYTES = 8_589_934_591;

/** A layer of the result: one of the source, or one that was made and lies in a spool. */
type Part = { readonly kept: Layer } | { readonly spool: TempFile; readonly size: number };

/** Takes one image of any number of layers; those that are copied stay with the source until the commit. */
export class KeptLayersSink implements ImageSink {
  readonly name: string;
  readonly defaultCompression = { kind: 'none' } as const;
  readonly unpacks = true;
  readonly #system: System;
  readonly #target: EngineTarget;
  readonly #options: SinkOptions;
  readonly #parts: Part[] = [];
  #isLoaded = false;

  constructor(system: System, target: EngineTarget, options: SinkOptions) {
    this.#system = system;
    this.#target = target;
    this.#options = options;
    this.name = target.name;
  }

  /** The engine's disk is not ours to measure, and only layers that are made lie on our own: see `putLayer`. */
  reserve: ImageSink['reserve'] = async () => undefined;

  putLayer: ImageSink['putLayer'] = async (ctx, layer) => {
    const { files, tmpdir } = this.#system;
    await requireSpace(files, tmpdir, layer.size, 'the layer to load');
    const spool = await createSpool(this.#system);
    this.#parts.push({ spool, size: layer.size });
    const file = new FlushingFile(spool.file);
    const none = { kind: 'none' } as const;
    const { jobs, family } = this.#options;
    const stored = await storeLayer(this.#system, ctx, layer, none, jobs, (bytes, position) =>
      file.write(bytes, position),
    );
    await file.settle();
    return describeLayer(stored, none, family);
  };

  copyLayer: ImageSink['copyLayer'] = async (_ctx, layer) => {
    this.#parts.push({ kept: layer });
    return describeCopy(layer);
  };

  commit: ImageSink['commit'] = async (ctx, publication) => {
    const [image] = publication.images;
    if (image === undefined) throw new RangeError('a publication without an image');
    this.#isLoaded = true;
    await this.#load(ctx, image);
    await checkLoaded(ctx, this.#target, publication);
    await moveTags(ctx, this.#target, publication);
    this.#isLoaded = false;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.#parts) if ('spool' in part) await part.spool[Symbol.asyncDispose]();
    if (this.#isLoaded) await this.#target.cleanUp(this.#target.temporary);
  }

  async #load(ctx: Context, image: FinishedImage): Promise<void> {
    const { engine } = this.#target;
    try {
      await engine.loadImages(ctx, this.#archive(ctx, image, true));
    } catch (error) {
      if (!isShipperError(error, 'ENGINE') || !/invalid diffID/i.test(error.message)) throw error;
      await engine.loadImages(ctx, this.#archive(ctx, image, false));
    }
  }

  async *#archive(
    ctx: Context,
    image: FinishedImage,
    leavesOut: boolean,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (const [at, part] of this.#parts.entries()) {
      if ('spool' in part) yield* member(layerMember(at), spooled(part));
      else if (leavesOut) yield memberHeader(layerMember(at), 0, false);
      else {
        await using tar = await part.kept.open(ctx);
        yield* member(layerMember(at), tar);
        await tar.verified();
      }
    }
    const config = `${image.config.descriptor.digest.slice('sha256:'.length)}.json`;
    const layers = this.#parts.map((_, at) => layerMember(at));
    const manifest = [{ Config: config, RepoTags: [this.#target.temporary], Layers: layers }];
    yield* member(config, inMemory(image.config.bytes));
    yield* member('manifest.json', inMemory(Buffer.from(JSON.stringify(manifest))));
    yield new Uint8Array(2 * BLOCK);
  }
}

function spooled({ spool, size }: Extract<Part, { readonly spool: TempFile }>): RandomAccess {
  return { size, readSync: (target, position) => spool.file.readSync(target, position) };
}

function layerMember(at: number): string {
  return `layer-${at}.tar`;
}

function inMemory(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    readSync(target, position) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
  };
}

/** A member of the archive, in chunks that are good until the next is asked for. */
function* member(name: string, source: RandomAccess): Generator<Uint8Array, void, undefined> {
  yield memberHeader(name, source.size, source.size > LARGE_BYTES);
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, source.size)));
  for (let at = 0; at < source.size; ) {
    const read = source.readSync(buffer.subarray(0, source.size - at), at);
    // Too short a member: the engine refuses the archive, and a kept layer fails its own check.
    if (read === 0) return;
    at += read;
    yield buffer.subarray(0, read);
  }
  yield new Uint8Array(padded(source.size) - source.size);
}
