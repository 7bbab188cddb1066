// What runs of an environment in a swarm, and what the swarm remembers of it, in the form of single hosts: pure.
import { failureOf } from '../../core/errors.ts';
import type { SkippedHost } from '../fleet.ts';
import { LABELS } from '../labels.ts';
import type { LockHolder } from '../lock.ts';
import type { DeployScope } from '../release.ts';
import type { HistoryReport, StatusReport, StatusSlot } from '../status.ts';
import type { SwarmHistory } from './history.ts';
import { isOf } from './judge.ts';
import { nodeNames, placedTasks, type SwarmView } from './look.ts';
import { SWARM_LABELS } from './names.ts';
import { imageOf, replicasOf } from './works.ts';

/** The status of an environment. */
export function swarmStatusOf(
  scope: DeployScope,
  managers: readonly string[],
  skipped: readonly SkippedHost[],
  view: SwarmView,
  lock: LockHolder | undefined,
): StatusReport {
  const { current, run } = view.history;
  const slots = [...serviceNames(view)].sort().flatMap((service) => slotsOf(service, view));
  return {
    schema: 1,
    ...scope,
    ...(current === undefined ? {} : { current: current.id }),
    ...(run === undefined
      ? {}
      : { unfinished: { action: run.action, release: run.release, phase: run.phase } }),
    ...(lock === undefined ? {} : { lock }),
    isMixed: slots.some(({ isCurrent, state }) => !isCurrent || state !== 'running'),
    hosts: [
      ...managers.map((host) => ({ host })),
      ...skipped.map(({ name, error }) => ({ host: name, error: failureOf(error) })),
    ],
    slots,
  };
}

function serviceNames({ own, history }: SwarmView): ReadonlySet<string> {
  return new Set([
    ...own.map(({ spec }) => spec.Labels[LABELS.service] ?? spec.Name),
    ...(history.current?.services ?? []).map(({ name }) => name),
  ]);
}

function slotsOf(name: string, view: SwarmView): readonly StatusSlot[] {
  const { own, tasks, nodes, history } = view;
  const wanted = history.current?.services.find((each) => each.name === name);
  const now = own.find(({ spec }) => (spec.Labels[LABELS.service] ?? spec.Name) === name);
  const ofService = tasks.filter(({ serviceId }) => serviceId === now?.id);
  const placed = placedTasks(name, ofService, nodeNames(nodes));
  const goal = wanted && { taskHash: wanted.taskHash, image: imageOf(wanted.spec) };
  const shown = placed.map(({ slot, host, task }): StatusSlot => {
    const isOfNow = task.labels[SWARM_LABELS.taskHash] === taskHashOf(now);
    const release = isOfNow ? now?.spec.Labels[LABELS.release] : undefined;
    const before = ofService.filter(
      (each) => each.slot === task.slot && each.nodeId === task.nodeId && each.state === 'failed',
    );
    return {
      ...{ service: name, slot, host, state: task.state },
      ...(release === undefined ? {} : { release }),
      isCurrent: goal === undefined ? history.current === undefined : isOf(goal, task),
      ...(task.containerId === undefined ? {} : { container: task.containerId }),
      image: task.image,
      restarts: before.length,
      ...(task.state === 'running' ? { startedAt: task.at } : {}),
    };
  });
  const there = new Set(shown.map(({ slot }) => slot));
  const count = wanted === undefined ? 0 : (replicasOf(wanted.spec) ?? 0);
  const missing = Array.from({ length: count }, (_, index) => index + 1)
    .filter((slot) => !there.has(slot))
    .map((slot) => ({
      ...{ service: name, slot, host: 'no node', state: 'missing', isCurrent: false, restarts: 0 },
    }));
  return [...shown, ...missing];
}

function taskHashOf(now: SwarmView['own'][number] | undefined): string | undefined {
  const template = now?.spec['TaskTemplate'] as
    | { readonly ContainerSpec?: { readonly Labels?: Readonly<Record<string, string>> } }
    | undefined;
  return template?.ContainerSpec?.Labels?.[SWARM_LABELS.taskHash];
}

/** The history of an environment. */
export function swarmHistoryOf(
  scope: DeployScope,
  { releases, current }: SwarmHistory,
): HistoryReport {
  const audit = releases
    .flatMap((release) => release.audit)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return {
    schema: 1,
    ...scope,
    releases: [...releases].reverse().map(({ id, at, by, status, services }) => ({
      ...{ id, at, by, status, isCurrent: id === current?.id },
      services: services.map(({ name, image }) => ({
        name,
        image: image.name,
        digest: image.digest,
      })),
      slots: services.reduce((sum, { spec }) => sum + (replicasOf(spec) ?? 0), 0),
    })),
    audit,
  };
}
