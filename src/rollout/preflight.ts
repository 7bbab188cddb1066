// What would make a rollout fail on a host, seen before anything is touched: pure (orchestration 5.7, faults D14, D15).
import { ShipperError } from '../core/errors.ts';
import type { ListedContainer } from '../engine/containers.ts';
import { beyondApi } from './api-fit.ts';
import { containerName, LABELS, readLabels, slotName } from './labels.ts';
import type { HostView } from './observe.ts';
import type { DeployScope, ReleasedService } from './release.ts';
import type { SlotWork } from './works.ts';

/** A port of a host that a service wants for itself. */
interface WantedPort {
  readonly hostIp: string;
  readonly published: number;
  readonly protocol: string;
}

/** All that stands in the way, one sentence each. */
export function obstacles(
  scope: DeployScope,
  views: readonly HostView[],
  works: readonly SlotWork[],
): readonly string[] {
  return views.flatMap((view) => {
    const own = works.filter(({ host, goal }) => host === view.host && goal.kind === 'run');
    return [
      ...tooOld(view, own),
      ...nameClashes(scope, view, own),
      ...portClashes(scope, view, own),
    ];
  });
}

/** Throws `CONFLICT` with all of {@link obstacles}. */
export function requireClear(
  scope: DeployScope,
  views: readonly HostView[],
  works: readonly SlotWork[],
): void {
  const found = obstacles(scope, views, works);
  if (found.length === 0) return;
  const message = `Cannot roll out ${scope.environment}, nothing was changed: ${found.join('; ')}`;
  throw new ShipperError('CONFLICT', message);
}

/** An engine would pass over what it does not know, and the container would not be what the configuration says. */
function tooOld({ host }: HostView, works: readonly SlotWork[]): readonly string[] {
  const { apiVersion, version } = host.facts;
  const found = works.flatMap(({ service, rules }) =>
    (rules.released === undefined ? [] : beyondApi(rules.released, apiVersion)).map(
      (what) => `${service}: ${what}, and ${host.name} has ${version}`,
    ),
  );
  return [...new Set(found)];
}

function nameClashes(
  scope: DeployScope,
  { host, containers }: HostView,
  works: readonly SlotWork[],
): readonly string[] {
  const names = new Map(containers.map((container) => [container.name, container]));
  return works.flatMap((work) => {
    if (work.goal.kind !== 'run') return [];
    const name = containerName(scope, work, work.goal.release);
    const found = names.get(name);
    if (found === undefined) return [];
    const own = readLabels(scope, found.labels);
    if (own?.service === work.service && own.slot === work.slot) return [];
    return [`${host.name} has a container ${name} that is not of this environment`];
  });
}

function portClashes(
  scope: DeployScope,
  { host, containers }: HostView,
  works: readonly SlotWork[],
): readonly string[] {
  const found: string[] = [];
  const taken: { readonly port: WantedPort; readonly by: string; readonly slot: string }[] = [];
  for (const work of works) {
    const { released } = work.rules;
    for (const port of released === undefined ? [] : fixedPorts(released)) {
      const slot = slotName(work);
      const text = `port ${port.published}/${port.protocol} of ${host.name}`;
      const other = taken.find((each) => each.slot !== slot && clash(each.port, port));
      if (other !== undefined) found.push(`${slot} wants ${text}, which ${other.by} wants too`);
      taken.push({ port, by: slot, slot });
      const holder = containers.find((each) => holds(each, port) && !leaves(scope, each, works));
      if (holder !== undefined) {
        found.push(`${slot} wants ${text}, which container ${holder.name} has`);
      }
    }
  }
  return found;
}

/** Ports that the specification fixes: single ones, not ranges that the engine chooses from. */
export function fixedPorts({ spec }: ReleasedService): readonly WantedPort[] {
  const host = spec['HostConfig'] as { readonly PortBindings?: RawBindings } | undefined;
  return Object.entries(host?.PortBindings ?? {}).flatMap(([target, bindings]) =>
    (bindings ?? []).flatMap(({ HostIp = '', HostPort = '' }) =>
      /^[1-9]\d*$/.test(HostPort)
        ? [{ hostIp: HostIp, published: Number(HostPort), protocol: target.split('/')[1] ?? 'tcp' }]
        : [],
    ),
  );
}

type RawBindings = Readonly<
  Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
>;

function holds({ ports, status }: ListedContainer, wanted: WantedPort): boolean {
  return status === 'running' && ports.some((port) => clash(port, wanted));
}

function clash(a: WantedPort, b: WantedPort): boolean {
  if (a.published !== b.published || a.protocol !== b.protocol) return false;
  return isAny(a.hostIp) || isAny(b.hostIp) || a.hostIp === b.hostIp;
}

function isAny(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::';
}

/** It is in a slot that is worked on: it goes before its port is wanted, or it is what is wanted. */
function leaves(
  scope: DeployScope,
  { labels }: ListedContainer,
  works: readonly SlotWork[],
): boolean {
  const own = readLabels(scope, labels);
  if (own === undefined || labels[LABELS.managed] === undefined) return false;
  return works.some(({ service, slot }) => service === own.service && slot === own.slot);
}
