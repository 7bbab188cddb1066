// A layer that is made while it is uploaded: hashed, compressed and sent at the same time, with no file in between. Where the
// upload must be begun again, the layer is made again, which gives the same bytes.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import { bug } from '../core/errors.ts';
import type { LayerProducer } from '../image/image.ts';
import type { BlobUpload } from '../registry/registry.ts';
import type { System } from '../system/system.ts';
import { inSequence } from './chunk-pipe.ts';
import { Handoff } from './handoff.ts';
import { type StoredBytes, storeLayer } from './store-layer.ts';

/** One layer on its way to a registry. */
export class LayerUpload implements BlobUpload {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #layer: LayerProducer;
  readonly #compression: Compression;
  readonly #jobs: number;
  #stored: StoredBytes | undefined;

  constructor(
    system: System,
    ctx: Context,
    layer: LayerProducer,
    compression: Compression,
    jobs: number,
  ) {
    this.#system = system;
    this.#ctx = ctx;
    this.#layer = layer;
    this.#compression = compression;
    this.#jobs = jobs;
  }

  /** What was made, once it was made to its end. */
  stored(): StoredBytes {
    if (this.#stored === undefined) throw bug('a layer was uploaded before it was made');
    return this.#stored;
  }

  async *open(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    const body = new Handoff();
    const making = this.#make(body, offset);
    try {
      yield* body;
    } finally {
      body.close();
      await making;
    }
  }

  /** Never rejects: what goes wrong is told to the reader. */
  async #make(body: Handoff, offset: number): Promise<void> {
    // What was not compressed lies in memory that is used again, and a chunk may wait in a socket's queue.
    const isOwn = this.#compression.kind !== 'none';
    const put = async (bytes: Uint8Array): Promise<void> => {
      if (bytes.length > 0) await body.put(isOwn ? bytes : bytes.slice());
    };
    let at = 0;
    const write = inSequence((bytes) => {
      const rest = bytes.subarray(Math.max(0, offset - at));
      at += bytes.length;
      return put(rest);
    });
    try {
      this.#stored = await storeLayer(
        this.#system,
        this.#ctx,
        this.#layer,
        this.#compression,
        this.#jobs,
        write,
      );
      body.end();
    } catch (error) {
      body.fail(error);
    }
  }
}
