// Names for images that are ready: tags of registries and names in the engine. The last step of a run, and the only one that
// others can see.
import { type Context, throwIfAborted } from '../core/context.ts';
import { isShipperError, messageOf, ShipperError } from '../core/errors.ts';
import { type EngineTag, tagInEngine } from './engine-load.ts';
import type { MakerTools } from './image-maker.ts';
import { checkTags, moveTags, readTags } from './move-tags.ts';
import type { PlannedTag } from './places.ts';
import {
  digestIn,
  planTags,
  type Surprise,
  type TagState,
  type WantedTag,
} from './publish-plan.ts';
import type { ShippedTag } from './ship-types.ts';

/** How long tags may take to move in a run that was cancelled meanwhile. */
const MOVE_MS = 120_000;

/** An image that gets its names. */
export interface Ready {
  readonly name: string;
  readonly tags: readonly PlannedTag[];
  readonly digest: string;
  readonly engineId?: string;
}

/** Reads, plans and moves the names of a run. */
export class Publisher {
  readonly #tools: MakerTools;
  /** What is seen of each name so far. */
  readonly #seen = new Map<string, ShippedTag>();
  #before: ReadonlyMap<string, TagState> = new Map();

  constructor(tools: MakerTools) {
    this.#tools = tools;
  }

  /** Reads what the tags name before anything is done. */
  async begin(ctx: Context, tags: readonly PlannedTag[]): Promise<void> {
    const references = tags.flatMap(({ reference, place }) =>
      place === 'registry' ? [reference] : [],
    );
    if (references.length > 0) {
      this.#before = await readTags(ctx, await this.#tools.transports.registry(), references);
    }
    for (const { reference, place } of tags) {
      const before = digestIn(this.#before.get(reference));
      this.#see({
        reference,
        place,
        ...(before === undefined ? {} : { before }),
        state: 'not-moved',
      });
    }
  }

  /** What became of a name. */
  stateOf({ reference, place }: PlannedTag): ShippedTag {
    return this.#seen.get(reference) ?? { reference, place, state: 'not-moved' };
  }

  /** Whether any name has moved. */
  get hasMoved(): boolean {
    return [...this.#seen.values()].some(({ state }) => state === 'moved');
  }

  /**
   * Gives `images` their names; resolves with sentences about what others did meanwhile. Nothing has moved where it fails
   * with another code than `PARTIAL`, which names what has.
   */
  async publish(ctx: Context, images: readonly Ready[]): Promise<readonly string[]> {
    const wanted = images.flatMap(({ name, tags, digest }) =>
      tags.flatMap(({ reference, place }): WantedTag[] =>
        place === 'registry' ? [{ image: name, reference, digest }] : [],
      ),
    );
    const moves = await this.#plan(ctx, wanted);
    throwIfAborted(ctx);
    const deadline = this.#deadline(ctx);
    try {
      await this.#move(deadline.ctx, ctx, moves);
      await this.#tagEngine(deadline.ctx, images);
      return moves.length === 0
        ? []
        : await checkTags(deadline.ctx, await this.#tools.transports.registry(), moves);
    } finally {
      deadline.end();
    }
  }

  async #plan(ctx: Context, wanted: readonly WantedTag[]): Promise<readonly WantedTag[]> {
    if (wanted.length === 0) return [];
    const references = wanted.map(({ reference }) => reference);
    const now = await readTags(ctx, await this.#tools.transports.registry(), references);
    const { moves, kept, surprises } = planTags(wanted, this.#before, now);
    const [first] = surprises;
    if (first !== undefined) throw somebodyElse(surprises, first);
    for (const { reference } of kept) this.#became(reference, 'kept');
    return moves;
  }

  async #move(ctx: Context, fetchCtx: Context, moves: readonly WantedTag[]): Promise<void> {
    if (moves.length === 0) return;
    const { transports, system } = this.#tools;
    const registry = await transports.registry();
    const { moved, failed } = await moveTags(ctx, fetchCtx, { registry, system }, moves);
    for (const { reference } of moved) this.#became(reference, 'moved');
    const [first] = failed;
    if (first === undefined) return;
    throw this.#unfinished(
      failed.map(({ tag }) => tag.reference),
      first.error,
    );
  }

  async #tagEngine(ctx: Context, images: readonly Ready[]): Promise<void> {
    const tags = images.flatMap(({ name, tags: own, engineId }) =>
      own.flatMap(({ reference, place }): EngineTag[] =>
        place === 'engine' && engineId !== undefined
          ? [{ image: name, reference, id: engineId }]
          : [],
      ),
    );
    if (tags.length === 0) return;
    const { done, failed } = await tagInEngine(ctx, await this.#tools.transports.engine(), tags);
    for (const { reference, before, isNew } of done) {
      const state = isNew ? 'moved' : 'kept';
      this.#see({ reference, place: 'engine', ...(before === undefined ? {} : { before }), state });
    }
    if (failed === undefined) return;
    const left = tags.slice(done.length).map(({ reference }) => reference);
    throw this.#unfinished(left, failed.error);
  }

  /** A failure in the middle: what has moved, what has not, and what mends it. */
  #unfinished(left: readonly string[], error: unknown): unknown {
    const moved = [...this.#seen.values()].filter(({ state }) => state === 'moved');
    if (moved.length === 0) return error;
    const names = moved.map(({ reference }) => reference).join(', ');
    return new ShipperError(
      'PARTIAL',
      `Cannot move every tag: ${messageOf(error)}; already moved: ${names}; not moved: ${left.join(', ')}`,
      {
        hint: 'run the same command again: everything is in the registry, and only these tags are left',
        cause: error,
        ...(isShipperError(error) && error.details.host !== undefined
          ? { host: error.details.host }
          : {}),
      },
    );
  }

  /** Once the first tag moves all of them shall, also in a run that is cancelled in between; but not for ever. */
  #deadline(ctx: Context): { readonly ctx: Context; end(): void } {
    const stop = new AbortController();
    const done = new AbortController();
    ctx.clock.sleep(MOVE_MS, done.signal).then(
      () => stop.abort(),
      () => undefined,
    );
    return { ctx: { ...ctx, signal: stop.signal }, end: () => done.abort() };
  }

  #became(reference: string, state: ShippedTag['state']): void {
    const seen = this.#seen.get(reference);
    if (seen !== undefined) this.#see({ ...seen, state });
  }

  #see(tag: ShippedTag): void {
    this.#seen.set(tag.reference, tag);
  }
}

function somebodyElse(all: readonly Surprise[], first: Surprise): ShipperError {
  const names = all.map(
    ({ reference, before, now }) =>
      `${reference} named ${stateText(before)} and names ${stateText(now)} by now`,
  );
  return new ShipperError(
    'OUTPUT_CONFLICT',
    `Cannot publish: somebody else moved tags while this run was under way: ${names.join('; ')}`,
    {
      image: first.reference,
      hint: 'see whose is the newer one, and run the same command again: what is ready is not made again',
    },
  );
}

function stateText(state: TagState): string {
  if (state.kind === 'absent') return 'nothing';
  return digestIn(state) ?? 'what is not known';
}
