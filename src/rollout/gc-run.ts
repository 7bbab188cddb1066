// Removes the garbage of an environment from a host: one thing at a time, each only if it is still garbage, nothing by force.
import type { Context } from '../core/context.ts';
import { isShipperError, messageOf } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import {
  type Garbage,
  type GarbageItem,
  type GarbageOptions,
  type HostContents,
  type KeptItem,
  planGarbage,
} from './gc.ts';
import { isYoung, userOf } from './gc-images.ts';
import type { Journal } from './release.ts';

/** What was removed. */
export interface RemovedGarbage {
  readonly removed: readonly GarbageItem[];
  /** What was garbage by the plan, and stayed. */
  readonly kept: readonly KeptItem[];
  /** At most so much became free. */
  readonly bytes: number;
}

/** How garbage is removed. */
export interface Removal {
  readonly journal: Journal | undefined;
  readonly options: GarbageOptions;
  /** Called before each removal: of the lock. What it throws ends all. */
  readonly check: (ctx: Context) => Promise<void>;
}

/** Looks at all that a host has. */
export async function hostContents(ctx: Context, { containers }: Engine): Promise<HostContents> {
  const [all, images] = await Promise.all([containers.list(ctx), containers.listImages(ctx)]);
  return { containers: all, images };
}

/**
 * Removes what `garbage` lists. Before each removal the host is looked at again, and what is not garbage any more stays; so does
 * what the engine says is in use. Only for the holder of the lock.
 */
export async function removeGarbage(
  ctx: Context,
  engine: Engine,
  garbage: Garbage,
  removal: Removal,
): Promise<RemovedGarbage> {
  const removed: GarbageItem[] = [];
  const kept: KeptItem[] = [];
  for (const item of garbage.items) {
    const cause =
      (await whyNotNow(ctx, engine, item, removal)) ?? (await remove(ctx, engine, item, removal));
    if (cause === undefined) removed.push(item);
    else kept.push({ kind: item.kind, name: item.name, cause });
  }
  return { removed, kept, bytes: removed.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Why it stays; undefined where it may go. */
async function whyNotNow(
  ctx: Context,
  engine: Engine,
  item: GarbageItem,
  { journal, options }: Removal,
): Promise<string | undefined> {
  const host = await hostContents(ctx, engine);
  const { items, kept } = planGarbage(host, journal, options);
  const isStill = ({ kind, id, name }: GarbageItem): boolean =>
    kind === item.kind && id === item.id && name === item.name;
  if (!items.some(isStill)) {
    const stays = kept.find(({ kind, name }) => kind === item.kind && name === item.name);
    return stays?.cause ?? 'it is gone, or something else has its name';
  }
  if (item.kind === 'container') return undefined;
  // Also containers that are garbage themselves, if they are still there: not every engine looks at those that have ended.
  const image = host.images.find(({ id }) => id === item.id);
  const user = image === undefined ? undefined : userOf(image, host.containers);
  if (user !== undefined) return `container ${user.name} uses it`;
  const taggedAt = await lastTagged(ctx, engine, item);
  return taggedAt !== undefined && isYoung(taggedAt, host, options) ? 'it is too young' : undefined;
}

/** When the host got it, by the host's clock, in milliseconds; not every engine knows. */
async function lastTagged(
  ctx: Context,
  engine: Engine,
  { name, id }: GarbageItem,
): Promise<number | undefined> {
  // An image without a name was replaced, however young it is.
  if (name === id) return undefined;
  const image = await engine.inspectImage(ctx, name);
  const metadata = image?.raw['Metadata'] as { readonly LastTagTime?: unknown } | undefined;
  const time = Date.parse(String(metadata?.LastTagTime ?? ''));
  return Number.isNaN(time) ? undefined : time;
}

/** Why the engine kept it; undefined where it is gone. */
async function remove(
  ctx: Context,
  engine: Engine,
  item: GarbageItem,
  { check }: Removal,
): Promise<string | undefined> {
  await check(ctx);
  try {
    // Never with `v`: what a container keeps in volumes is data.
    if (item.kind === 'container') await engine.containers.remove(ctx, item.id);
    else await engine.removeImage(ctx, item.name, { keepParents: true });
    return undefined;
  } catch (error) {
    if (!isShipperError(error, 'ENGINE') && !isShipperError(error, 'CONFLICT')) throw error;
    return messageOf(error);
  }
}
