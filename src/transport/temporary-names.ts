// Temporary names in an engine: they tell whose they are, so that a later run removes what a dead one left there.
import type { Context } from '../core/context.ts';
import { throwIfAborted } from '../core/context.ts';
import type { Engine } from '../engine/engine.ts';
import { isObject, textOf } from '../engine/wire.ts';
import type { System } from '../system/system.ts';

/** Repository of temporary names. */
const TEMPORARY = 'shipper-tmp';
/** As for temporary files, see `system/spool.ts`. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;
const NAME = /:(\w+-\d+-\d+)-[0-9a-f]{12}(?:-layer)?$/;

/** A full name that nobody else has. */
export function temporaryName(system: System): string {
  return `${TEMPORARY}:${system.files.owner.tag}-${system.random(6)}`;
}

/** Whether a name of the engine is a temporary one, of whatever run. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(`${TEMPORARY}:`);
}

/** The name under which the layer of a {@link temporaryName} is imported. */
export function layerName(temporary: string): string {
  return `${temporary}-layer`;
}

/**
 * Removes the temporary names of runs that are surely dead, and of those of other machines and containers, which cannot
 * be seen from here, the ones given long ago. Only cancelling makes it fail: left-overs are no reason to refuse a run.
 */
export async function sweepTemporaryNames(
  system: System,
  ctx: Context,
  engine: Engine,
): Promise<void> {
  try {
    for (const name of await engine.listTags(ctx, TEMPORARY)) {
      const owner = NAME.exec(name)?.[1];
      if (owner === undefined) continue;
      const isLeft = system.files.owner.isDead(owner) ?? (await isOld(system, ctx, engine, name));
      if (isLeft) await engine.removeImage(ctx, name);
    }
  } catch {
    throwIfAborted(ctx);
  }
}

/** Whether the engine says that it gave the name long ago; podman does not say. */
async function isOld(system: System, ctx: Context, engine: Engine, name: string): Promise<boolean> {
  const metadata = (await engine.inspectImage(ctx, name))?.raw['Metadata'];
  const time = isObject(metadata) ? Date.parse(textOf(metadata['LastTagTime']) ?? '') : Number.NaN;
  return system.clock.now() - time > FOREIGN_AGE_MS;
}
