// What every way into an engine does: check what was loaded, move the tags, clean up.
import type { Context } from '../core/context.ts';
import { partial, ShipperError } from '../core/errors.ts';
import type { Engine, EngineFacts } from '../engine/engine.ts';
import type { Publication } from '../image/image.ts';
import type { System } from '../system/system.ts';

/** What both ways into an engine need. */
export interface EngineTarget {
  readonly engine: Engine;
  readonly facts: EngineFacts;
  readonly name: string;
  /** A full name that nobody else has. */
  readonly temporary: string;
  /** Removes a temporary name, also after the run was cancelled; a failure is no failure of the run. */
  cleanUp(name: string): Promise<void>;
}

/** How long cleaning up may take, in milliseconds: the run is over, one way or the other. */
const CLEAN_UP_MS = 10_000;

/** A clean-up that does not depend on the run's own signal. With `keepParents` a classic build's cache stays. */
export function cleanUpIn(
  system: System,
  engine: Engine,
  options: { readonly keepParents?: boolean } = {},
): EngineTarget['cleanUp'] {
  return async (name) => {
    const signal = AbortSignal.timeout(CLEAN_UP_MS);
    const ctx: Context = { report: () => undefined, signal, clock: system.clock, scope: {} };
    // The engine may be gone, which may be why we are here; a later run finds the name by its owner.
    await engine.removeImage(ctx, name, options).catch(() => undefined);
  };
}

/** Gives a checked image its final names and takes the temporary one away. */
export async function moveTags(
  ctx: Context,
  { engine, temporary, cleanUp }: EngineTarget,
  publication: Publication,
): Promise<void> {
  const moved: string[] = [];
  for (const tag of publication.tags) {
    try {
      await engine.tagImage(ctx, temporary, tag);
    } catch (error) {
      throw partial(error, moved);
    }
    moved.push(`docker-daemon:${tag}`);
  }
  // The image is in place: a temporary name that stays is no failure, and a later run removes it.
  await cleanUp(temporary);
}

/** Throws unless the engine shows the image that was meant under the temporary name. */
export async function checkLoaded(
  ctx: Context,
  { engine, facts, temporary }: EngineTarget,
  publication: Publication,
): Promise<void> {
  const image = await engine.inspectImage(ctx, temporary);
  const endpoint = facts.endpoint;
  if (image === undefined) {
    throw new ShipperError(
      'ENGINE',
      `Cannot load the image: the engine at ${endpoint} said it did, and does not have it`,
    );
  }
  const meant = publication.images.find(({ layers }) =>
    sameList(
      image.diffIds,
      layers.map(({ diffId }) => diffId),
    ),
  );
  if (meant === undefined) {
    throw new ShipperError(
      'ENGINE',
      `Cannot load the image: the engine at ${endpoint} shows the layers ${image.diffIds.join(', ')}, which are not ours`,
    );
  }
  const isByConfig = facts.store === 'graph-driver' || facts.product === 'podman';
  const { digest } = meant.config.descriptor;
  if (isByConfig && image.id !== digest) {
    throw new ShipperError(
      'ENGINE',
      `Cannot load the image: the engine at ${endpoint} shows the id ${image.id} where ${digest} was loaded`,
    );
  }
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
