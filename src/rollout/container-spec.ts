// From the words of Compose to the body of `POST /containers/create`, as `docker compose` makes it (compose
// pkg/compose/create.go). Pure. What a service does not say is left to the image and the engine.
import type { ContainerChoice, HealthcheckChoice, ServiceChoice } from '../config/service-types.ts';
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { ContainerSpec } from '../engine/containers.ts';
import { hostConfig } from './host-config.ts';
import { type JoinedNetworks, joinedNetworks, type NetworkNames } from './joined-networks.ts';
import { exposedPorts } from './port-bindings.ts';

/** What a specification is made from. */
export interface SpecChoice {
  readonly service: ServiceChoice;
  /** `repository@sha256:…`, or what else the container is created from. */
  readonly image: string;
  /** Of the environment files, and over them the service's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Names in the engine by key of `networks` and `volumes`. */
  readonly networks: NetworkNames;
  readonly volumes: ReadonlyMap<string, string>;
}

/** A container's specification, and what it joins later. */
export interface MadeSpec extends Pick<JoinedNetworks, 'moreNetworks'> {
  readonly spec: ContainerSpec;
}

/** Makes it. `UNSUPPORTED` for what an engine's API cannot say. */
export function containerSpec(choice: SpecChoice): MadeSpec {
  const { service, image, environment, networks } = choice;
  const { container } = service;
  requireOwnCommand(service.name, container);
  const joined = joinedNetworks(service.name, container, networks);
  const spec: ContainerSpec = {
    Image: image,
    ...own(service.name, container, environment),
    Labels: container.labels,
    HostConfig: { ...hostConfig(choice), ...joined.hostConfig },
    ...given({ NetworkingConfig: joined.networkingConfig }),
  };
  return { spec, moreNetworks: joined.moreNetworks };
}

/** What concerns the process: `ContainerConfig` of the API. */
function own(
  service: string,
  container: ContainerChoice,
  environment: Readonly<Record<string, string>>,
) {
  const { command, entrypoint, healthcheck, stopSignal, stopGracePeriodMs, tty, stdinOpen } =
    container;
  const { user, workingDir, hostname, domainname } = container;
  const ports = exposedPorts(service, container);
  return given({
    Cmd: command,
    Entrypoint: entrypoint,
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ExposedPorts: Object.keys(ports).length === 0 ? undefined : ports,
    Healthcheck: healthcheck === undefined ? undefined : healthcheckOf(healthcheck),
    StopSignal: stopSignal,
    StopTimeout: Math.ceil(stopGracePeriodMs / 1000),
    Tty: tty ? true : undefined,
    OpenStdin: stdinOpen ? true : undefined,
    User: user,
    WorkingDir: workingDir,
    Hostname: hostname,
    Domainname: domainname,
  });
}

/** An engine takes the image's command where it is told an empty one, unless the entry point is told as well. */
function requireOwnCommand(
  service: string,
  { command, entrypoint }: Pick<ContainerChoice, 'command' | 'entrypoint'>,
): void {
  if (command?.length !== 0 || (entrypoint ?? []).length > 0) return;
  const message = `Cannot clear the command of ${service}: an engine takes that of the image then`;
  const hint = 'write the entrypoint too, or leave the command out';
  throw new ShipperError('UNSUPPORTED', message, { hint });
}

/** A health check; nanoseconds, as the API counts them. */
export function healthcheckOf(healthcheck: HealthcheckChoice): Readonly<Record<string, unknown>> {
  const { test, intervalMs, timeoutMs, retries, startPeriodMs, startIntervalMs } = healthcheck;
  return given({
    Test: test,
    Interval: nanoseconds(intervalMs),
    Timeout: nanoseconds(timeoutMs),
    Retries: retries,
    StartPeriod: nanoseconds(startPeriodMs),
    StartInterval: nanoseconds(startIntervalMs),
  });
}

/** As the API counts. */
export function nanoseconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1e6);
}
