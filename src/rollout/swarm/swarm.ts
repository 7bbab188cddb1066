// The use cases of an environment with `engine: swarm`: as those of single hosts (`rollout.ts`, `queries.ts`), which call these.
import { type Context, note } from '../../core/context.ts';
import type { Opened } from '../environment.ts';
import { takeFleetLock } from '../fleet-lock.ts';
import { newReleaseId } from '../labels.ts';
import { holderOf, type LockHost } from '../lock.ts';
import { noting } from '../noting.ts';
import type { ReleasedImage } from '../release.ts';
import type {
  ChangeRequest,
  RollbackRequest,
  RolloutPlan,
  RolloutReport,
  RolloutRequest,
} from '../rollout-types.ts';
import type { HistoryReport, StatusReport } from '../status.ts';
import type { ApplyTools } from './apply.ts';
import { configLocks } from './config-locks.ts';
import { HistoryKeeper, readHistory } from './history.ts';
import { lookAt, lookAtTasks, type SwarmView } from './look.ts';
import { Managers } from './managers.ts';
import { swarmPlanOf, swarmReportOf } from './swarm-report.ts';
import { runSwarmRollout } from './swarm-run.ts';
import { swarmHistoryOf, swarmStatusOf } from './swarm-status.ts';
import {
  releaseOf,
  type SwarmKnown,
  type SwarmTarget,
  swarmResumeTarget,
  swarmRollbackTarget,
  swarmRolloutTarget,
} from './swarm-targets.ts';
import { swarmWanted } from './swarm-wanted.ts';

/** Chooses what is to be brought about once it is known what is there. */
export type SwarmChoose = (known: SwarmKnown) => SwarmTarget;

const MANAGER_TIMEOUT_MS = 60_000;

/** Rolls out the services of `request`; see `rolloutEnvironment`. */
export async function swarmRollout(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
): Promise<RolloutReport> {
  return change(ctx, opened, request, 'rollout', await rolloutChoice(ctx, opened, request));
}

/** What {@link swarmRollout} would do. Changes nothing and takes no lock. */
export async function swarmPlan(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
): Promise<RolloutPlan> {
  return plan(ctx, opened, request, await rolloutChoice(ctx, opened, request));
}

/** Undoes what is half-way, else goes back to an older release. */
export function swarmRollback(
  ctx: Context,
  opened: Opened,
  request: RollbackRequest,
): Promise<RolloutReport> {
  const choose: SwarmChoose = (known) => swarmRollbackTarget(known, request.version);
  return change(ctx, opened, request, 'rollback', choose);
}

/** What {@link swarmRollback} would do. */
export function swarmPlanRollback(
  ctx: Context,
  opened: Opened,
  request: RollbackRequest,
): Promise<RolloutPlan> {
  return plan(ctx, opened, request, (known) => swarmRollbackTarget(known, request.version));
}

/** Goes on with what is half-way, else brings back what should run. */
export function swarmResume(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest,
): Promise<RolloutReport> {
  return change(ctx, opened, request, 'resume', swarmResumeTarget);
}

/** What {@link swarmResume} would do. */
export function swarmPlanResume(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest,
): Promise<RolloutPlan> {
  return plan(ctx, opened, request, swarmResumeTarget);
}

/** What runs in the environment. */
export async function swarmStatus(ctx: Context, opened: Opened): Promise<StatusReport> {
  const { scope, fleet } = opened;
  const managers = managersOf(opened, {});
  const view = await lookAt(ctx, managers, scope);
  const lock = await holderOf(ctx, await lockHostOf(ctx, managers), scope);
  const names = fleet.hosts.map(({ name }) => name);
  return swarmStatusOf(scope, names, fleet.skipped, view, lock);
}

/** The releases of the environment. */
export async function swarmHistory(ctx: Context, opened: Opened): Promise<HistoryReport> {
  const history = await readHistory(ctx, managersOf(opened, {}), opened.scope);
  return swarmHistoryOf(opened.scope, history);
}

/** Where the lock of the environment is: one for the whole swarm. */
export function swarmLockHost(ctx: Context, opened: Opened): Promise<LockHost> {
  return lockHostOf(ctx, managersOf(opened, {}));
}

function managersOf({ fleet }: Opened, { hostTimeoutMs }: Pick<ChangeRequest, 'hostTimeoutMs'>) {
  return new Managers(fleet.hosts, hostTimeoutMs ?? MANAGER_TIMEOUT_MS);
}

