// Tags of a registry: what they name, and moving them, all or as few as can be.
import { type Context, note } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { isShipperError, messageOf } from '../core/errors.ts';
import { gate } from '../core/pool.ts';
import { chanceOf, withRetries } from '../core/retry.ts';
import { parseReference } from '../image/reference.ts';
import type { FetchedManifest, Registry } from '../registry/registry.ts';
import type { System } from '../system/system.ts';
import type { TagState, WantedTag } from './publish-plan.ts';

/** Calls to registries that are under way at once. */
const CALLS = 8;

/** What `references` name now. A registry that will not say so to us may still take a push: that is not known then. */
export async function readTags(
  ctx: Context,
  registry: Registry,
  references: readonly string[],
): Promise<ReadonlyMap<string, TagState>> {
  const turn = gate(CALLS);
  const states = references.map((reference) =>
    turn(async () => [reference, await readTag(ctx, registry, reference)] as const),
  );
  return new Map(await Promise.all(states));
}

async function readTag(ctx: Context, registry: Registry, text: string): Promise<TagState> {
  const reference = parseReference(text);
  try {
    const found = await registry.resolve(ctx, reference, reference.tag ?? 'latest');
    return found === undefined ? { kind: 'absent' } : { kind: 'digest', digest: found.digest };
  } catch (error) {
    if (isShipperError(error, 'UNAUTHORIZED')) return { kind: 'unknown' };
    throw error;
  }
}

/** What became of some tags. */
export interface Moved {
  readonly moved: readonly WantedTag[];
  readonly failed: readonly { readonly tag: WantedTag; readonly error: unknown }[];
}

/**
 * Moves tags, several at once. Their manifests are fetched before the first one moves, so that little can fail between
 * the first and the last; what fails for a reason that may pass is tried again. `fetchCtx` may be cancelled; a
 * cancelled run goes on moving under `ctx` once it has begun.
 */
export async function moveTags(
  ctx: Context,
  fetchCtx: Context,
  { registry, system }: { readonly registry: Registry; readonly system: System },
  tags: readonly WantedTag[],
): Promise<Moved> {
  const turn = gate(CALLS);
  const manifests = await Promise.all(
    tags.map((tag) => turn(() => fetchManifest(fetchCtx, registry, tag))),
  );
  const moved: WantedTag[] = [];
  const failed: { tag: WantedTag; error: unknown }[] = [];
  const move = async (tag: WantedTag, manifest: FetchedManifest) => {
    try {
      await moveOne(ctx, { registry, system }, tag, manifest);
      moved.push(tag);
    } catch (error) {
      failed.push({ tag, error });
    }
  };
  const moving = tags.map((tag, at) => {
    const manifest = manifests[at];
    return manifest === undefined ? undefined : turn(() => move(tag, manifest));
  });
  await Promise.all(moving);
  return { moved, failed };
}

function fetchManifest(
  ctx: Context,
  registry: Registry,
  { reference, digest }: WantedTag,
): Promise<FetchedManifest> {
  return registry.manifest(ctx, parseReference(reference), digest);
}

async function moveOne(
  ctx: Context,
  { registry, system }: { readonly registry: Registry; readonly system: System },
  { reference: text }: WantedTag,
  { descriptor, bytes }: FetchedManifest,
): Promise<void> {
  const reference = parseReference(text);
  const { mediaType } = descriptor;
  const put = () =>
    registry.putManifest(ctx, reference, reference.tag ?? 'latest', { mediaType, bytes });
  await withRetries(ctx, chanceOf(system), put, (error) =>
    note(ctx, 'warn', `Moving ${text} is tried again: ${messageOf(error)}`),
  );
}

/** Of tags that were moved, those that name something else again, and what. */
export async function checkTags(
  ctx: Context,
  registry: Registry,
  tags: readonly WantedTag[],
): Promise<readonly string[]> {
  const states = await readTags(
    ctx,
    registry,
    tags.map(({ reference }) => reference),
  );
  return tags.flatMap(({ reference, digest }) => {
    const state = states.get(reference);
    if (state === undefined || state.kind === 'unknown') return [];
    if (state.kind === 'digest' && state.digest === (digest as Digest)) return [];
    const what = state.kind === 'absent' ? 'is gone again' : `names ${state.digest} by now`;
    return [`${reference} ${what}: somebody else moved it; what was pushed is ${digest}`];
  });
}
