// What an environment is to run, from its configuration: services with their images resolved and their specifications made.
import type { Environment } from '../config/environment-types.ts';
import type { ServiceChoice } from '../config/service-types.ts';
import { type Context, note } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { nearest } from '../core/nearest.ts';
import { containerSpec } from './container-spec.ts';
import type { Opened, Wanted } from './environment.ts';
import type { ReleasedImage, ReleasedService } from './release.ts';
import { securityOptionsOf, variablesOf } from './service-files.ts';
import { inOrder, orderNotes, serviceRules } from './service-rules.ts';
import { specHash } from './spec-hash.ts';
import type { ServiceRules } from './works.ts';

/** Finds the image of a service, the same for the whole run. */
export type ResolveImage = (ctx: Context, service: ServiceChoice) => Promise<ReleasedImage>;

/** What the services `names` (default all) are to run. `USAGE` for an unknown name. */
export async function wantedServices(
  ctx: Context,
  { system, environment, project, scope }: Opened,
  names: readonly string[],
  resolve: ResolveImage,
): Promise<Wanted> {
  const chosen = chooseServices(environment, names);
  // A swarm publishes most ports by itself.
  const texts = environment.engine === 'swarm' ? [] : orderNotes(chosen);
  for (const text of texts) note(ctx, 'info', text);
  const services: ServiceRules[] = [];
  for (const service of inOrder(chosen)) {
    const image = await resolve(ctx, service);
    const variables = await variablesOf(ctx, system, service);
    const securityOpt = await securityOptionsOf(system, project.folder, service);
    const whole = { ...service, container: { ...service.container, securityOpt } };
    services.push(serviceRules(service, release(environment, whole, image, variables)));
  }
  const labels = { 'shipper.project': scope.project, 'shipper.env': scope.environment };
  return { services, ...declared(environment, chosen, labels) };
}

/** The services that are named, all without a name. */
export function chooseServices(
  { name: environment, services }: Environment,
  names: readonly string[],
): readonly ServiceChoice[] {
  const known = services.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const close = nearest(unknown, known);
    const message = `Cannot find service ${JSON.stringify(unknown)} in ${environment}`;
    const hint =
      close === undefined ? `it has ${known.join(', ') || 'none'}` : `${close} was meant?`;
    throw new ShipperError('USAGE', message, { hint });
  }
  return names.length === 0 ? services : services.filter(({ name }) => names.includes(name));
}

function release(
  environment: Environment,
  service: ServiceChoice,
  image: ReleasedImage,
  variables: Readonly<Record<string, string>>,
): ReleasedService {
  const { spec, moreNetworks } = containerSpec({
    service,
    image: image.pinned ?? image.digest,
    environment: variables,
    networks: new Map(environment.networks.map(({ key, name }) => [key, name])),
    volumes: new Map(environment.volumes.map(({ key, name }) => [key, name])),
  });
  // By its digest, wherever it is pulled from.
  const { platform } = image;
  const hashed = { spec: { ...spec, Image: image.digest }, moreNetworks, ...given({ platform }) };
  return {
    name: service.name,
    image,
    spec,
    moreNetworks,
    specHash: specHash(hashed),
    stopGraceMs: service.container.stopGracePeriodMs,
  };
}

/** Networks and volumes that `services` use, without those that must be there already. */
function declared(
  environment: Environment,
  services: readonly ServiceChoice[],
  ours: Readonly<Record<string, string>>,
): Pick<Wanted, 'networks' | 'volumes'> {
  const networks = new Set(
    services.flatMap(({ container }) => container.networks.map(({ network }) => network)),
  );
  const volumes = new Set(
    services.flatMap(({ container }) => container.mounts.map(({ source }) => source)),
  );
  return {
    networks: environment.networks
      .filter(({ key, external }) => !external && networks.has(key))
      .map(({ name, driver, driverOptions: options, attachable, internal, ipv6, labels }) => ({
        ...{ name, options, attachable, internal, ipv6, labels: { ...labels, ...ours } },
        ...given({ driver }),
      })),
    volumes: environment.volumes
      .filter(({ key, external }) => !external && volumes.has(key))
      .map(({ name, driver, driverOptions: options, labels }) => ({
        ...{ name, options, labels: { ...labels, ...ours } },
        ...given({ driver }),
      })),
  };
}