async function lockHostOf(ctx: Context, managers: Managers): Promise<LockHost> {
  const id = await managers.clusterId(ctx);
  const { engine } = managers.current;
  return { name: 'the swarm', id, engine, locks: configLocks(managers) };
}

/** What a rollout is to bring about. `images` by service are taken as they are. */
export async function rolloutChoice(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
  images?: ReadonlyMap<string, ReleasedImage>,
): Promise<SwarmChoose> {
  const { system, by } = opened;
  const { services = [], force = false, version } = request;
  const wanted =
    version === undefined ? await swarmWanted(ctx, opened, request, images) : undefined;
  return (known) => {
    const newest = known.history.releases.at(-1)?.id;
    const id = newReleaseId(ctx.clock.now(), system.random(2), newest);
    const fresh = { id, at: new Date(ctx.clock.now()).toISOString(), by };
    const from = wanted ?? releaseOf(known, version);
    const asked = from.services.filter(
      ({ name }) => services.length === 0 || services.includes(name),
    );
    const made = { ...fresh, networks: from.networks };
    return swarmRolloutTarget(known, made, asked, services.length === 0, force);
  };
}

async function plan(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest,
  choose: SwarmChoose,
): Promise<RolloutPlan> {
  const { inside, notes } = noting(ctx);
  const managers = managersOf(opened, request);
  tellHooks(inside, opened);
  const target = choose(knownOf(opened, await lookAt(inside, managers, opened.scope)));
  return swarmPlanOf(opened.scope, target, managers.current.name, notes);
}

function knownOf({ scope }: Opened, { history, services }: SwarmView): SwarmKnown {
  return { scope, history, present: services };
}

/** A swarm routes to its tasks by itself. */
function tellHooks(ctx: Context, { environment }: Opened): void {
  const { route, drain } = environment.hooks;
  if (route === undefined && drain === undefined) return;
  note(ctx, 'warn', 'The hooks route and drain are not run: a swarm leads to its tasks by itself');
}

/** Takes the lock, looks, and brings about what is chosen then. */
async function change(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest & Pick<RolloutRequest, 'healthTimeoutMs'>,
  action: string,
  choose: SwarmChoose,
): Promise<RolloutReport> {
  const { system, scope, by, fleet, environment, parts } = opened;
  const startedAt = new Date(ctx.clock.now()).toISOString();
  const startedMs = ctx.clock.monotonic();
  const { inside, notes } = noting(ctx);
  const managers = managersOf(opened, request);
  tellHooks(inside, opened);
  const lockHost = await lockHostOf(inside, managers);
  const waitMs = request.lockWaitMs ?? environment.lockTimeoutMs;
  const asked = { scope, by, action, waitMs };
  await using lock = await takeFleetLock(inside, system, [lockHost], asked);
  for (const { holder } of lock.takenOver) {
    note(inside, 'warn', `The lock of ${holder.by} was taken over: it is dead`);
  }
  const checkLock = (own: Context) => lock.check(own, lockHost);
  const apply: ApplyTools = {
    managers,
    checkLock,
    login: (own, image) => parts.login(own, image),
  };
  const view = await lookAt(inside, managers, scope);
  const target = choose(knownOf(opened, view));
  const result = await runSwarmRollout(inside, target, {
    ...{ scope, by, apply, history: view.history, retain: environment.retain },
    keeper: new HistoryKeeper(managers, scope, checkLock),
    hooks: parts.hooks(opened, lock.env),
    healthTimeoutMs: request.healthTimeoutMs,
  });
  const after = await lookAfter(inside, managers, opened);
  return swarmReportOf(target, result, {
    shipper: parts.version,
    scope,
    hosts: fleet.hosts,
    skipped: fleet.skipped,
    view: after,
    startedAt,
    seconds: (ctx.clock.monotonic() - startedMs) / 1000,
    notes,
  });
}

/** Not on the run's signal: it may have been cancelled, and how it left things is to be said all the same. */
async function lookAfter(ctx: Context, managers: Managers, { scope }: Opened) {
  try {
    const free = { ...ctx, signal: new AbortController().signal };
    return await lookAtTasks(free, managers, scope);
  } catch {
    // The run's own failure says more.
    return undefined;
  }
}
