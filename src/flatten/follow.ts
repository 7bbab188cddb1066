// Content of layers that are read from start to end, given in the order of the output: each layer is followed as far as
// what is wanted; what is passed on the way and wanted later waits in a stash.
import type { Context } from '../core/context.ts';
import { ShipperError, withDetails } from '../core/errors.ts';
import {
  isRandomAccess,
  type LayerContent,
  type RandomAccess,
  type SequentialAccess,
  type TarStream,
} from '../image/image.ts';
import { type Pieces, pieceAt, piecesOf } from './pieces.ts';
import type { FlatPlan } from './plan.ts';
import { Budget, Stash } from './stash.ts';

/** Gives the content of one layer in the order in which the plan has it. */
export interface PieceReader {
  /**
   * Bytes from `offset`, at least one and at most `length`; good until the next call. A promise only where they are not
   * there yet.
   */
  next(offset: number, length: number): Promise<Uint8Array> | Uint8Array;
}

/** Layers that are read at once: each holds a connection or a file. Fewer than the connections that one host is given. */
const OPEN_STREAMS = 6;

/** The layers of a plan while it is carried out. Dispose it. */
export class Followers implements AsyncDisposable {
  /** By layer, as `emitPlan` takes them. */
  readonly sources: readonly (RandomAccess | PieceReader)[];
  readonly #followers: Follower[] = [];

  /** `stashBytes` is what all layers together may hold in memory. */
  constructor(ctx: Context, plan: FlatPlan, contents: readonly LayerContent[], stashBytes: number) {
    const budget = new Budget(stashBytes);
    const isSequential = (layer: number) => {
      const content = contents[layer];
      return content !== undefined && !isRandomAccess(content);
    };
    const pieces = contents.every(isRandomAccess)
      ? []
      : piecesOf(plan, contents.length, isSequential);
    this.sources = contents.map((content, layer) => {
      if (isRandomAccess(content)) return content;
      const own = pieces[layer] ?? { offsets: new Float64Array(), ends: new Float64Array() };
      const makeRoom = () => this.#makeRoom();
      const follower = new Follower(ctx, layer, content, own, budget, makeRoom);
      this.#followers.push(follower);
      return follower;
    });
  }

  /** Resolves once every layer that was read is known to be what it was when it was opened. */
  async finish(): Promise<void> {
    for (const follower of this.#followers) await follower.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const follower of this.#followers) await follower[Symbol.asyncDispose]();
  }

  /** Before one more layer is read: the one with the least to come is read to its end, and its rest waits. */
  async #makeRoom(): Promise<void> {
    const open = this.#followers.filter((follower) => follower.isReading);
    if (open.length < OPEN_STREAMS) return;
    const least = open.reduce((a, b) => (a.bytesAhead <= b.bytesAhead ? a : b));
    await least.stashRest();
  }
}

class Follower implements PieceReader, AsyncDisposable {
  readonly #ctx: Context;
  readonly #layer: number;
  readonly #content: SequentialAccess;
  readonly #pieces: Pieces;
  readonly #stash: Stash;
  readonly #makeRoom: () => Promise<void>;
  #stream: TarStream | undefined;
  #finished: Promise<void> | undefined;
  /** The first piece whose end the stream has not passed. */
  #piece = 0;
  #chunk: Uint8Array = new Uint8Array();
  /** Offset of the chunk in the layer. */
  #position = 0;
  /** Asked for before it is needed, so that it is made meanwhile. */
  #ahead: Promise<Uint8Array | undefined> | undefined;

  constructor(
    ctx: Context,
    layer: number,
    content: SequentialAccess,
    pieces: Pieces,
    budget: Budget,
    makeRoom: () => Promise<void>,
  ) {
    this.#ctx = ctx;
    this.#layer = layer;
    this.#content = content;
    this.#pieces = pieces;
    this.#stash = new Stash(layer, budget, content.openOverflow);
    this.#makeRoom = makeRoom;
  }

  /** Whether the stream is open and will be asked for more. */
  get isReading(): boolean {
    return this.#stream !== undefined && this.#finished === undefined;
  }

