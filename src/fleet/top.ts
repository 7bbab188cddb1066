// What the containers of an environment use now: one look at every host.
import type { Context } from '../core/context.ts';
import type { ContainerStats } from '../engine/containers.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { containersOn } from './chosen.ts';
import { onHosts, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetContainer } from './fleet-container.ts';
import type { GroupResult } from './group-result.ts';
import { currentOnes } from './selection.ts';

/** A container and what it uses. JSON-able. */
export interface TopContainer extends Partial<ContainerStats> {
  readonly container: FleetContainer;
}

/** Looks at all hosts. Of a container that does not run nothing is measured. */
export function lookTop(
  { ctx, spread, home, choice }: FleetCall,
  told?: Told<readonly TopContainer[]>,
): Promise<GroupResult<readonly TopContainer[]>> {
  const work = async (inside: Context, host: RolloutHost) => {
    const all = currentOnes(await containersOn(inside, host, choice, home));
    return Promise.all(all.map((container) => measure(inside, host, container)));
  };
  return onHosts(ctx, spread, 'measure its containers', work, told);
}

async function measure(
  ctx: Context,
  { engine }: RolloutHost,
  container: FleetContainer,
): Promise<TopContainer> {
  if (container.status !== 'running') return { container };
  try {
    return { container, ...(await engine.containers.stats(ctx, container.id)) };
  } catch (error) {
    // It may have ended meanwhile; a host that does not answer is told.
    const seen = await engine.containers.inspect(ctx, container.id);
    if (seen?.state.status === 'running') throw error;
    return { container };
  }
}
