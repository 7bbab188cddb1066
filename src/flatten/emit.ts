// Carries a plan out: headers are encoded, content is copied from the layers, in large chunks.
import { type Context, throwIfAborted } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { ChunkSink, RandomAccess } from '../image/image.ts';
import { encodeHeader } from '../tar/encode.ts';
import { BLOCK, padded } from '../tar/entry.ts';
import { quote } from '../tar/path.ts';
import type { PieceReader } from './follow.ts';
import type { Content } from './inodes.ts';
import type { FlatPlan } from './plan.ts';

/** Room for all headers but those with very large attributes. */
const SCRATCH_BYTES = 4096;
/** Read at once where small files lie in the layer as they will in the output. */
const AHEAD_BYTES = 131_072;

/** Writes the flat tar. Content is read where the plan found it; a layer that became shorter is `SOURCE_CHANGED`. */
export async function emitPlan(
  ctx: Context,
  plan: FlatPlan,
  layers: readonly (RandomAccess | PieceReader)[],
  sink: ChunkSink,
): Promise<void> {
  const out = new Output(ctx, sink);
  const scratch = Buffer.alloc(SCRATCH_BYTES);
  // Waits only where it must: a promise for every header, file and padding would cost more than they do.
  for (const { head, content } of plan.steps()) {
    const copied = out.copy(encodeHeader(head, { scratch }));
    if (copied !== undefined) await copied;
    if (content === undefined) continue;
    const layer = layers[content.layer];
    if (layer === undefined) throw new RangeError(`layer ${content.layer} was not opened`);
    const read =
      content.sparse === undefined
        ? out.read(layer, content.offset, content.size, head.path)
        : emitSparse(out, layer, content, head.path);
    if (read !== undefined) await read;
    const filled = out.zeros(padded(content.size) - content.size);
    if (filled !== undefined) await filled;
  }
  await out.zeros(2 * BLOCK);
}

/** Extents from the layer, zeros between them. */
async function emitSparse(
  out: Output,
  layer: RandomAccess | PieceReader,
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

/** Puts bytes into a place; what stands behind them is then any bytes. */
type Fill = (space: Uint8Array, from: number) => void;

/** Fills the sink's chunks; every call gives a promise only where a chunk is full and the next is not free. */
class Output {
  readonly #ctx: Context;
  readonly #sink: ChunkSink;
  readonly #ahead = new ReadAhead();

  constructor(ctx: Context, sink: ChunkSink) {
    this.#ctx = ctx;
    this.#sink = sink;
  }

  copy(bytes: Uint8Array): Promise<void> | undefined {
    return this.#put(bytes.length, (space, from) =>
      space.set(
        from === 0 && bytes.length <= space.length
          ? bytes
          : bytes.subarray(from, from + space.length),
      ),
    );
  }

  zeros(count: number): Promise<void> | undefined {
    return this.#put(count, (space, from) =>
      space.fill(0, 0, Math.min(count - from, space.length)),
    );
  }

  read(
    layer: RandomAccess | PieceReader,
    offset: number,
    length: number,
    path: string,
  ): Promise<void> | undefined {
    if ('next' in layer) return this.#follow(layer, offset, length);
    return this.#put(length, (space, from) =>
      this.#ahead.fill(layer, space, offset + from, Math.min(length - from, space.length), path),
    );
  }

  #follow(layer: PieceReader, offset: number, length: number): Promise<void> | undefined {
    if (length === 0) return undefined;
    const bytes = layer.next(offset, length);
    if (!(bytes instanceof Promise) && bytes.length === length) return this.copy(bytes);
    return this.#followOn(layer, offset, length, bytes);
  }

  async #followOn(
    layer: PieceReader,
    offset: number,
    length: number,
    first: Uint8Array | Promise<Uint8Array>,
  ): Promise<void> {
    let bytes = await first;
    for (let at = 0; ; ) {
      await this.copy(bytes);
      at += bytes.length;
      if (at >= length) return;
      bytes = await layer.next(offset + at, length - at);
    }
  }

  /** Puts `length` bytes, in parts where the chunk ends among them. */
  #put(length: number, fill: Fill): Promise<void> | undefined {
    if (length === 0) return undefined;
    const space = this.#sink.space();
    if (length > space.length) return this.#putInParts(length, fill);
    fill(space, 0);
    return this.#filled(length, space.length);
  }

  async #putInParts(length: number, fill: Fill): Promise<void> {
    for (let at = 0; at < length; ) {
      const space = this.#sink.space();
      const part = Math.min(length - at, space.length);
      fill(space, at);
      at += part;
      await this.#filled(part, space.length);
    }
  }

  #filled(bytes: number, room: number): Promise<void> | undefined {
    if (bytes === room) this.#ahead.forget();
    const wait = this.#sink.filled(bytes);
    return wait === undefined ? undefined : this.#waited(wait);
  }

  /** Never leaves `wait` alone: it may fail after the run was stopped. */
  async #waited(wait: Promise<void>): Promise<void> {
    await wait;
    throwIfAborted(this.#ctx);
  }
}

/**
 * Reads content into the place where it is wanted, and where files of a layer follow each other in the output as they do in
 * the layer, what stands behind it too: it is in its place already when the next file is asked for, and the headers between
 * are written over. One system call serves many small files.
 */
class ReadAhead {
  #layer: RandomAccess | undefined;
  #memory: ArrayBufferLike | undefined;
  /** Offset in the layer of what stands at the beginning of the memory. */
  #origin = 0;
  /** Where in the memory the bytes that were read end. */
  #end = 0;
  /** Where the next file of the layer would begin. */
  #next = 0;

  /** The memory is somebody else's now. */
  forget(): void {
    this.#memory = undefined;
  }

  /** Fills the beginning of `space` with `length` bytes of the layer; what stands behind them is then any bytes. */
  fill(layer: RandomAccess, space: Uint8Array, offset: number, length: number, path: string): void {
    const start = space.byteOffset;
    const isInPlace =
      layer === this.#layer && space.buffer === this.#memory && offset - start === this.#origin;
    let at = isInPlace ? Math.max(0, this.#end - start) : 0;
    if (at < length) {
      const isRun = layer === this.#layer && offset === this.#next;
      const wanted = isRun ? Math.max(length, Math.min(space.length, AHEAD_BYTES)) : length;
      while (at < length) {
        const got = layer.readSync(space.subarray(at, wanted), offset + at);
        if (got === 0) throw sourceChanged(path);
        at += got;
      }
      this.#layer = layer;
      this.#memory = space.buffer;
      this.#origin = offset - start;
      this.#end = start + at;
    }
    this.#next = offset + padded(length) + BLOCK;
  }
}

function sourceChanged(path: string): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot copy ${quote(path)}: the source became shorter while it was read`,
  );
}
