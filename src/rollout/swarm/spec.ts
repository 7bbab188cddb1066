// From the words of Compose to the body of `POST /services/create`, as `docker stack deploy` makes it (docker/cli
// cli/compose/convert/service.go). Pure. What a swarm cannot do was refused before (`refusals.ts`).

import type { VolumeChoice } from '../../config/environment-types.ts';
import type {
  ContainerChoice,
  DeployChoice,
  ResourceLimits,
  ServiceChoice,
  UpdateChoice,
} from '../../config/service-types.ts';
import { given } from '../../core/given.ts';
import type { ServiceSpec } from '../../engine/swarm.ts';
import { healthcheckOf, nanoseconds } from '../container-spec.ts';
import { LABELS } from '../labels.ts';
import { writesToHost } from '../mounts.ts';
import type { DeployScope, ReleasedImage } from '../release.ts';
import { specHash } from '../spec-hash.ts';
import { SWARM_LABELS, scopeLabelsOf, serviceName } from './names.ts';
import { serviceMounts } from './service-mounts.ts';

/** What a specification is made from. */
export interface SwarmChoice {
  readonly scope: DeployScope;
  readonly service: ServiceChoice;
  readonly image: ReleasedImage;
  /** `NAME=value`, of the environment files and the service's own. */
  readonly environment: readonly string[];
  /** Names in the swarm by key. */
  readonly networks: ReadonlyMap<string, string>;
  readonly volumes: ReadonlyMap<string, VolumeChoice>;
}

/** A service of a release in a swarm. JSON-able. */
export interface ReleasedSwarmService {
  /** As the configuration has it. */
  readonly name: string;
  readonly image: ReleasedImage;
  /** Without what differs by release: see {@link labelled}. */
  readonly spec: ServiceSpec;
  /** Over all that it says. */
  readonly specHash: string;
  /** Over what would need other containers. */
  readonly taskHash: string;
}

/** Makes it. */
export function swarmService(choice: SwarmChoice): ReleasedSwarmService {
  const { scope, service, image } = choice;
  const { container, deploy } = service;
  const template = taskTemplate(choice);
  const order = orderOf(container);
  const spec: ServiceSpec = {
    Name: serviceName(scope, service.name),
    Labels: deploy.labels,
    TaskTemplate: template,
    Mode: deploy.mode === 'global' ? { Global: {} } : { Replicated: { Replicas: deploy.replicas } },
    UpdateConfig: updateConfig(deploy.update, deploy.replicas, order),
    RollbackConfig: updateConfig(deploy.rollback, deploy.replicas, order),
    EndpointSpec: endpointSpec(container, deploy),
  };
  // By its digest, wherever it is pulled from.
  const hashed = withImage(template, image.digest);
  return {
    name: service.name,
    image,
    spec,
    specHash: specHash({ ...spec, TaskTemplate: hashed }),
    taskHash: specHash(hashed),
  };
}

/** The specification with our labels: those of the service say what made it, those of its containers what they are. */
export function labelled(
  scope: DeployScope,
  { name, image, spec, specHash: hash, taskHash }: ReleasedSwarmService,
  release: string,
): ServiceSpec {
  const own: Readonly<Record<string, string>> = {
    ...scopeLabelsOf(scope),
    [LABELS.service]: name,
  };
  const { [LABELS.managed]: _, ...ofContainer } = own;
  const template = spec['TaskTemplate'] as Template;
  const labels = {
    ...template.ContainerSpec.Labels,
    ...ofContainer,
    [SWARM_LABELS.taskHash]: taskHash,
  };
  return {
    ...spec,
    Labels: {
      ...spec.Labels,
      ...own,
      [LABELS.release]: release,
      [LABELS.specHash]: hash,
      [LABELS.imageDigest]: image.digest,
    },
    TaskTemplate: { ...template, ContainerSpec: { ...template.ContainerSpec, Labels: labels } },
  };
}

