// What a rollout would do if every call went well: its slots are worked through on paper, by the same table. Pure.
import { batchesOf } from './batches.ts';
import { containerName, slotName } from './labels.ts';
import type { DeployScope } from './release.ts';
import type { RolloutTarget } from './rollout-run.ts';
import type { PlannedBatch, PlannedCall, RolloutPlan } from './rollout-types.ts';
import { nextStep, type SlotContainer, type SlotStep } from './slot-plan.ts';
import type { OwnContainer } from './slot-view.ts';
import type { SlotWork } from './works.ts';

/** The plan of `target`, whose works are `works`. */
export function planOf(
  scope: DeployScope,
  { action, record, services }: RolloutTarget,
  works: readonly SlotWork[],
  notes: readonly string[],
): RolloutPlan {
  const moving = works.filter(({ isSettled }) => !isSettled);
  const batches = [prepared(moving, record), ...rolled(scope, moving)];
  return {
    schema: 1,
    project: scope.project,
    environment: scope.environment,
    action,
    release: record.id,
    services: services.flatMap(({ released }) =>
      released === undefined
        ? []
        : [{ name: released.name, image: released.image.name, digest: released.image.digest }],
    ),
    batches: batches.filter(({ calls }) => calls.length > 0),
    notes,
  };
}

function prepared(works: readonly SlotWork[], record: RolloutTarget['record']): PlannedBatch {
  const hosts = [...new Set(works.map(({ host }) => host))];
  const calls = hosts.flatMap(({ name }): readonly PlannedCall[] => {
    const services = works.flatMap(({ host, rules, goal }) =>
      host.name === name && goal.kind === 'run' ? (rules.released ?? []) : [],
    );
    return [
      ...[...new Set(services)].map(({ name: service, image }) => ({
        host: name,
        kind: 'deliver',
        what: image.name,
        cause: `${service} runs there; nothing is done where it is`,
      })),
      ...record.networks.map((network) => ({
        host: name,
        kind: 'create network',
        what: network.name,
        cause: 'unless it is there',
      })),
      ...record.volumes.map((volume) => ({
        host: name,
        kind: 'create volume',
        what: volume.name,
        cause: 'unless it is there',
      })),
    ];
  });
  return { title: 'prepare', calls };
}

function rolled(scope: DeployScope, works: readonly SlotWork[]): readonly PlannedBatch[] {
  const names = [...new Set(works.map(({ service }) => service))];
  return names.flatMap((name) => {
    const own = works.filter(({ service }) => service === name);
    const rules = own[0]?.rules.update.batch ?? { parallelism: 1, canary: 0 };
    const batches = batchesOf(own, rules);
    return batches.map((batch, index) => ({
      title: batches.length === 1 ? name : `${name} ${index + 1}/${batches.length}`,
      calls: batch.flatMap((work) => callsOf(scope, work)),
    }));
  });
}

/** Many times what any slot needs. */
const MAX_CALLS = 50;

function callsOf(scope: DeployScope, work: SlotWork): readonly PlannedCall[] {
  const calls: PlannedCall[] = [];
  const rules = {
    goal: work.goal,
    order: work.rules.update.order,
    isGated: work.isGated,
    isDiscarded: () => false,
  };
  const fresh = new Set<string>();
  const passed = new Set<string>();
  const routed = new Set<string>();
  const drained = new Set<string>();
  const memory = { fresh, passed, routed, drained };
  let containers: readonly SlotContainer[] = work.now;
  for (let count = 0; count < MAX_CALLS; count += 1) {
    const step = nextStep(containers, rules, memory);
    if (step.kind === 'done') break;
    const name =
      step.kind === 'create' ? containerName(scope, work, step.release) : step.container.name;
    const { cause } = step;
    calls.push({ host: work.host.name, slot: slotName(work), kind: step.kind, what: name, cause });
    if (step.kind === 'start') fresh.add(step.container.id);
    if (step.kind === 'gate') passed.add(step.container.id);
    if (step.kind === 'route') routed.add(step.container.id);
    if (step.kind === 'drain') drained.add(step.container.id);
    containers = after(containers, step, work, name);
  }
  return calls;
}

/** The slot as it is when a step has gone well. */
function after(
  containers: readonly SlotContainer[],
  step: SlotStep,
  { goal }: SlotWork,
  name: string,
): readonly SlotContainer[] {
  if (step.kind === 'create') return [...containers, created(name, step.release, goal)];
  if (step.kind === 'done') return containers;
  const { id } = step.container;
  const change = (part: Partial<OwnContainer>) =>
    containers.map((each) => (each.id === id ? { ...each, ...part } : each));
  switch (step.kind) {
    case 'start':
    case 'unpause':
    case 'gate':
      return change({ status: 'running' });
    case 'stop':
      return change({ status: 'exited' });
    case 'retire':
      return change({ restartPolicy: { name: 'no', maximumRetryCount: 0 } });
    case 'revive':
      return change({ restartPolicy: step.container.servingPolicy });
    case 'remove':
    case 'wait':
      return containers.filter((each) => each.id !== id);
    case 'route':
    case 'drain':
      return containers;
  }
}

function created(name: string, release: string, goal: SlotWork['goal']): SlotContainer {
  const policy = { name: 'unless-stopped', maximumRetryCount: 0 } as const;
  return {
    id: name,
    name,
    release,
    specHash: goal.kind === 'run' ? goal.specHash : '',
    status: 'created',
    restartPolicy: policy,
    servingPolicy: policy,
  };
}
