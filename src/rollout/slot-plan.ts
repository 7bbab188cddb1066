// What to do next in one slot: pure, one Engine call at a time, from what is there now (orchestration 5.3). Whoever is killed
// between two calls, and whoever comes after him, sees the same table.
import { compareText } from '../core/sorted.ts';
import type { ContainerStatus, RestartPolicy } from '../engine/containers.ts';

/** One of our containers in a slot. */
export interface SlotContainer {
  readonly id: string;
  readonly name: string;
  /** The release that made it. */
  readonly release: string;
  readonly specHash: string;
  readonly status: ContainerStatus;
  /** As it is, and as it should be while the container serves. */
  readonly restartPolicy: RestartPolicy;
  readonly servingPolicy: RestartPolicy;
}

/** What a slot is to run: a container of this specification, or nothing. */
export type SlotGoal =
  | {
      readonly kind: 'run';
      readonly specHash: string;
      /** Names a container that has to be made. */
      readonly release: string;
    }
  | { readonly kind: 'none' };

/** Which stands first while the old container is replaced. */
export type UpdateOrder = 'start-first' | 'stop-first';

/** What this run knows of containers, by id, that no engine tells. */
export interface SlotMemory {
  /** They were started by this run. */
  readonly fresh: ReadonlySet<string>;
  /** They have passed the gate. */
  readonly passed: ReadonlySet<string>;
  /** Traffic was led to them. */
  readonly routed: ReadonlySet<string>;
  /** Traffic was led away from them. */
  readonly drained: ReadonlySet<string>;
}

/** Nothing is known yet. */
export const NO_MEMORY: SlotMemory = {
  fresh: new Set(),
  passed: new Set(),
  routed: new Set(),
  drained: new Set(),
};

/** How a slot is worked on. */
export interface SlotRules {
  readonly goal: SlotGoal;
  readonly order: UpdateOrder;
  /** The container of the goal is watched even where it ran before and is alone. */
  readonly isGated: boolean;
  /** Whether a container that does not serve any more is removed. Else it is kept, stopped, for a way back. */
  readonly isDiscarded: (container: SlotContainer) => boolean;
}

/** The next call. `cause` is for people. */
export type SlotStep =
  | { readonly kind: 'create'; readonly release: string; readonly cause: string }
  | {
      readonly kind:
        | 'revive'
        | 'start'
        | 'unpause'
        | 'route'
        | 'drain'
        | 'stop'
        | 'retire'
        | 'remove';
      readonly container: SlotContainer;
      readonly cause: string;
    }
  /** Nothing to do but to watch whether it works. */
  | { readonly kind: 'gate'; readonly container: SlotContainer; readonly cause: string }
  /** Nothing to do but to look again: the engine is at work. */
  | { readonly kind: 'wait'; readonly container: SlotContainer; readonly cause: string }
  | { readonly kind: 'done' };

/** The next step towards the goal. */
export function nextStep(
  containers: readonly SlotContainer[],
  rules: SlotRules,
  memory: SlotMemory,
): SlotStep {
  const leaving = containers.find(({ status }) => status === 'removing');
  if (leaving !== undefined) return step('wait', leaving, 'it is being removed');
  const broken = containers.find(({ status }) => status === 'dead');
  if (broken !== undefined) return step('remove', broken, 'the engine could not remove it before');
  const chosen = choose(containers, rules.goal, memory);
  const others = containers.filter((container) => container !== chosen);
  const serving = others.filter(isServing);
  if (rules.goal.kind === 'none') return retireNext(others, rules, memory) ?? { kind: 'done' };
  if (chosen === undefined) {
    const cause = containers.length === 0 ? 'the slot is empty' : 'none is of this specification';
    return { kind: 'create', release: rules.goal.release, cause };
  }
  if (!isServing(chosen)) {
    const [old] = rules.order === 'stop-first' ? serving : [];
    return old === undefined ? startStep(chosen) : stopStep(old, memory);
  }
  if (chosen.status === 'paused') return step('unpause', chosen, 'it is paused');
  const isOld = chosen.status === 'running' && !memory.fresh.has(chosen.id);
  const isSettled = isOld && !rules.isGated && serving.length === 0;
  if (!isSettled && !memory.passed.has(chosen.id)) {
    return step('gate', chosen, 'it must prove that it works');
  }
  if (!isSettled && !memory.routed.has(chosen.id)) {
    return step('route', chosen, 'it works and may be reached');
  }
  if (!samePolicy(chosen.restartPolicy, chosen.servingPolicy)) {
    return step('revive', chosen, 'it is to be restarted when it ends');
  }
  return retireNext(others, rules, memory) ?? { kind: 'done' };
}

/** Whether somebody is served while the slot is as it is: where it is safe to go away. */
export function isSafe(
  containers: readonly SlotContainer[],
  { goal }: SlotRules,
  { passed }: SlotMemory,
): boolean {
  return containers.some(
    (container) =>
      container.status === 'running' && (passed.has(container.id) || !isOf(container, goal)),
  );
}

/** Whether a container is of the goal. */
export function isOf({ specHash }: SlotContainer, goal: SlotGoal): boolean {
  return goal.kind === 'run' && specHash === goal.specHash;
}

/** Whether its process is there: it holds its ports and volumes. */
export function isServing({ status }: SlotContainer): boolean {
  return status === 'running' || status === 'restarting' || status === 'paused';
}

/** Of several of the right specification: one that has passed, else runs, else the oldest. */
function choose(
  containers: readonly SlotContainer[],
  goal: SlotGoal,
  { passed }: SlotMemory,
): SlotContainer | undefined {
  const rank = (container: SlotContainer) =>
    passed.has(container.id)
      ? 0
      : container.status === 'running'
        ? 1
        : isServing(container)
          ? 2
          : 3;
  const [best] = containers
    .filter((container) => isOf(container, goal))
    .sort((a, b) => rank(a) - rank(b) || compareText(a.release, b.release));
  return best;
}

/** Its restart policy first: one that stopped of itself right after would else never be restarted. */
function startStep(chosen: SlotContainer): SlotStep {
  if (!samePolicy(chosen.restartPolicy, chosen.servingPolicy)) {
    return step('revive', chosen, 'it is to be restarted when it ends');
  }
  return step('start', chosen, chosen.status === 'created' ? 'it was made' : 'it is to run again');
}

/** What is left to do with containers that are not to run: undefined when that is nothing. */
function retireNext(
  others: readonly SlotContainer[],
  rules: SlotRules,
  memory: SlotMemory,
): SlotStep | undefined {
  for (const other of others) {
    if (isServing(other)) return stopStep(other, memory);
    if (rules.isDiscarded(other)) return step('remove', other, 'it is of no more use');
    // A stopped container with another policy comes back with the daemon (moby daemon/daemon.go, restartmanager.go).
    if (other.restartPolicy.name !== 'no') {
      return step('retire', other, 'it must not come back with the daemon');
    }
  }
  return undefined;
}

function stopStep(old: SlotContainer, { drained }: SlotMemory): SlotStep {
  const cause = 'another takes its place';
  return drained.has(old.id) ? step('stop', old, cause) : step('drain', old, cause);
}

function step(
  kind: Exclude<SlotStep['kind'], 'create' | 'done'>,
  container: SlotContainer,
  cause: string,
): SlotStep {
  return { kind, container, cause };
}

function samePolicy(a: RestartPolicy, b: RestartPolicy): boolean {
  return a.name === b.name && a.maximumRetryCount === b.maximumRetryCount;
}
