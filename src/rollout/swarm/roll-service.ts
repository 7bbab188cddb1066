// One service of a run on its way forwards: changed, watched to its end, and what a failure is answered with.
import type { Context } from '../../core/context.ts';
import { isShipperError } from '../../core/errors.ts';
import type { ServiceSpec } from '../../engine/swarm.ts';
import type { SlotState } from '../rollout-types.ts';
import { createService, removeService, updateService } from './apply.ts';
import { converge, goalOf, knownTasks, verdictError } from './converge.ts';
import { isUnanswered } from './managers.ts';
import { labelled } from './spec.ts';
import type { SwarmTools } from './swarm-run-types.ts';
import type { SwarmTarget } from './swarm-targets.ts';
import { backwards, failureActionOf, type ServiceWork } from './works.ts';

/** How a run goes on after a service. */
export type AfterService =
  | 'done'
  /** It failed, and the others are to be tried all the same. */
  | 'continue'
  | 'rollback'
  | 'paused'
  | 'interrupted'
  | 'lock-lost';

/** What came of a service. */
export interface RolledService {
  readonly state: SlotState;
  readonly next: AfterService;
  /** Somebody else has it by now: it is left alone. */
  readonly isTheirs: boolean;
  readonly error?: unknown;
}

/** A run that a service is part of. */
export interface RollingRun {
  /** Ends early: the watching, not a change. */
  readonly ctx: Context;
  /** Goes to its end. */
  readonly inside: Context;
  readonly target: SwarmTarget;
  readonly tools: SwarmTools;
}

/** Does what is to be done with a service, and says how to go on. */
export async function rollService(run: RollingRun, work: ServiceWork): Promise<RolledService> {
  try {
    return await changeAndWatch(run, work);
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED') && run.ctx.signal.aborted) {
      return { state: 'interrupted', next: 'interrupted', isTheirs: false };
    }
    const isLost = isUnanswered(error);
    const isTheirs = isShipperError(error, 'CONFLICT');
    return {
      state: isLost ? 'unknown' : 'failed',
      next: afterError(run.target, work, error, isLost),
      isTheirs,
      error,
    };
  }
}

async function changeAndWatch(run: RollingRun, work: ServiceWork): Promise<RolledService> {
  const { ctx, inside, target, tools } = run;
  const { managers } = tools.apply;
  const known = await knownTasks(inside, managers, work.now?.id);
  const spec = await apply(run, work);
  const isApplied = work.kind !== 'keep';
  const done = (state: SlotState) => ({ state, next: 'done', isTheirs: false }) as const;
  if (spec === undefined) return done('stopped');
  const isWatched = isApplied || target.resumed !== undefined || target.watchesAll === true;
  if (!isWatched) return done('unchanged');
  const goal = goalOf(work.service, spec, known, tools.healthTimeoutMs);
  const verdict = await converge(ctx, managers, goal, work.name);
  if (verdict.kind === 'done') return done(isApplied ? 'updated' : 'unchanged');
  const error = await verdictError(inside, managers, goal, verdict);
  const isTheirs = verdict.kind === 'changed';
  return {
    state: verdict.kind === 'rolled-back' ? 'rolled-back' : 'failed',
    next: isTheirs ? 'paused' : answerOf(target, spec, verdict.kind !== 'failed'),
    isTheirs,
    error,
  };
}

/** Resolves with what the service was given; undefined where it was removed. */
async function apply(
  { inside, target, tools }: RollingRun,
  { kind, wanted, now }: ServiceWork,
): Promise<ServiceSpec | undefined> {
  if (kind === 'keep') return now?.spec;
  if (wanted === undefined) {
    if (now !== undefined) await removeService(inside, tools.apply, now);
    return undefined;
  }
  const made = labelled(tools.scope, wanted, target.release.id);
  const spec = target.isBack ? backwards(made) : made;
  if (now === undefined) await createService(inside, tools.apply, spec);
  else await updateService(inside, tools.apply, now, spec);
  return spec;
}

function afterError(
  target: SwarmTarget,
  { wanted }: ServiceWork,
  error: unknown,
  isLost: boolean,
): AfterService {
  if (isShipperError(error, 'LOCKED')) return 'lock-lost';
  if (isLost || wanted === undefined) return 'paused';
  return answerOf(target, wanted.spec, false);
}

/** What a failure of a service with `spec` is answered with. */
function answerOf(target: SwarmTarget, spec: ServiceSpec, isPutBack: boolean): AfterService {
  if (target.isBack) {
    return failureActionOf(backwards(spec)) === 'continue' ? 'continue' : 'paused';
  }
  // What the swarm began with one service is carried through with all.
  if (isPutBack) return 'rollback';
  const action = failureActionOf(spec);
  return action === 'continue' || action === 'rollback' ? action : 'paused';
}
