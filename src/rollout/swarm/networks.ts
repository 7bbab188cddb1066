// Networks of a release in a swarm: made where they are missing, over all of its nodes.
import { type Context, narrow } from '../../core/context.ts';
import type { NetworkSpecs } from '../release.ts';
import type { ApplyTools } from './apply.ts';

/** Makes what is missing of `networks`. */
export async function prepareNetworks(
  ctx: Context,
  { managers, checkLock }: ApplyTools,
  networks: NetworkSpecs,
): Promise<void> {
  for (const network of networks) {
    await managers.call(ctx, async (_, inside, { name, engine }) => {
      const there = narrow(inside, { host: name });
      const found = await engine.containers.inspectNetwork(there, network.name);
      if (found !== undefined) return;
      await checkLock(there);
      await engine.containers.createNetwork(there, { driver: 'overlay', ...network });
    });
  }
}
