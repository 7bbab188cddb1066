// Containers of an environment as their engine has them now.
import type { Context } from '../core/context.ts';
import type { Containers, EngineContainer, ListedContainer } from '../engine/containers.ts';
import type { RolloutHost } from './host.ts';
import { type OwnLabels, readLabels, type SlotPlace, scopeLabels } from './labels.ts';
import type { DeployScope } from './release.ts';
import type { SlotContainer } from './slot-plan.ts';

/** A container of the environment, and all that its engine says of it. */
export interface OwnContainer extends SlotContainer, SlotPlace {
  readonly labels: OwnLabels;
  readonly seen: EngineContainer;
}

/** What stands in a slot on `host`, oldest release first. */
export async function viewSlot(
  ctx: Context,
  { engine }: RolloutHost,
  scope: DeployScope,
  place: SlotPlace,
): Promise<readonly OwnContainer[]> {
  const listed = await engine.containers.list(ctx, scopeLabels(scope, place));
  return ownOf(ctx, engine.containers, scope, listed);
}

/** Those of `listed` that are of the environment, oldest release first. What has vanished meanwhile is left out. */
export async function ownOf(
  ctx: Context,
  containers: Pick<Containers, 'inspect'>,
  scope: DeployScope,
  listed: readonly ListedContainer[],
): Promise<readonly OwnContainer[]> {
  const ours = listed.filter(({ labels }) => readLabels(scope, labels) !== undefined);
  const seen = await Promise.all(ours.map(({ id }) => containers.inspect(ctx, id)));
  return seen
    .flatMap((container) => (container === undefined ? [] : (ownContainer(scope, container) ?? [])))
    .sort((a, b) => (a.release < b.release ? -1 : 1));
}

function ownContainer(scope: DeployScope, seen: EngineContainer): OwnContainer | undefined {
  const labels = readLabels(scope, seen.labels);
  if (labels === undefined) return undefined;
  const { id, name, restartPolicy, state } = seen;
  const { service, slot, release, specHash, restart } = labels;
  return {
    id,
    name,
    service,
    slot,
    release,
    specHash,
    status: state.status,
    restartPolicy,
    servingPolicy: restart,
    labels,
    seen,
  };
}
