// Images of a run into the engine of this machine: under a temporary name first, so that no name of the user's moves before
// everything is ready.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { copyImage } from '../operations/copy-image.ts';
import { cleanUpIn } from '../transport/engine-target.ts';
import { isTemporaryName, temporaryName } from '../transport/temporary-names.ts';
import type { Content, StepTools } from './flatten-step.ts';

/** An image in an engine. Disposing it takes back the temporary name. */
export interface Loaded extends AsyncDisposable {
  readonly id: string;
}

/** What holding an image takes. */
export interface HoldTools extends Pick<StepTools, 'system' | 'transports'> {
  /** Disposed when the run ends. */
  keep(resource: AsyncDisposable): void;
}

/** Loads `content`. */
export async function loadContent(
  tools: StepTools,
  ctx: Context,
  content: Content,
): Promise<Loaded> {
  const { system, transports, media } = tools;
  const engine = await transports.engine();
  const name = temporaryName(system);
  const forget = () => cleanUpIn(system, engine)(name);
  try {
    const destination = `docker-daemon:${name}`;
    await copyImage(system, ctx, { ...media, source: content.source, destination });
    const image = await engine.inspectImage(ctx, name);
    if (image === undefined) {
      throw new ShipperError('ENGINE', `Cannot find ${name}: the engine lost what was loaded`);
    }
    return { id: image.id, [Symbol.asyncDispose]: forget };
  } catch (error) {
    await forget();
    throw error;
  }
}

/**
 * The id of an image that an earlier run loaded; undefined where the engine has it no more. What only temporary names hold there
 * goes with the run whose they are, or with the sweep of its left-overs: it gets one of ours, until the run ends.
 */
export async function holdInEngine(
  { system, transports, keep }: HoldTools,
  ctx: Context,
  id: string,
): Promise<string | undefined> {
  const engine = await transports.engine();
  const image = await engine.inspectImage(ctx, id);
  if (image === undefined) return undefined;
  const { tags } = image;
  if (tags.length > 0 && tags.every(isTemporaryName)) {
    const name = temporaryName(system);
    await engine.tagImage(ctx, image.id, name);
    keep({ [Symbol.asyncDispose]: () => cleanUpIn(system, engine)(name) });
  }
  return image.id;
}

/** A name to give in an engine. */
export interface EngineTag {
  readonly image: string;
  readonly reference: string;
  readonly id: string;
}

/** What became of names in an engine; `before` is the id that a name had. */
export interface EngineTagged {
  readonly done: readonly (EngineTag & { readonly before?: string; readonly isNew: boolean })[];
  readonly failed?: { readonly tag: EngineTag; readonly error: unknown };
}

/** Gives names, one behind the other; stops at the first that fails. */
export async function tagInEngine(
  ctx: Context,
  engine: Engine,
  tags: readonly EngineTag[],
): Promise<EngineTagged> {
  const done: (EngineTag & { before?: string; isNew: boolean })[] = [];
  for (const tag of tags) {
    try {
      const before = (await engine.inspectImage(ctx, tag.reference))?.id;
      if (before !== tag.id) await engine.tagImage(ctx, tag.id, tag.reference);
      done.push({ ...tag, ...(before === undefined ? {} : { before }), isNew: before !== tag.id });
    } catch (error) {
      return { done, failed: { tag, error } };
    }
  }
  return { done };
}
