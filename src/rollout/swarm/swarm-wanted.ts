// What an environment on a swarm is to run, from its configuration.
import type { ServiceChoice } from '../../config/service-types.ts';
import type { Context } from '../../core/context.ts';
import { bug, ShipperError } from '../../core/errors.ts';
import type { Opened } from '../environment.ts';
import type { NetworkSpecs, ReleasedImage, ReleasedService } from '../release.ts';
import type { RolloutRequest } from '../rollout-types.ts';
import { chooseServices } from '../wanted.ts';
import { requireSwarmable } from './refusals.ts';
import { type ReleasedSwarmService, swarmService } from './spec.ts';

/** What is to run. */
export interface SwarmWanted {
  /** In the order in which they are rolled out. */
  readonly services: readonly ReleasedSwarmService[];
  readonly networks: NetworkSpecs;
}

/**
 * What the services of `request` are to run. `BAD_CONFIG` for what a swarm cannot do, `UNSUPPORTED` for an image that no registry
 * has: nodes pull by themselves.
 */
export async function swarmWanted(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
  images?: ReadonlyMap<string, ReleasedImage>,
): Promise<SwarmWanted> {
  const { environment, parts } = opened;
  const chosen = chooseServices(environment, request.services ?? []);
  requireSwarmable(chosen);
  requirePull(opened);
  // Images and variables are the same wherever a service runs.
  const { services, networks } = await parts.wanted(ctx, opened, request, images);
  return {
    services: services.map(({ name, released }) => {
      const choice = chosen.find((each) => each.name === name);
      if (choice === undefined || released === undefined) throw bug(`no service ${name}`);
      return inSwarm(opened, choice, released);
    }),
    networks,
  };
}

function requirePull({ environment }: Opened): void {
  if (environment.transfer !== 'direct') return;
  const state = 'transfer: direct is not for a swarm: its nodes pull by themselves';
  const hint = 'publish the images in a registry, and write transfer: pull';
  throw new ShipperError('BAD_CONFIG', `Cannot use ${environment.name}: ${state}`, {
    problems: [{ ...environment.place, message: state, hint }],
  });
}

function inSwarm(
  { scope, environment }: Opened,
  service: ServiceChoice,
  { image, spec }: ReleasedService,
): ReleasedSwarmService {
  if (image.pinned === undefined) {
    const message = `Cannot run ${image.name} of service ${service.name} in a swarm: no registry has it, and nodes pull by themselves`;
    throw new ShipperError('UNSUPPORTED', message, {
      image: image.name,
      hint: 'publish it: give the project a registry',
    });
  }
  const variables = (spec['Env'] ?? []) as readonly string[];
  return swarmService({
    scope,
    service,
    image,
    environment: [...variables].sort(),
    networks: new Map(environment.networks.map(({ key, name }) => [key, name])),
    volumes: new Map(environment.volumes.map((volume) => [volume.key, volume])),
  });
}
