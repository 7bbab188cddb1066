// Asks registries whether they will take a push, before the first image is made: a build of an hour is not to end with a
// missing login.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { gate } from '../core/pool.ts';
import type { Registry } from '../registry/registry.ts';
import type { Home } from './places.ts';

/** Calls to registries that are under way at once. */
const CALLS = 8;

/**
 * Rejects with `UNAUTHORIZED` where a registry says that we may not push to one of `homes`. Every other failure is passed
 * over: it may be gone by the time of the push, which tells it better.
 */
export async function checkPush(
  ctx: Context,
  registry: Registry,
  homes: readonly Home[],
): Promise<void> {
  const turn = gate(CALLS);
  await Promise.all(homes.map((home) => turn(() => checkHome(ctx, registry, home))));
}

async function checkHome(ctx: Context, registry: Registry, { repository }: Home): Promise<void> {
  try {
    await registry.checkPush(ctx, repository);
  } catch (error) {
    if (!isShipperError(error)) throw error;
    if (error.code === 'UNAUTHORIZED' || error.code === 'INTERRUPTED') throw error;
  }
}
