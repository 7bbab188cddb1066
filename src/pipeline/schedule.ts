// Carries out the images of a run: each begins as soon as those that it needs are ready, stages of one overlap with stages
// of others, and each stage has a cap.
import { type Context, interruption } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { ownAbort } from '../core/own-abort.ts';
import { type Gate, gate } from '../core/pool.ts';
import type { Selected } from './graph.ts';
import type { ShipCaps } from './ship-types.ts';

/** How an image ended. */
export type Ending<T> =
  | { readonly kind: 'ready'; readonly result: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'cancelled' }
  /** Not begun. `because` is the image that it needs and that is not ready, where that is why. */
  | { readonly kind: 'not-started'; readonly because?: string };

/** What carries out one image. */
export interface Work<Form, Result> {
  /** Rejects where it can be told at once that the image cannot be made: asked for all of them before anything is done. */
  check(selected: Selected): Promise<void>;
  /** Makes the image. `forms` are those of the images that it needs, by name. */
  make(ctx: Context, selected: Selected, forms: ReadonlyMap<string, Form>): Promise<Form>;
  /** Brings it where it belongs. Images that need it need not wait for that. */
  deliver(ctx: Context, selected: Selected, form: Form): Promise<Result>;
}

/** The turnstiles of a run. */
export interface Gates {
  /** What an image is and whether it is known: calls to registries and reading of contexts. */
  readonly look: Gate;
  readonly build: Gate;
  readonly flatten: Gate;
  readonly push: Gate;
}

/** Images that are looked at side by side: hundreds would only wait for each other. */
const LOOKS = 8;

/** Gates with the given caps. */
export function openGates(caps: ShipCaps): Gates {
  return {
    look: gate(LOOKS),
    build: gate(caps.build),
    flatten: gate(caps.flatten),
    push: gate(caps.push),
  };
}

/**
 * Runs all images and resolves with how each ended; never rejects. Without `keepGoing` the first failure cancels
 * the rest. `ctx.signal` cancels everything.
 */
export async function runImages<Form, Result>(
  ctx: Context,
  images: readonly Selected[],
  work: Work<Form, Result>,
  keepGoing: boolean,
): Promise<ReadonlyMap<string, Ending<Result>>> {
  const stop = ownAbort(ctx.signal);
  const inside: Context = { ...ctx, signal: stop.signal };
  const refused = await refusals(images, work);
  if (refused.size > 0 && !keepGoing) stop.abort();
  const begun = new Map<string, Promise<Begun<Form>>>();
  const endings = new Map<string, Promise<Ending<Result>>>();
  for (const selected of images) {
    const { name } = selected.image;
    const making = refused.get(name) ?? begin(inside, selected, work, begun);
    begun.set(name, making);
    const ended = end(inside, selected, work, making).then((ending) => {
      if (ending.kind === 'failed' && !keepGoing) stop.abort();
      return ending;
    });
    endings.set(name, ended);
  }
  const all = await Promise.all(
    [...endings].map(async ([name, ending]) => [name, await ending] as const),
  );
  stop.release();
  return new Map(all);
}

/** An image that is ready for those that need it, or why it is not. */
type Begun<Form> =
  | { readonly kind: 'made'; readonly form: Form }
  | Exclude<Ending<never>, { readonly kind: 'ready' }>;

/** Those that fail before anything is done. */
async function refusals<Form, Result>(
  images: readonly Selected[],
  work: Work<Form, Result>,
): Promise<ReadonlyMap<string, Promise<Begun<Form>>>> {
  const found = images.map(async (selected) => {
    try {
      await work.check(selected);
      return [];
    } catch (error) {
      return [[selected.image.name, Promise.resolve({ kind: 'failed', error } as const)] as const];
    }
  });
  return new Map((await Promise.all(found)).flat());
}

async function begin<Form, Result>(
  ctx: Context,
  selected: Selected,
  work: Work<Form, Result>,
  begun: ReadonlyMap<string, Promise<Begun<Form>>>,
): Promise<Begun<Form>> {
  const parents = new Map<string, Form>();
  for (const need of selected.needs) {
    const parent = await begun.get(need);
    if (parent?.kind !== 'made') return { kind: 'not-started', because: need };
    parents.set(need, parent.form);
  }
  if (ctx.signal.aborted) return { kind: 'not-started' };
  try {
    return { kind: 'made', form: await work.make(ctx, selected, parents) };
  } catch (error) {
    return endingOf(ctx, error);
  }
}

async function end<Form, Result>(
  ctx: Context,
  selected: Selected,
  work: Work<Form, Result>,
  making: Promise<Begun<Form>>,
): Promise<Ending<Result>> {
  const made = await making;
  if (made.kind !== 'made') return made;
  if (ctx.signal.aborted) return { kind: 'cancelled' };
  try {
    return { kind: 'ready', result: await work.deliver(ctx, selected, made.form) };
  } catch (error) {
    return endingOf(ctx, error);
  }
}

/** What was stopped has not failed, whether by a signal or because the time is over. */
function endingOf({ signal }: Context, error: unknown): Exclude<Ending<never>, { kind: 'ready' }> {
  // Who was stopped may have put more words around the reason.
  const isStopped = signal.aborted && isShipperError(error, interruption(signal).code);
  return isStopped ? { kind: 'cancelled' } : { kind: 'failed', error };
}
