// One change of an environment on a swarm under its lock: look, choose what is to be brought about, do it, look again.
import { type Context, note } from '../../core/context.ts';
import { neverAborts } from '../../core/own-abort.ts';
import type { Opened } from '../environment.ts';
import { type FleetLock, type LockRequest, takeFleetLock } from '../fleet-lock.ts';
import type { LockHost } from '../lock.ts';
import { noting } from '../noting.ts';
import {
  type ChangeRequest,
  HOST_TIMEOUT_MS,
  type RolloutPlan,
  type RolloutReport,
  type RolloutRequest,
} from '../rollout-types.ts';
import type { ApplyTools } from './apply.ts';
import { configLocks } from './config-locks.ts';
import { HistoryKeeper } from './history.ts';
import { lookAt, lookAtTasks, type SwarmView } from './look.ts';
import { Managers } from './managers.ts';
import { swarmPlanOf, swarmReportOf } from './swarm-report.ts';
import { runSwarmRollout } from './swarm-run.ts';
import type { SwarmKnown, SwarmTarget } from './swarm-targets.ts';

/** Chooses what is to be brought about once it is known what is there. */
export type SwarmChoose = (known: SwarmKnown) => SwarmTarget;

/** The managers of an environment, which need not answer for the time-out of hosts. */
export function managersOf(
  { fleet }: Opened,
  { hostTimeoutMs = HOST_TIMEOUT_MS }: Pick<ChangeRequest, 'hostTimeoutMs'> = {},
): Managers {
  return new Managers(fleet.hosts, hostTimeoutMs);
}

/** Where the lock of an environment is: one for the whole swarm. */
export async function lockHostOf(ctx: Context, managers: Managers): Promise<LockHost> {
  const id = await managers.clusterId(ctx);
  const { engine } = managers.current;
  return { name: 'the swarm', id, engine, locks: configLocks(managers) };
}

/** The lock of an environment while it is held, and what may be written then. */
export interface HeldSwarm extends AsyncDisposable {
  /** For child programs. */
  readonly env: FleetLock['env'];
  readonly checkLock: (ctx: Context) => Promise<void>;
  readonly keeper: HistoryKeeper;
}

/** Takes the lock, and tells whose it was where that is dead. */
export async function lockSwarm(
  ctx: Context,
  { system, scope, by }: Opened,
  managers: Managers,
  request: Omit<LockRequest, 'scope' | 'by'>,
): Promise<HeldSwarm> {
  const lockHost = await lockHostOf(ctx, managers);
  const lock = await takeFleetLock(ctx, system, [lockHost], { scope, by, ...request });
  for (const { holder } of lock.takenOver) {
    note(ctx, 'warn', `The lock of ${holder.by} was taken over: it is dead`);
  }
  const checkLock = (own: Context) => lock.check(own, lockHost);
  return {
    env: lock.env,
    checkLock,
    keeper: new HistoryKeeper(managers, scope, checkLock),
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

/** What {@link changeSwarm} would do. Changes nothing and takes no lock. */
export async function planSwarm(
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
export async function changeSwarm(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest & Pick<RolloutRequest, 'healthTimeoutMs'>,
  action: string,
  choose: SwarmChoose,
): Promise<RolloutReport> {
  const { scope, by, fleet, environment, parts } = opened;
  const startedAt = new Date(ctx.clock.now()).toISOString();
  const startedMs = ctx.clock.monotonic();
  const { inside, notes } = noting(ctx);
  const managers = managersOf(opened, request);
  tellHooks(inside, opened);
  const waitMs = request.lockWaitMs ?? environment.lockTimeoutMs;
  await using held = await lockSwarm(inside, opened, managers, { action, waitMs });
  const { checkLock, keeper } = held;
  const apply: ApplyTools = {
    managers,
    checkLock,
    login: (own, image) => parts.login(own, image),
  };
  const view = await lookAt(inside, managers, scope);
  const target = choose(knownOf(opened, view));
  const result = await runSwarmRollout(inside, target, {
    ...{ scope, by, apply, history: view.history, retain: environment.retain },
    keeper,
    hooks: parts.hooks(opened, held.env),
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
    const free = { ...ctx, signal: neverAborts() };
    return await lookAtTasks(free, managers, scope);
  } catch {
    // The run's own failure says more.
    return undefined;
  }
}
