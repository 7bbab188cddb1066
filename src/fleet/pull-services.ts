// The images of an environment's services on its hosts, ahead of a rollout: what its configuration names now.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { type Opened, whoAsks } from '../rollout/environment.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { serviceNames } from './chosen.ts';
import { type FanOut, onHosts, type Told } from './fan-out.ts';
import type { FleetParts } from './fleet-parts.ts';
import type { GroupResult } from './group-result.ts';
import type { Home } from './targets.ts';

/** Of which services. */
export interface PullJob {
  /** Services and groups; none means all. */
  readonly services: readonly string[];
  readonly home: Home | undefined;
  readonly dryRun: boolean;
}

/** Resolves each image once, so that all hosts get the same, and brings them there. */
export async function pullServices(
  ctx: Context,
  parts: FleetParts,
  spread: FanOut,
  { services, home, dryRun }: PullJob,
  told?: Told<readonly string[]>,
): Promise<GroupResult<readonly string[]>> {
  const own = requireHome(home, 'pull images of services');
  const rollout = await parts.rollout();
  const opened = openedAt(parts, own, rollout);
  const names = services.length === 0 ? [] : serviceNames(own, services);
  const { environment } = own;
  const request = { environment: environment.name, services: names };
  const wanted = await rollout.wanted(ctx, opened, request);
  const released = wanted.services.flatMap((each) => each.released ?? []);
  await using images = rollout.images(opened);
  const work = async (inside: Context, host: RolloutHost) => {
    if (!dryRun) await images.deliver(inside, host, released);
    return released.map(({ image }) => image.pinned ?? `${image.name} (${image.digest})`);
  };
  return await onHosts(ctx, spread, 'pull images', work, told);
}

/** `USAGE` where hosts are meant by themselves. */
export function requireHome(home: Home | undefined, what: string): Home {
  if (home !== undefined) return home;
  const message = `Cannot ${what}: no environment is named, and hosts have no services`;
  throw new ShipperError('USAGE', message, { hint: 'name an environment of shipper.yaml' });
}

/** The environment as the parts of a rollout want it: its hosts are connected elsewhere. */
export function openedAt(
  { system }: FleetParts,
  { project, environment, scope }: Home,
  parts: Opened['parts'],
): Opened {
  const fleet = { hosts: [], skipped: [], [Symbol.asyncDispose]: async () => undefined };
  return { system, project, environment, scope, by: whoAsks(system), fleet, parts };
}
