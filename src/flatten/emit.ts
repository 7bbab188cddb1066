// Carries a plan out: headers are encoded, content is copied from the layers, in large chunks.
import { type Context, throwIfAborted } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { ChunkSink, RandomAccess } from '../image/image.ts';
import { encodeHeader } from '../tar/encode.ts';
import { BLOCK, padded } from '../tar/entry.ts';
import { quote } from '../tar/path.ts';
import type { Content } from './inodes.ts';
import type { FlatPlan } from './plan.ts';

/** Room for all headers but those with very large attributes. */
const SCRATCH_BYTES = 4096;

/** Writes the flat tar. Content is read where the plan found it; a layer that became shorter is `SOURCE_CHANGED`. */
export async function emitPlan(
  ctx: Context,
  plan: FlatPlan,
  layers: readonly RandomAccess[],
  sink: ChunkSink,
): Promise<void> {
  const out = new Output(ctx, sink);
  const scratch = Buffer.alloc(SCRATCH_BYTES);
  for (const { head, content } of plan.steps()) {
    const waited = out.copy(encodeHeader(head, { scratch }));
    if (waited !== undefined) await waited;
    if (content === undefined) continue;
    const layer = layers[content.layer];
    if (layer === undefined) throw new RangeError(`layer ${content.layer} was not opened`);
    await emitContent(out, layer, content, head.path);
  }
  await out.zeros(2 * BLOCK);
}

async function emitContent(
  out: Output,
  layer: RandomAccess,
  content: Content,
  path: string,
): Promise<void> {
  if (content.sparse === undefined) await out.read(layer, content.offset, content.size, path);
  else await emitSparse(out, layer, content, path);
  await out.zeros(padded(content.size) - content.size);
}

/** Extents from the layer, zeros between them. */
async function emitSparse(
  out: Output,
  layer: RandomAccess,
  content: Content,
  path: string,
): Promise<void> {
  const map = content.sparse ?? new Float64Array(0);
  let stored = content.offset;
  let end = 0;
  for (let i = 0; i < map.length; i += 2) {
    const start = map[i] ?? 0;
    const length = map[i + 1] ?? 0;
    await out.zeros(start - end);
    await out.read(layer, stored, length, path);
    stored += length;
    end = start + length;
  }
  await out.zeros(content.size - end);
}

/** Fills the sink's chunks; only waits where a chunk is full and the next is not free. */
class Output {
  readonly #ctx: Context;
  readonly #sink: ChunkSink;

  constructor(ctx: Context, sink: ChunkSink) {
    this.#ctx = ctx;
    this.#sink = sink;
  }

  /** Copies bytes; a promise only where it had to wait, so that a million headers are not a million turns. */
  copy(bytes: Uint8Array): Promise<void> | undefined {
    const space = this.#sink.space();
    if (bytes.length > space.length) return this.#copyInParts(bytes);
    space.set(bytes);
    return this.#filled(bytes.length);
  }

  async #copyInParts(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const space = this.#sink.space();
      const part = bytes.subarray(at, at + space.length);
      space.set(part);
      at += part.length;
      await this.#filled(part.length);
    }
  }

  async zeros(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const space = this.#sink.space();
      const part = Math.min(left, space.length);
      space.fill(0, 0, part);
      left -= part;
      await this.#filled(part);
    }
  }

  async read(layer: RandomAccess, offset: number, length: number, path: string): Promise<void> {
    for (let at = 0; at < length; ) {
      const space = this.#sink.space();
      const wanted = Math.min(length - at, space.length);
      const got = layer.readSync(space.subarray(0, wanted), offset + at);
      if (got === 0) throw sourceChanged(path);
      at += got;
      await this.#filled(got);
    }
  }

  #filled(bytes: number): Promise<void> | undefined {
    const wait = this.#sink.filled(bytes);
    return wait === undefined ? undefined : this.#waited(wait);
  }

  /** Never leaves `wait` alone: it may fail after the run was stopped. */
  async #waited(wait: Promise<void>): Promise<void> {
    await wait;
    throwIfAborted(this.#ctx);
  }
}

function sourceChanged(path: string): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot copy ${quote(path)}: the source became shorter while it was read`,
  );
}
