// What of an environment nobody needs any more goes from its hosts: the use case of `shipper prune`, from class Shipper.
import { given } from '../core/given.ts';
import { type PruneReport, pruneEnvironment } from '../rollout/prune.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetParts } from './fleet-parts.ts';
import { requireHome } from './pull-services.ts';
import type { ShipperOptions } from './shipper-options.ts';

/** Removes it, or tells what that is. */
export async function pruneFleet(
  { ctx, home }: FleetCall,
  parts: FleetParts,
  { config, hosts, dryRun }: Pick<ShipperOptions, 'config' | 'hosts' | 'dryRun'>,
): Promise<PruneReport> {
  const { environment } = requireHome(home, 'prune an environment');
  const names = hosts?.map((host) => (typeof host === 'string' ? host : host.context));
  const request = { environment: environment.name, ...given({ config, hosts: names, dryRun }) };
  return pruneEnvironment(parts.system, ctx, request, await parts.rollout());
}
