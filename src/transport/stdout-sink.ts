// A pipe as a destination. A layer's digest stands in front of it, so an uncompressed layer is made twice, once to know
// it: that is cheaper than a temporary file. A compressed one is spooled.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { messageOf, ShipperError } from '../core/errors.ts';
import type {
  Descriptor,
  ImageSink,
  LayerProducer,
  Publication,
  StoredContent,
} from '../image/image.ts';
import { createSpool, requireSpace } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { BLOCK, padded } from '../tar/entry.ts';
import { memberHeader } from './archive-member.ts';
import { archiveTail, LAYOUT_FILE } from './archive-tail.ts';
import { inSequence } from './chunk-pipe.ts';
import { copyStored } from './copy-stored.ts';
import { streamRegion } from './region.ts';
import { describeCopy, describeLayer, type SinkOptions } from './sink.ts';
import { type StoredBytes, storeLayer } from './store-layer.ts';
import { blobPath } from './stored-layer.ts';

const LARGE_BYTES = 8_589_934_591;

/** Opens standard output as an archive. */
export function openStdoutSink(system: System, options: SinkOptions): ImageSink {
  return new StdoutSink(system, options);
}

class StdoutSink implements ImageSink {
  readonly name = '-';
  readonly isConcurrent = false;
  readonly defaultCompression = { kind: 'none' } as const;
  readonly #system: System;
  readonly #options: SinkOptions;
  readonly #written = new Set<Digest>();
  #isBegun = false;

  constructor(system: System, options: SinkOptions) {
    this.#system = system;
    this.#options = options;
  }

  reserve: ImageSink['reserve'] = async () => undefined;

  putLayer: ImageSink['putLayer'] = async (ctx, layer, compression) => {
    const stored =
      compression.kind === 'none'
        ? await this.#putTwice(ctx, layer)
        : await this.#putSpooled(ctx, layer, compression);
    return describeLayer(stored, compression, this.#options.family);
  };

  copyLayer: ImageSink['copyLayer'] = async (ctx, layer) => {
    await this.copyBlob(ctx, layer);
    return describeCopy(layer);
  };

  copyBlob: ImageSink['copyBlob'] = async (ctx, blob) => {
    await using source = await blob.openStored(ctx);
    await this.#copyMember(ctx, blob.descriptor, source);
  };

  commit: ImageSink['commit'] = async (_ctx, publication: Publication) => {
    await this.#begin();
    for (const { name, bytes } of archiveTail(publication, 'docker', this.#written)) {
      await this.#member(name, bytes);
    }
    await this.#write(new Uint8Array(2 * BLOCK));
  };

  async [Symbol.asyncDispose](): Promise<void> {}

  async #putTwice(ctx: Context, layer: LayerProducer): Promise<StoredBytes> {
    const { jobs } = this.#options;
    const none = { kind: 'none' } as const;
    const known = await storeLayer(this.#system, ctx, layer, none, jobs, undefined);
    if (this.#written.has(known.digest)) return known;
    await this.#beginMember(known.digest, known.size);
    const write = inSequence((bytes) => this.#write(bytes));
    const again = await storeLayer(this.#system, ctx, layer, none, jobs, write);
    if (again.digest !== known.digest) {
      throw new ShipperError(
        'SOURCE_CHANGED',
        'Cannot write the flat layer: the source changed while it was read',
      );
    }
    await this.#pad(known.size);
    return known;
  }

  async #putSpooled(
    ctx: Context,
    layer: LayerProducer,
    compression: Compression,
  ): Promise<StoredBytes> {
    await requireSpace(
      this.#system.files,
      this.#system.tmpdir,
      layer.size / 4,
      'the compressed layer',
    );
    await using spool = await createSpool(this.#system);
    const stored = await storeLayer(
      this.#system,
      ctx,
      layer,
      compression,
      this.#options.jobs,
      (bytes, position) => spool.file.write(bytes, position),
    );
    const region = { file: spool.file, offset: 0, size: stored.size };
    const stream = (offset: number) => streamRegion(ctx, region, offset);
    await this.#copyMember(ctx, stored, { size: stored.size, stream });
    return stored;
  }

  async #copyMember(
    ctx: Context,
    stored: Pick<Descriptor, 'digest' | 'size'>,
    source: Pick<StoredContent, 'size' | 'stream'>,
  ): Promise<void> {
    const { digest, size } = stored;
    if (this.#written.has(digest)) return;
    await this.#beginMember(digest, size);
    await copyStored(ctx, source, stored, (bytes) => this.#write(bytes));
    await this.#pad(size);
  }

  async #beginMember(digest: Digest, size: number): Promise<void> {
    await this.#begin();
    this.#written.add(digest);
    await this.#write(memberHeader(blobPath(digest), size, size > LARGE_BYTES));
  }

  async #begin(): Promise<void> {
    if (this.#isBegun) return;
    this.#isBegun = true;
    await this.#member(LAYOUT_FILE.name, LAYOUT_FILE.bytes);
  }

  async #member(name: string, bytes: Uint8Array): Promise<void> {
    await this.#write(Buffer.concat([memberHeader(name, bytes.length, false), bytes]));
    await this.#pad(bytes.length);
  }

  #pad(size: number): Promise<void> {
    return this.#write(new Uint8Array(padded(size) - size));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    try {
      await this.#system.stdio.writeOut(bytes);
    } catch (error) {
      throw error instanceof ShipperError
        ? error
        : new ShipperError('IO', `Cannot write to stdout: ${messageOf(error)}`, { cause: error });
    }
  }
}