interface Template {
  readonly ContainerSpec: Readonly<Record<string, unknown>> & {
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly [key: string]: unknown;
}

function taskTemplate(choice: SwarmChoice): Template {
  const { service } = choice;
  const { container, deploy } = service;
  const { logging } = container;
  return {
    ContainerSpec: containerSpec(choice),
    Resources: given({
      Limits: limits(deploy.resources.limits),
      Reservations: limits(deploy.resources.reservations),
    }),
    RestartPolicy: restartPolicy(container, deploy),
    Placement: placement(container, deploy),
    ...given({
      Networks: networks(choice),
      LogDriver:
        logging === undefined
          ? undefined
          : { Name: logging.driver ?? '', Options: logging.options },
    }),
  };
}

function withImage(template: Template, image: string): Template {
  return { ...template, ContainerSpec: { ...template.ContainerSpec, Image: image } };
}

function containerSpec({ service, image, environment, volumes }: SwarmChoice) {
  const { container } = service;
  const { dns, dnsSearch, dnsOptions, capAdd, capDrop, extraHosts, ulimits } = container;
  const { healthcheck, sysctls, groupAdd } = container;
  const resolver = given({
    Nameservers: some(dns),
    Search: some(dnsSearch),
    Options: some(dnsOptions),
  });
  return {
    Image: image.pinned ?? image.digest,
    Labels: container.labels,
    StopGracePeriod: nanoseconds(container.stopGracePeriodMs),
    ...given({
      Command: container.entrypoint,
      Args: container.command,
      Hostname: container.hostname,
      Env: some(environment),
      Dir: container.workingDir,
      User: container.user,
      Groups: some(groupAdd),
      Hosts: some(extraHosts.map(hostLine)),
      DNSConfig: Object.keys(resolver).length === 0 ? undefined : resolver,
      Healthcheck: healthcheck === undefined ? undefined : healthcheckOf(healthcheck),
      Mounts: some(serviceMounts(container, volumes)),
      StopSignal: container.stopSignal,
      TTY: container.tty ? true : undefined,
      OpenStdin: container.stdinOpen ? true : undefined,
      ReadOnly: container.readOnly ? true : undefined,
      Init: container.init,
      Sysctls: Object.keys(sysctls).length === 0 ? undefined : sysctls,
      CapabilityAdd: some(capAdd.map(capability)),
      CapabilityDrop: some(capDrop.map(capability)),
      Ulimits: some(
        ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      ),
    }),
  };
}

/** `host=address` as a swarm has it: a line of /etc/hosts. */
function hostLine(text: string): string {
  const at = text.indexOf('=');
  return `${text.slice(at + 1)} ${text.slice(0, at)}`;
}

/** A swarm takes no other form. */
function capability(text: string): string {
  const name = text.toUpperCase();
  return name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`;
}

function limits({ cpus, memoryBytes, pids }: ResourceLimits) {
  const all = given({
    NanoCPUs: cpus === undefined ? undefined : Math.round(cpus * 1e9),
    MemoryBytes: memoryBytes,
    Pids: pids,
  });
  return Object.keys(all).length === 0 ? undefined : all;
}

/** That of `deploy`, else what `restart` means in a swarm. */
function restartPolicy({ restart }: ContainerChoice, { restartPolicy: policy }: DeployChoice) {
  if (policy !== undefined) {
    return {
      Condition: policy.condition,
      ...given({
        Delay: nanoseconds(policy.delayMs),
        MaxAttempts: policy.maxAttempts,
        Window: nanoseconds(policy.windowMs),
      }),
    };
  }
  const [name, count] = restart.split(':');
  if (name === 'no') return { Condition: 'none' };
  if (name !== 'on-failure') return { Condition: 'any' };
  return {
    Condition: 'on-failure',
    ...given({ MaxAttempts: count === undefined ? undefined : Number(count) }),
  };
}

function placement({ platform }: ContainerChoice, deploy: DeployChoice) {
  const { constraints, spread, maxReplicasPerNode } = deploy.placement;
  const [os, architecture] = platform?.split('/') ?? [];
  const platforms = architecture === undefined ? [] : [{ OS: os, Architecture: architecture }];
  return given({
    Constraints: some(constraints),
    Preferences: some(spread.map((label) => ({ Spread: { SpreadDescriptor: label } }))),
    MaxReplicas: maxReplicasPerNode,
    Platforms: some(platforms),
  });
}

/** Every task answers to its service's name in networks of their own, as with Compose. */
function networks({ service, networks: names }: SwarmChoice) {
  const { networks: joins, networkMode } = service.container;
  if (joins.length === 0) return networkMode === undefined ? undefined : [{ Target: networkMode }];
  return [...joins]
    .sort((a, b) => b.priority - a.priority)
    .map(({ network, aliases }) => ({
      Target: names.get(network) ?? network,
      Aliases: [...new Set([service.name, ...aliases])],
    }));
}

function endpointSpec({ ports }: ContainerChoice, { endpointMode }: DeployChoice) {
  return {
    Mode: endpointMode,
    ...given({
      Ports: some(
        ports.map(({ target, published, protocol, mode }) => ({
          Protocol: protocol,
          TargetPort: target,
          PublishMode: mode,
          ...given({ PublishedPort: published === undefined ? undefined : Number(published) }),
        })),
      ),
    }),
  };
}

type Order = 'stop-first' | 'start-first';

/** As on single hosts: what only one can have stops first, whatever is wanted; what is written to does unless it is said. */
function orderOf(container: ContainerChoice): (wanted: Order | undefined) => Order {
  const { ports, networkMode } = container;
  const isFixed =
    ports.some(({ mode, published }) => mode === 'host' && published !== undefined) ||
    (networkMode === 'host' && ports.length > 0);
  const usual = writesToHost(container) ? 'stop-first' : 'start-first';
  return (wanted) => (isFixed ? 'stop-first' : (wanted ?? usual));
}

function updateConfig(
  update: UpdateChoice,
  replicas: number,
  order: (wanted: Order | undefined) => Order,
) {
  const { parallelism, delayMs, failureAction, monitorMs, maxFailureRatio } = update;
  return {
    Parallelism:
      typeof parallelism === 'number'
        ? parallelism
        : Math.max(1, Math.floor((replicas * parallelism.percent) / 100)),
    Delay: nanoseconds(delayMs),
    FailureAction: failureAction,
    Monitor: nanoseconds(monitorMs),
    MaxFailureRatio: maxFailureRatio,
    Order: order(update.order),
  };
}

function some<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}
