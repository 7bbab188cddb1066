// From how a run in a swarm went to its report: pure. The form is that of single hosts; a slot is a task's place, its host a node.

import { failureOf } from '../../core/errors.ts';
import { LABELS } from '../labels.ts';
import type { DeployScope } from '../release.ts';
import { frameOf, type ReportFacts } from '../rollout-report-of.ts';
import type { RolloutPlan, RolloutReport, SlotReport, SlotState } from '../rollout-types.ts';
import { isOf } from './judge.ts';
import { nodeNames, placedTasks, type SwarmView } from './look.ts';
import type { SwarmRunResult } from './swarm-run-types.ts';
import type { SwarmTarget } from './swarm-targets.ts';
import { imageOf, replicasOf, type ServiceWork } from './works.ts';

/** What a report is made from, beside the result. */
export interface SwarmReportFacts extends ReportFacts {
  /** What is there after it; undefined where the swarm does not answer any more. */
  readonly view: Omit<SwarmView, 'history'> | undefined;
}

/** The report of a run. */
export function swarmReportOf(
  target: SwarmTarget,
  { outcome, results, error }: SwarmRunResult,
  facts: SwarmReportFacts,
): RolloutReport {
  const { hosts, skipped } = facts;
  const { action, release, works } = target;
  const { head, tail } = frameOf({ action, release: release.id, outcome, error }, facts, false);
  return {
    ...head,
    hosts: [
      ...hosts.map(({ name }) => ({ host: name, state: 'reached' }) as const),
      ...skipped.map(
        ({ name, error: why }) =>
          ({ host: name, state: 'skipped', error: failureOf(why) }) as const,
      ),
    ],
    services: servicesOf(release),
    slots: works.flatMap((work) => slotsOf(work, results, facts)),
    ...tail,
  };
}

function servicesOf({ services }: SwarmTarget['release']) {
  return services.map(({ name, image }) => ({ name, image: image.name, digest: image.digest }));
}

function slotsOf(
  work: ServiceWork,
  results: SwarmRunResult['results'],
  { view }: SwarmReportFacts,
): readonly SlotReport[] {
  const { service, name, wanted } = work;
  const result = results.get(service);
  const state = result?.state ?? (work.kind === 'keep' ? 'unchanged' : 'not-started');
  const seconds = result?.seconds ?? 0;
  const failure = result?.error === undefined ? {} : { error: failureOf(result.error) };
  const now = view?.services.find(({ spec }) => spec.Name === name);
  const tasks = view?.tasks.filter(({ serviceId }) => serviceId === now?.id) ?? [];
  const placed = placedTasks(service, tasks, nodeNames(view?.nodes ?? []));
  // It is gone, or nobody knows.
  if (now === undefined || placed.length === 0) {
    const count = replicasOf(wanted?.spec ?? work.now?.spec ?? { Name: name, Labels: {} }) ?? 1;
    return Array.from({ length: count }, (_, index) => ({
      ...{ service, slot: index + 1, host: 'the swarm', state, seconds },
      ...(index === 0 ? failure : {}),
    }));
  }
  const goal = wanted && { taskHash: wanted.taskHash, image: imageOf(wanted.spec) };
  const release = now.spec.Labels[LABELS.release];
  const isOwn = { taskHash: '', image: imageOf(now.spec) };
  return placed.map(({ slot, host, task }, index): SlotReport => {
    const isNew = goal !== undefined && isOf(goal, task);
    const runs = task.image === isOwn.image && (state !== 'failed' || isNew) ? release : undefined;
    return {
      ...{ service, slot, host, state: stateOf(state, isNew, task.state), seconds },
      ...(runs === undefined ? {} : { runs }),
      ...(index === 0 ? failure : {}),
    };
  });
}

/** A service that failed on the way has tasks that did not. */
function stateOf(state: SlotState, isNew: boolean, task: string): SlotState {
  if (state !== 'failed' && state !== 'interrupted') return state;
  if (isNew && task === 'running') return 'updated';
  return isNew ? state : 'not-started';
}

const VERBS: Readonly<Record<ServiceWork['kind'], string>> = {
  create: 'create service',
  update: 'update service',
  remove: 'remove service',
  keep: 'keep',
};

/** What `target` would do if all went well. */
export function swarmPlanOf(
  scope: DeployScope,
  { action, release, works }: SwarmTarget,
  manager: string,
  notes: readonly string[],
): RolloutPlan {
  const networks = release.networks.map((network) => ({
    host: manager,
    kind: 'create network',
    what: network.name,
    cause: 'unless it is there',
  }));
  const batches = works
    .filter(({ kind }) => kind !== 'keep')
    .map(({ service, kind, name, cause }) => ({
      title: service,
      calls: [{ host: manager, slot: service, kind: VERBS[kind], what: name, cause }],
    }));
  return {
    schema: 1,
    project: scope.project,
    environment: scope.environment,
    action,
    release: release.id,
    services: servicesOf(release),
    batches:
      batches.length === 0 || networks.length === 0
        ? batches
        : [{ title: 'prepare', calls: networks }, ...batches],
    notes,
  };
}
