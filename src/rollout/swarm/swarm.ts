// The use cases that change an environment with `engine: swarm`: as those of single hosts (`rollout.ts`), which call these.
import type { Context } from '../../core/context.ts';
import type { Opened } from '../environment.ts';
import { newReleaseId } from '../labels.ts';
import type { NetworkSpecs, ReleasedImage } from '../release.ts';
import type {
  ChangeRequest,
  RollbackRequest,
  RolloutPlan,
  RolloutReport,
  RolloutRequest,
} from '../rollout-types.ts';
import { changeSwarm, planSwarm, type SwarmChoose } from './swarm-change.ts';
import {
  type FreshRelease,
  releaseOf,
  type SwarmKnown,
  swarmResumeTarget,
  swarmRollbackTarget,
  swarmRolloutTarget,
} from './swarm-targets.ts';
import { swarmWanted } from './swarm-wanted.ts';

/** Rolls out the services of `request`; see `rolloutEnvironment`. */
export async function swarmRollout(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
): Promise<RolloutReport> {
  return changeSwarm(ctx, opened, request, 'rollout', await rolloutChoice(ctx, opened, request));
}

/** What {@link swarmRollout} would do. Changes nothing and takes no lock. */
export async function swarmPlan(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
): Promise<RolloutPlan> {
  return planSwarm(ctx, opened, request, await rolloutChoice(ctx, opened, request));
}

/** Undoes what is half-way, else goes back to an older release. */
export function swarmRollback(
  ctx: Context,
  opened: Opened,
  request: RollbackRequest,
): Promise<RolloutReport> {
  const choose: SwarmChoose = (known) => swarmRollbackTarget(known, request.version);
  return changeSwarm(ctx, opened, request, 'rollback', choose);
}

/** What {@link swarmRollback} would do. */
export function swarmPlanRollback(
  ctx: Context,
  opened: Opened,
  request: RollbackRequest,
): Promise<RolloutPlan> {
  return planSwarm(ctx, opened, request, (known) => swarmRollbackTarget(known, request.version));
}

/** Goes on with what is half-way, else brings back what should run. */
export function swarmResume(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest,
): Promise<RolloutReport> {
  return changeSwarm(ctx, opened, request, 'resume', swarmResumeTarget);
}

/** What {@link swarmResume} would do. */
export function swarmPlanResume(
  ctx: Context,
  opened: Opened,
  request: ChangeRequest,
): Promise<RolloutPlan> {
  return planSwarm(ctx, opened, request, swarmResumeTarget);
}

/** What a rollout is to bring about. `images` by service are taken as they are. */
export async function rolloutChoice(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
  images?: ReadonlyMap<string, ReleasedImage>,
): Promise<SwarmChoose> {
  const { services = [], force = false, version } = request;
  const wanted =
    version === undefined ? await swarmWanted(ctx, opened, request, images) : undefined;
  return (known) => {
    const from = wanted ?? releaseOf(known, version);
    const asked = from.services.filter(
      ({ name }) => services.length === 0 || services.includes(name),
    );
    const fresh = freshRelease(ctx, opened, known, from.networks);
    return swarmRolloutTarget(known, fresh, asked, services.length === 0, force);
  };
}

/** A release that is made now. */
export function freshRelease(
  ctx: Context,
  { system, by }: Opened,
  { history }: SwarmKnown,
  networks: NetworkSpecs,
): FreshRelease {
  const newest = history.releases.at(-1)?.id;
  const id = newReleaseId(ctx.clock.now(), system.random(2), newest);
  return { id, at: new Date(ctx.clock.now()).toISOString(), by, networks };
}
