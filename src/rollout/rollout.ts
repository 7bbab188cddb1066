// The use cases that change an environment: roll out, roll back, resume; and what each would do.
import { type Context, note } from '../core/context.ts';
import { messageOf, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { System } from '../system/system.ts';
import { cleanUp } from './clean-up.ts';
import { type Deployed, type Deployment, deploy, type Seen, see } from './deployment.ts';
import {
  isSwarm,
  type Opened,
  type RolloutParts,
  type Wanted,
  withEnvironment,
} from './environment.ts';
import { takeFleetLock } from './fleet-lock.ts';
import { newReleaseId } from './labels.ts';
import { noting } from './noting.ts';
import type { ReleasedImage } from './release.ts';
import { planOf } from './rollout-plan.ts';
import { reportOf } from './rollout-report-of.ts';
import { type RolloutTarget, worksOfTarget } from './rollout-run.ts';
import {
  type ChangeRequest,
  HOST_TIMEOUT_MS,
  type RollbackRequest,
  type RolloutPlan,
  type RolloutReport,
  type RolloutRequest,
} from './rollout-types.ts';
import {
  type Known,
  recordRules,
  releaseToGoBackTo,
  resumeTarget,
  rollbackTarget,
  rolloutTarget,
  undoTarget,
} from './targets.ts';

/** Chooses what is to be brought about once it is known what is there. */
export type Choice = (seen: Seen) => RolloutTarget;

/**
 * Rolls out the services of an environment and resolves with the report, also where slots failed: `outcome` says how it ended.
 * Rejects where nothing was changed: `BAD_CONFIG`, `USAGE`, `LOCKED`, `CONFLICT`, an image that is nowhere, hosts out of reach.
 */
export function rolloutEnvironment(
  system: System,
  ctx: Context,
  request: RolloutRequest,
  parts: RolloutParts,
): Promise<RolloutReport> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmRollout(ctx, opened, request);
    const choice = await rolloutChoice(ctx, opened, request);
    return changeEnvironment(ctx, opened, request, 'rollout', choice);
  });
}

/** What {@link rolloutEnvironment} would do. Changes nothing and takes no lock. */
export function planRollout(
  system: System,
  ctx: Context,
  request: RolloutRequest,
  parts: RolloutParts,
): Promise<RolloutPlan> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmPlan(ctx, opened, request);
    return planChange(ctx, opened, await rolloutChoice(ctx, opened, request));
  });
}

/** Undoes what is half-way, else goes back to an older release. As {@link rolloutEnvironment}. */
export function rollbackEnvironment(
  system: System,
  ctx: Context,
  request: RollbackRequest,
  parts: RolloutParts,
): Promise<RolloutReport> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmRollback(ctx, opened, request);
    return changeEnvironment(ctx, opened, request, 'rollback', rollbackChoice(opened, request));
  });
}

/** What {@link rollbackEnvironment} would do. */
export function planRollback(
  system: System,
  ctx: Context,
  request: RollbackRequest,
  parts: RolloutParts,
): Promise<RolloutPlan> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmPlanRollback(ctx, opened, request);
    return planChange(ctx, opened, rollbackChoice(opened, request));
  });
}

/** Goes on with what is half-way, else brings every slot to the release that runs. As {@link rolloutEnvironment}. */
export function resumeEnvironment(
  system: System,
  ctx: Context,
  request: ChangeRequest,
  parts: RolloutParts,
): Promise<RolloutReport> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmResume(ctx, opened, request);
    return changeEnvironment(ctx, opened, request, 'resume', resumeChoice(opened));
  });
}

/** What {@link resumeEnvironment} would do. */
export function planResume(
  system: System,
  ctx: Context,
  request: ChangeRequest,
  parts: RolloutParts,
): Promise<RolloutPlan> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmPlanResume(ctx, opened, request);
    return planChange(ctx, opened, resumeChoice(opened));
  });
}

/** Loaded by those who have one. */
function swarm(): Promise<typeof import('./swarm/swarm.ts')> {
  return import('./swarm/swarm.ts');
}

