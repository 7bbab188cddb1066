// From a service of the configuration to how a rollout treats it: pure.
import type { ContainerChoice, ServiceChoice, UpdateChoice } from '../config/service-types.ts';
import { writesToHost } from './mounts.ts';
import type { ReleasedService } from './release.ts';
import type { UpdateOrder } from './slot-plan.ts';
import type { ServiceRules, StepRules } from './works.ts';

/** The rules of a service; `released` is what it is to run. */
export function serviceRules(
  { name, container, deploy }: ServiceChoice,
  released: ReleasedService | undefined,
): ServiceRules {
  return {
    name,
    released,
    mode: deploy.mode,
    replicas: deploy.replicas,
    update: stepRules(deploy.update, container),
    rollback: stepRules(deploy.rollback, container),
  };
}

function stepRules(update: UpdateChoice, container: ContainerChoice): StepRules {
  return {
    batch: { parallelism: update.parallelism, canary: update.canary },
    delayMs: update.delayMs,
    order: orderOf(update.order, container),
    monitorMs: update.monitorMs,
    failureAction: update.failureAction,
    maxFailureRatio: update.maxFailureRatio,
  };
}

/**
 * The order that is wanted, where it is possible: two containers cannot have one port or address of a host at once. Where nothing
 * is said, what is written to is given to one at a time, as are the ports of a host whose network is shared, and everything
 * else starts first.
 */
function orderOf(wanted: UpdateOrder | undefined, container: ContainerChoice): UpdateOrder {
  if (isFixed(container)) return 'stop-first';
  const isAlone = writesToHost(container) || container.networkMode === 'host';
  return wanted ?? (isAlone ? 'stop-first' : 'start-first');
}

/** Whether a host can only have one of its containers at a time. */
export function isFixed({ ports, networks, networkMode }: ContainerChoice): boolean {
  const hasPort = ports.some(({ published }) => isOnePort(published));
  const hasAddress = networks.some(
    (join) => join.ipv4Address ?? join.ipv6Address ?? join.macAddress,
  );
  return hasPort || hasAddress || (networkMode === 'host' && ports.length > 0);
}

/** `8080`, and also `8080-8080`; 0 is any. */
function isOnePort(published = ''): boolean {
  const [from = '', to = from] = published.split('-');
  return from === to && Number(from) > 0;
}

/** A sentence for each service that asks for start-first and cannot have it. */
export function orderNotes(services: readonly ServiceChoice[]): readonly string[] {
  return services.flatMap(({ name, container, deploy: { update, rollback } }) =>
    [update.order, rollback.order].includes('start-first') && isFixed(container)
      ? [`${name} stops first: a port or address of its host cannot be had twice`]
      : [],
  );
}

/** `services`, each behind those that it depends on; else in their own order. */
export function inOrder(services: readonly ServiceChoice[]): readonly ServiceChoice[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const done = new Set<ServiceChoice>();
  const visit = (service: ServiceChoice): void => {
    if (done.has(service)) return;
    for (const name of service.dependsOn) {
      const other = byName.get(name);
      // The configuration has no circles; one that is not in this run is not waited for.
      if (other !== undefined) visit(other);
    }
    done.add(service);
  };
  for (const service of services) visit(service);
  return [...done];
}
