// The same work done to each container that is meant, on every host.
import type { Context } from '../core/context.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { containersOn } from './chosen.ts';
import { fanOut, type HostWork, onEach, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetContainer } from './fleet-container.ts';
import type { GroupResult } from './group-result.ts';
import { currentOnes } from './selection.ts';

/** What is done to a container. */
export type ContainerWork<T> = (
  ctx: Context,
  host: RolloutHost,
  container: FleetContainer,
) => Promise<T>;

/** Does it to each: of a slot to those that run, else to the newest; to those that were given before as they are. */
export function eachChosen<T>(
  { ctx, spread, home, choice }: FleetCall,
  what: string,
  work: ContainerWork<T>,
  told?: Told<T>,
): Promise<GroupResult<T>> {
  const all: HostWork<T> = async (inside, host, tell) => {
    const found = await containersOn(inside, host, choice, home);
    const picked = choice.kind === 'these' ? found : currentOnes(found);
    return onEach(host, picked, (container) => work(inside, host, container), tell);
  };
  return fanOut(ctx, spread, `${what} containers`, all, told);
}