/** What a rollout is to bring about. `images` by service are taken as they are, instead of what tags or a report say. */
export async function rolloutChoice(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
  images?: ReadonlyMap<string, ReleasedImage>,
): Promise<Choice> {
  const { scope, system, by, parts } = opened;
  const { services = [], force = false, version, healthTimeoutMs } = request;
  const isWhole = services.length === 0;
  const wanted =
    version === undefined ? await parts.wanted(ctx, opened, request, images) : undefined;
  return (seen) => {
    const { rules, ...rest } = wantedOf(opened, wanted, { scope, ...seen }, version);
    const newest = seen.journal.releases.at(-1)?.id;
    const fresh = {
      id: newReleaseId(ctx.clock.now(), system.random(2), newest),
      at: new Date(ctx.clock.now()).toISOString(),
      by,
      ...rest,
    };
    const target = rolloutTarget({ scope, ...seen, rules }, fresh, isWhole, force);
    return { ...target, ...given({ healthTimeoutMs }) };
  };
}

/** What was resolved now, or what a release of the history was. */
function wantedOf(
  opened: Opened,
  wanted: Wanted | undefined,
  known: Omit<Known, 'rules'>,
  version: string | undefined,
) {
  if (wanted !== undefined) {
    const { services: rules, networks, volumes } = wanted;
    return { rules, networks, volumes };
  }
  const all = { ...known, rules: opened.parts.rules(opened) };
  const record = releaseToGoBackTo(all, version);
  return { rules: recordRules(all, record), networks: record.networks, volumes: record.volumes };
}

function rollbackChoice(opened: Opened, { version, healthTimeoutMs }: RollbackRequest): Choice {
  const { scope, parts } = opened;
  return (seen) => {
    const known = { scope, ...seen, rules: parts.rules(opened) };
    const undo = version === undefined ? undoTarget(known) : undefined;
    const target = undo ?? rollbackTarget(known, releaseToGoBackTo(known, version));
    return { ...target, ...given({ healthTimeoutMs }) };
  };
}

function resumeChoice(opened: Opened): Choice {
  const { scope, parts } = opened;
  return (seen) => {
    const target = resumeTarget({ scope, ...seen, rules: parts.rules(opened) });
    if (target !== undefined) return target;
    const message = `Cannot resume ${scope.environment}: nothing was ever rolled out there`;
    const hint = `shipper rollout ${scope.environment}`;
    throw new ShipperError('NOT_FOUND', message, { hint });
  };
}

/** What {@link changeEnvironment} would do. */
export async function planChange(
  ctx: Context,
  opened: Opened,
  choice: Choice,
): Promise<RolloutPlan> {
  const { scope, fleet } = opened;
  const { inside, notes } = noting(ctx);
  const seen = await see(inside, fleet.hosts, scope);
  const target = choice(seen);
  return planOf(scope, target, worksOfTarget(target, seen), notes);
}

/** Takes the lock, looks, and brings about what is chosen then. */
export async function changeEnvironment(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest,
  action: string,
  choice: Choice,
): Promise<RolloutReport> {
  const { system, scope, by, fleet, environment, parts } = opened;
  const { hosts, skipped } = fleet;
  const startedAt = new Date(ctx.clock.now()).toISOString();
  const startedMs = ctx.clock.monotonic();
  const { inside, notes } = noting(ctx);
  const waitMs = request.lockWaitMs ?? environment.lockTimeoutMs;
  await using lock = await takeFleetLock(inside, system, hosts, { scope, by, action, waitMs });
  for (const { host, holder } of lock.takenOver) {
    note(inside, 'warn', `The lock of ${holder.by} on ${host} was taken over: it is dead`);
  }
  await using images = parts.images(opened);
  const deployment: Deployment = {
    scope,
    by,
    hosts,
    skipped,
    images,
    hooks: parts.hooks(opened, lock.env),
    hostTimeoutMs: request.hostTimeoutMs ?? HOST_TIMEOUT_MS,
    checkLock: (own, host) => lock.check(own, host),
  };
  const deployed = await deploy(inside, deployment, choice);
  if (deployed.result.outcome === 'done') await clean(inside, opened, deployed);
  return reportOf(deployed.target, deployed.result, {
    shipper: parts.version,
    scope,
    hosts,
    skipped,
    startedAt,
    seconds: (ctx.clock.monotonic() - startedMs) / 1000,
    notes,
  });
}

/** What is left after a release is nobody's failure. */
async function clean(ctx: Context, opened: Opened, { tools }: Deployed): Promise<void> {
  try {
    await cleanUp(ctx, tools, opened.environment.retain);
  } catch (error) {
    note(ctx, 'warn', `Old releases were not removed: ${messageOf(error)}`);
  }
}
