// Temporary names in an engine: they tell whose they are, so that a later run removes what a dead one left there.
import type { Context } from '../core/context.ts';
import { throwIfAborted } from '../core/context.ts';
import type { Engine } from '../engine/engine.ts';
import type { System } from '../system/system.ts';

/** Repository of temporary names. */
const TEMPORARY = 'shipper-tmp';
const NAME = /:(\w+-\d+-\d+)-[0-9a-f]{12}(?:-layer)?$/;

/** A full name that nobody else has. */
export function temporaryName(system: System): string {
  return `${TEMPORARY}:${system.files.owner.tag}-${system.random(6)}`;
}

/** The name under which the layer of a {@link temporaryName} is imported. */
export function layerName(temporary: string): string {
  return `${temporary}-layer`;
}

/**
 * Removes the temporary names of runs that are surely dead. Those of other machines stay, as nobody can tell from here.
 * Only cancelling makes it fail: left-overs are no reason to refuse a run.
 */
export async function sweepTemporaryNames(
  system: System,
  ctx: Context,
  engine: Engine,
): Promise<void> {
  try {
    for (const name of await engine.listTags(ctx, TEMPORARY)) {
      const owner = NAME.exec(name)?.[1];
      if (owner !== undefined && system.files.owner.isDead(owner) === true) {
        await engine.removeImage(ctx, name);
      }
    }
  } catch {
    throwIfAborted(ctx);
  }
}
