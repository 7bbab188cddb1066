// Images of hosts flattened where they are, and pushed: their bytes go through this machine, so only a few hosts at once.
import type { Context } from '../core/context.ts';
import { copyImage } from '../operations/copy-image.ts';
import type { CopyReport } from '../operations/copy-types.ts';
import { flattenImage } from '../operations/flatten-image.ts';
import type { FlattenReport } from '../operations/flatten-types.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { onHosts, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetParts } from './fleet-parts.ts';
import type { GroupResult } from './group-result.ts';
import type { FlattenCall } from './shipper-options.ts';

/** More would only share the disk and the line of this machine. */
const HOSTS_AT_ONCE = 2;

/** Flattens an image on every host. Layers are read from its engine, and the result is loaded there. */
export function flattenOnHosts(
  { ctx, spread }: FleetCall,
  { system, media }: FleetParts,
  request: FlattenCall & { readonly source: string; readonly dryRun: boolean },
  told?: Told<FlattenReport>,
): Promise<GroupResult<FlattenReport>> {
  const source = `docker-daemon:${request.source}`;
  const work = (inside: Context, host: RolloutHost) => {
    const place = spread.targets.placeOf(host);
    return flattenImage(system, inside, { ...media, ...place, ...request, source });
  };
  return onHosts(ctx, few(spread), `flatten ${request.source}`, work, told);
}

/** Pushes an image from every host under its own name. */
export function pushFromHosts(
  { ctx, spread }: FleetCall,
  { system, media }: FleetParts,
  { reference, dryRun }: { readonly reference: string; readonly dryRun: boolean },
  told?: Told<CopyReport>,
): Promise<GroupResult<CopyReport>> {
  const request = {
    ...media,
    source: `docker-daemon:${reference}`,
    destination: `docker://${reference}`,
    dryRun,
  };
  const work = (inside: Context, { engine }: RolloutHost) =>
    copyImage(system, inside, request, engine);
  return onHosts(ctx, few(spread), `push ${reference}`, work, told);
}

function few(spread: FleetCall['spread']): FleetCall['spread'] {
  return { ...spread, parallel: Math.min(spread.parallel, HOSTS_AT_ONCE) };
}
