// How far a service has come, from what the swarm says of it: pure. A swarm waits for ever and calls a service that it rolled back
// a success of its own kind; here there is a deadline, and what runs is what counts.
import type { SwarmService, SwarmTask } from '../../engine/swarm.ts';
import { LABELS } from '../labels.ts';
import type { LookTime } from '../look-time.ts';
import { SWARM_LABELS } from './names.ts';

/** One look at a service. */
export interface Sample {
  /** Undefined: it is gone. */
  readonly service: SwarmService | undefined;
  readonly tasks: readonly SwarmTask[];
  readonly time: LookTime;
}

/** What a service is to come to. */
export interface Goal {
  readonly service: string;
  readonly specHash: string;
  readonly release: string;
  readonly taskHash: string;
  readonly image: string;
  /** How many tasks are to run; undefined: one on each node that fits. */
  readonly replicas: number | undefined;
  /** Tasks that end by themselves are done. */
  readonly isOneShot: boolean;
  readonly maxFailureRatio: number;
  /** How long tasks are watched that the swarm does not watch by itself: those of a service that it did not have. */
  readonly monitorMs: number;
  /** So long may nothing go on. */
  readonly limitMs: number;
  /** Tasks that were there before. */
  readonly known: ReadonlySet<string>;
}

/** What is remembered from one look to the next. */
export interface Watch {
  readonly progress: number;
  readonly progressMs: number;
  readonly settledMs: number | undefined;
}

/** What is to be thought of it. */
export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'waiting'; readonly text: string }
  /** Tasks do not work, or the swarm has given up. `isLate`: nothing went on for too long, and the swarm goes on trying. */
  | {
      readonly kind: 'failed';
      readonly text: string;
      readonly task?: SwarmTask;
      readonly isLate: boolean;
    }
  /** By the swarm itself. */
  | { readonly kind: 'rolled-back'; readonly text: string; readonly task?: SwarmTask }
  | { readonly kind: 'rollback-paused'; readonly text: string; readonly task?: SwarmTask }
  /** Somebody else changed or removed it. */
  | { readonly kind: 'changed'; readonly text: string };

/** Before the first look. */
export function startWatch(nowMs: number): Watch {
  return { progress: -1, progressMs: nowMs, settledMs: undefined };
}

/** Judges a look; the second is for the next. */
export function judge(sample: Sample, goal: Goal, watch: Watch): readonly [Verdict, Watch] {
  const { service, time } = sample;
  const view = viewOf(sample, goal);
  const next = {
    ...(view.progress > watch.progress
      ? { progress: view.progress, progressMs: time.answeredMs }
      : { progress: watch.progress, progressMs: watch.progressMs }),
    settledMs: view.isComplete ? (watch.settledMs ?? time.answeredMs) : undefined,
  };
  const early = ended(service, goal, view);
  if (early !== undefined) return [early, next];
  const state = service?.update?.state;
  const told = state === 'rollback_completed' ? 'completed' : state;
  return [running(told, sample, goal, view, next), next];
}

interface View {
  /** Tasks as they are to be, that run, or are done with their work. */
  readonly good: number;
  readonly wanted: number;
  readonly isComplete: boolean;
  /** All that run were there before. */
  readonly isOld: boolean;
  /** Rises while anything goes on. */
  readonly progress: number;
  /** New tasks that do not work, the last one last. */
  readonly failed: readonly SwarmTask[];
  /** Why tasks are not there, `api.2 is pending: no suitable node`. */
  readonly lacks: readonly string[];
}

const RANKS: readonly string[] = [
  ...['new', 'allocated', 'pending', 'assigned', 'accepted', 'preparing', 'ready', 'starting'],
  'running',
];

/** Whether a task is of what is to run, whatever became of it. */
export function isOf(
  { taskHash, image }: Pick<Goal, 'taskHash' | 'image'>,
  task: SwarmTask,
): boolean {
  return task.labels[SWARM_LABELS.taskHash] === taskHash && task.image === image;
}

