// The steps of a slot carried out: one Engine call each, behind a look at the lock.

import type { Context } from '../core/context.ts';
import { bug, isShipperError, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { specFor } from './api-fit.ts';
import type { RolloutHost } from './host.ts';
import { containerName, labelsOf, readLabels, type SlotPlace, slotName } from './labels.ts';
import type { HookRunner, Images } from './parts.ts';
import type { DeployScope, ReleasedService } from './release.ts';
import type { SlotStep } from './slot-plan.ts';
import type { OwnContainer } from './slot-view.ts';

/** What a slot needs of the run that it is part of. */
export interface SlotActs extends Pick<Images, 'imageOn'>, Pick<HookRunner, 'route' | 'drain'> {
  /** Fails with `LOCKED` unless the lock of the host is still ours: called before each call that changes something. */
  checkLock(ctx: Context, host: RolloutHost): Promise<void>;
  /** The service by the hash of its specification, as a release has it. */
  serviceOf(service: string, specHash: string): ReleasedService | undefined;
}

/** A slot at work. */
export interface ActingSlot extends SlotPlace {
  readonly host: RolloutHost;
  readonly goal: { readonly kind: 'run'; readonly specHash: string } | { readonly kind: 'none' };
}

/** A step that is a call. */
export type SlotAct = Exclude<SlotStep, { readonly kind: 'gate' | 'wait' | 'done' }>;

/** Carries out a step. `seen` is what stands in the slot. */
export async function performStep(
  ctx: Context,
  slot: ActingSlot,
  step: SlotAct,
  seen: readonly OwnContainer[],
  { scope, acts }: { readonly scope: DeployScope; readonly acts: SlotActs },
): Promise<void> {
  const { host } = slot;
  const { containers } = host.engine;
  if (step.kind === 'create') return create(ctx, slot, step.release, scope, acts);
  const container = seen.find(({ id }) => id === step.container.id);
  if (container === undefined) throw bug('Cannot act on a container that was not seen');
  const { id } = container;
  const facts = { ...placeOf(slot), host, release: container.release, container: container.seen };
  if (step.kind === 'route') return acts.route(ctx, facts);
  if (step.kind === 'drain') return acts.drain(ctx, facts);
  await acts.checkLock(ctx, host);
  switch (step.kind) {
    case 'start':
      return start(ctx, slot, container, acts);
    case 'unpause':
      return containers.unpause(ctx, id);
    case 'stop':
      return containers.stop(ctx, id, stopGraceMs(acts, slot.service, container));
    case 'retire':
      return containers.setRestartPolicy(ctx, id, { name: 'no', maximumRetryCount: 0 });
    case 'revive':
      return containers.setRestartPolicy(ctx, id, container.servingPolicy);
    case 'remove':
      return containers.remove(ctx, id);
  }
}

async function create(
  ctx: Context,
  slot: ActingSlot,
  release: string,
  scope: DeployScope,
  acts: SlotActs,
): Promise<void> {
  const { host, goal } = slot;
  const service = goal.kind === 'run' ? acts.serviceOf(slot.service, goal.specHash) : undefined;
  if (service === undefined) {
    const message = `Cannot make a container for ${slotName(slot)}: no release has its specification`;
    throw new ShipperError('NOT_FOUND', message, { host: host.name });
  }
  const name = containerName(scope, slot, release);
  const make = async (isAgain: boolean) => {
    const Image = await acts.imageOn(ctx, host, service, isAgain);
    await acts.checkLock(ctx, host);
    const Labels = labelsOf(scope, service, slot.slot, release);
    const spec = specFor({ ...service.spec, Image, Labels }, host.facts.apiVersion);
    await host.engine.containers.create(
      ctx,
      name,
      spec,
      given({ platform: service.image.platform }),
    );
  };
  try {
    await make(false).catch(async (error: unknown) => {
      // Somebody pruned it since it was brought there (faults D21).
      if (!isShipperError(error, 'NOT_FOUND')) throw error;
      await make(true);
    });
  } catch (error) {
    if (!isShipperError(error, 'CONFLICT')) throw error;
    await requireOwn(ctx, slot, scope, name, service.specHash);
  }
}

/** A lost answer to an earlier call may have made it: then it is ours. */
async function requireOwn(
  ctx: Context,
  slot: ActingSlot,
  scope: DeployScope,
  name: string,
  specHash: string,
): Promise<void> {
  const { host } = slot;
  const found = await host.engine.containers.inspect(ctx, name);
  if (found === undefined) return;
  const own = readLabels(scope, found.labels);
  if (own?.service === slot.service && own.slot === slot.slot && own.specHash === specHash) return;
  const message = `Cannot make container ${name} on ${host.name}: one of that name is there, and it is not of this release`;
  const hint = `look at it with "docker inspect ${name}", and remove or rename it`;
  throw new ShipperError('CONFLICT', message, { host: host.name, hint });
}

async function start(
  ctx: Context,
  { host, service }: ActingSlot,
  { id, specHash, seen }: OwnContainer,
  acts: SlotActs,
): Promise<void> {
  const { containers } = host.engine;
  // Joined here and not where it is created, so that a run that was killed between the two is made good.
  for (const [network, settings] of acts.serviceOf(service, specHash)?.moreNetworks ?? []) {
    if (network in seen.addresses) continue;
    await containers.connectNetwork(ctx, network, id, settings);
  }
  await containers.start(ctx, id);
}

const USUAL_GRACE_MS = 10_000;

/** How long a container of `service` may take to stop. */
export function stopGraceMs(
  acts: Pick<SlotActs, 'serviceOf'>,
  service: string,
  { specHash, seen }: Pick<OwnContainer, 'specHash' | 'seen'>,
): number {
  const released = acts.serviceOf(service, specHash);
  if (released !== undefined) return released.stopGraceMs;
  const config = seen.raw['Config'] as { readonly StopTimeout?: unknown } | undefined;
  const seconds = config?.StopTimeout;
  return typeof seconds === 'number' ? seconds * 1000 : USUAL_GRACE_MS;
}

function placeOf({ service, slot }: SlotPlace): SlotPlace {
  return { service, slot };
}
