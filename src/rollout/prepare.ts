// What a host must have before containers are made: the networks and volumes of a release.
import { type Context, narrow } from '../core/context.ts';
import type { RolloutHost } from './host.ts';
import type { ReleaseRecord } from './release.ts';
import type { SlotActs } from './slot-acts.ts';

/** Makes what is missing. What exists under the same name is taken as it is: it may hold data. */
export async function prepareHost(
  ctx: Context,
  host: RolloutHost,
  { networks, volumes }: ReleaseRecord,
  checkLock: SlotActs['checkLock'],
): Promise<void> {
  const inside = narrow(ctx, { host: host.name });
  const { containers } = host.engine;
  for (const network of networks) {
    if ((await containers.inspectNetwork(inside, network.name)) !== undefined) continue;
    await checkLock(inside, host);
    await containers.createNetwork(inside, network);
  }
  for (const volume of volumes) {
    if ((await containers.inspectVolume(inside, volume.name)) !== undefined) continue;
    await checkLock(inside, host);
    await containers.createVolume(inside, volume);
  }
}