function viewOf({ tasks }: Sample, goal: Goal): View {
  const ours = tasks.filter((task) => isOf(goal, task));
  const live = tasks.filter(({ desired }) => desired === 'running' || desired === 'ready');
  const good = ours.filter(
    ({ state, desired }) =>
      (state === 'running' && desired === 'running') || (goal.isOneShot && state === 'complete'),
  );
  const places = new Set(good.map(placeOf));
  const stray = live.filter((task) => !good.includes(task) && task.state !== 'complete');
  const wanted = goal.replicas ?? Math.max(1, new Set(live.map(placeOf)).size);
  const failed = ours
    .filter(({ id, state }) => !goal.known.has(id) && (state === 'failed' || state === 'rejected'))
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  const moving = ours.filter(({ desired }) => desired === 'running' || desired === 'ready');
  const old = live.length - live.filter((task) => isOf(goal, task)).length;
  return {
    good: places.size,
    wanted,
    isComplete:
      stray.length === 0 && (goal.isOneShot ? places.size >= wanted : places.size === wanted),
    isOld: good.every(({ id }) => goal.known.has(id)),
    progress:
      places.size * 100 -
      old * 100 +
      10_000 +
      moving.reduce((sum, { state }) => sum + Math.max(0, RANKS.indexOf(state)), 0),
    failed,
    lacks: moving
      .filter((task) => !good.includes(task))
      .map(
        (task) =>
          `${taskName(goal, task)} is ${task.state}${task.error === '' ? '' : `: ${task.error}`}`,
      ),
  };
}

function ended(service: SwarmService | undefined, goal: Goal, view: View): Verdict | undefined {
  if (service === undefined) return { kind: 'changed', text: 'somebody removed it meanwhile' };
  const { update, spec } = service;
  const task = view.failed.at(-1);
  const told = {
    text: whyOf(goal, task, update?.message),
    ...(task === undefined ? {} : { task }),
  };
  const isOurs =
    spec.Labels[LABELS.specHash] === goal.specHash && spec.Labels[LABELS.release] === goal.release;
  if (update?.state === 'rollback_paused') return { kind: 'rollback-paused', ...told };
  if (update?.state === 'rollback_started') return undefined;
  // Where that is what was wanted, it is as good as an update.
  if (update?.state === 'rollback_completed' && !isOurs) return { kind: 'rolled-back', ...told };
  if (!isOurs) return { kind: 'changed', text: 'somebody else updated it meanwhile' };
  if (update?.state === 'paused') return { kind: 'failed', isLate: false, ...told };
  return undefined;
}

function running(
  state: string | undefined,
  { time }: Sample,
  goal: Goal,
  view: View,
  watch: Watch,
): Verdict {
  const { good, wanted, isComplete, isOld, failed } = view;
  if (isComplete && state === 'completed') return { kind: 'done' };
  if (isComplete && isOld && state === undefined) return { kind: 'done' };
  if (state === undefined || state === 'completed') {
    const settledMs = watch.settledMs ?? time.answeredMs;
    if (isComplete && time.askedMs - settledMs >= goal.monitorMs) return { kind: 'done' };
    const places = new Set(failed.map(placeOf)).size;
    const task = failed.at(-1);
    // The swarm watches updates, but not what is new.
    if (task !== undefined && places / Math.max(1, wanted) > goal.maxFailureRatio) {
      return { kind: 'failed', isLate: false, text: whyOf(goal, task, undefined), task };
    }
  }
  const lacks = view.lacks.slice(0, 3).join('; ');
  const count = `${good} of ${wanted} run what they should${lacks === '' ? '' : ` (${lacks})`}`;
  if (time.askedMs - watch.progressMs < goal.limitMs) {
    const back = state === 'rollback_started' ? 'the swarm rolls it back, ' : '';
    return { kind: 'waiting', text: back + count };
  }
  const task = failed.at(-1);
  const late = `nothing went on for ${Math.round(goal.limitMs / 1000)} seconds: ${count}`;
  return {
    kind: 'failed',
    isLate: true,
    text: task === undefined ? late : `${late}; ${whyOf(goal, task, undefined)}`,
    ...(task === undefined ? {} : { task }),
  };
}

function whyOf(goal: Goal, task: SwarmTask | undefined, message: string | undefined): string {
  if (task === undefined) return message || 'the swarm does not say why';
  const why = task.error || `it ended with exit code ${task.exitCode ?? 'unknown'}`;
  return `${taskName(goal, task)} does not work: ${why}`;
}

/** `api.2`. */
export function taskName({ service }: Pick<Goal, 'service'>, { slot, nodeId }: SwarmTask): string {
  return `${service}.${slot > 0 ? slot : nodeId.slice(0, 12)}`;
}

/** Where a task stands: its slot, of a global service its node. */
export function placeOf({ slot, nodeId }: SwarmTask): string {
  return slot > 0 ? String(slot) : nodeId;
}
