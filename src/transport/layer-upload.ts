// A layer that is made while it is uploaded: hashed, compressed and sent at the same time, with no file in between. Where the
// upload must be begun again, the layer is made again, which gives the same bytes.
import type { Compression } from '../blob/compressor.ts';
import type { Context } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { bug } from '../core/errors.ts';
import type { Descriptor, LayerProducer } from '../image/image.ts';
import type { BlobUpload } from '../registry/registry.ts';
import type { System } from '../system/system.ts';
import { inSequence } from './chunk-pipe.ts';
import { Handoff } from './handoff.ts';
import { type MadeBytes, makeLayer, type StoredBytes } from './store-layer.ts';

type BlobId = Pick<Descriptor, 'digest' | 'size'>;

/** One layer on its way to a registry. */
export class LayerUpload implements BlobUpload {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #layer: LayerProducer;
  readonly #compression: Compression;
  readonly #jobs: number;
  #made: MadeBytes | undefined;
  /** Whether bytes were given before. */
  #isAgain = false;

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

  /**
   * What was made, once it was made to its end and sent as `sent`. A layer that was made once was hashed as it was sent only;
   * one that was made again must have become the same, or undefined is returned.
   */
  stored(sent: BlobId): StoredBytes | undefined {
    if (this.#made === undefined) throw bug('a layer was uploaded before it was made');
    const { diffId, size, digest = this.#digest(diffId, sent) } = this.#made;
    return digest === sent.digest && size === sent.size ? { diffId, digest, size } : undefined;
  }

  #digest(diffId: Digest, sent: BlobId): Digest {
    return this.#compression.kind === 'none' ? diffId : sent.digest;
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
    const isAgain = this.#isAgain;
    this.#isAgain = true;
    const put = async (bytes: Uint8Array): Promise<void> => {
      if (bytes.length > 0) await body.put(bytes);
    };
    let at = 0;
    const write = inSequence((bytes) => {
      const rest = bytes.subarray(Math.max(0, offset - at));
      at += bytes.length;
      return put(rest);
    });
    try {
      this.#made = await makeLayer(
        this.#system,
        this.#ctx,
        this.#layer,
        this.#compression,
        this.#jobs,
        write,
        isAgain,
      );
      body.end();
    } catch (error) {
      body.fail(error);
    }
  }
}