  /** Surviving bytes that the stream has not passed. */
  get bytesAhead(): number {
    const { offsets, ends } = this.#pieces;
    let bytes = 0;
    for (let i = this.#piece; i < ends.length; i += 1) bytes += (ends[i] ?? 0) - (offsets[i] ?? 0);
    return bytes;
  }

  next(offset: number, length: number): Promise<Uint8Array> | Uint8Array {
    const { offsets, ends } = this.#pieces;
    const isNext =
      offset >= (offsets[this.#piece] ?? Number.POSITIVE_INFINITY) &&
      offset < (ends[this.#piece] ?? 0);
    if (isNext && this.#holds(offset)) return this.#take(offset, length);
    return this.#nextFrom(offset, length);
  }

  /** Passes all that is left, and lets go of the stream. */
  async stashRest(): Promise<void> {
    const { length } = this.#pieces.offsets;
    while (this.#piece < length) await this.#passPiece();
    await this.#finished;
  }

  async finish(): Promise<void> {
    try {
      if (this.#stream !== undefined) await this.#finishStream();
    } catch (error) {
      throw withDetails(error, { layer: this.#layer });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stash[Symbol.asyncDispose]();
    await this.#stream?.[Symbol.asyncDispose]();
    await this.#finished?.catch(() => undefined);
  }

  async #nextFrom(offset: number, length: number): Promise<Uint8Array> {
    try {
      const piece = pieceAt(this.#pieces, offset);
      if (piece < 0) throw new RangeError(`no content survives at ${offset}`);
      if (this.#stream === undefined) await this.#makeRoom();
      while (this.#piece < piece) await this.#passPiece();
      if (this.#piece > piece) return this.#fromStash(piece, offset, length);
      await this.#goTo(offset);
      return this.#take(offset, length);
    } catch (error) {
      throw withDetails(error, { layer: this.#layer });
    }
  }

  #fromStash(piece: number, offset: number, length: number): Uint8Array {
    const bytes = this.#stash.take(piece, offset, length);
    if (bytes === undefined) throw changed('it is not where it was');
    return bytes;
  }

  /** Puts the rest of the current piece into the stash. */
  async #passPiece(): Promise<void> {
    const piece = this.#piece;
    const end = this.#pieces.ends[piece] ?? 0;
    let at = Math.max(this.#position, this.#pieces.offsets[piece] ?? 0);
    while (at < end) {
      await this.#goTo(at);
      const bytes = this.#take(at, end - at);
      await this.#stash.put(piece, at, bytes);
      at += bytes.length;
    }
  }

  #holds(offset: number): boolean {
    return offset >= this.#position && offset < this.#position + this.#chunk.length;
  }

  async #goTo(offset: number): Promise<void> {
    if (offset < this.#position) throw changed('it is asked for twice');
    while (!this.#holds(offset)) await this.#nextChunk();
  }

  /** Bytes of the current piece out of the chunk; the piece is passed with its last one. */
  #take(offset: number, length: number): Uint8Array {
    const from = offset - this.#position;
    const bytes = this.#chunk.subarray(from, from + length);
    if (offset + bytes.length >= (this.#pieces.ends[this.#piece] ?? 0)) this.#passed();
    return bytes;
  }

  #passed(): void {
    this.#piece += 1;
    if (this.#piece < this.#pieces.offsets.length) return;
    // The check of what is left goes on beside; whoever needs it waits in `finish`.
    this.#finishStream().catch(() => undefined);
  }

  async #nextChunk(): Promise<void> {
    this.#stream ??= this.#content.stream(this.#ctx);
    const stream = this.#stream;
    const chunk = await (this.#ahead ?? stream.next());
    if (chunk === undefined) throw changed('it became shorter');
    this.#position += this.#chunk.length;
    this.#chunk = chunk;
    this.#ahead = stream.next();
    this.#ahead.catch(() => undefined);
  }

  #finishStream(): Promise<void> {
    this.#finished ??= (async () => {
      await this.#ahead;
      await this.#stream?.finish();
      await this.#stream?.[Symbol.asyncDispose]();
    })();
    return this.#finished;
  }
}

function changed(reason: string): ShipperError {
  return new ShipperError(
    'SOURCE_CHANGED',
    `Cannot read a layer again: ${reason} while it was read`,
  );
}
