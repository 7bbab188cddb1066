// One of the two environments of a move: what runs there, and the rollouts that bring services there or take them away.
import type { Context } from '../core/context.ts';
import { see } from './deployment.ts';
import { isSwarm, type Opened } from './environment.ts';
import { recordIn } from './journal-changes.ts';
import { newReleaseId } from './labels.ts';
import { type Cargo, type Running, requireMoved, runningOf } from './move-cargo.ts';
import type { ReleasedImage } from './release.ts';
import { type Choice, changeEnvironment, planChange, rolloutChoice } from './rollout.ts';
import type { RolloutPlan, RolloutReport, RolloutRequest } from './rollout-types.ts';
import { leavingRules, rolloutTarget } from './targets.ts';

/** See the head of this file. */
export interface MoveSide {
  /** Undefined where nothing was ever rolled out. */
  running(): Promise<Running | undefined>;
  /** Brings the services of the request there, with these images by service. */
  arriving(images: ReadonlyMap<string, ReleasedImage>): Promise<HalfMove>;
  /** Takes the services away. */
  leaving(cargo: Cargo): HalfMove;
}

/** A rollout that is half of a move. */
export interface HalfMove {
  plan(): Promise<RolloutPlan>;
  carryOut(): Promise<RolloutReport>;
}

/** The side of an environment that was opened for `request`. */
export async function sideOf(
  ctx: Context,
  opened: Opened,
  request: RolloutRequest,
): Promise<MoveSide> {
  if (!isSwarm(opened)) return hostsSide(ctx, opened, request);
  const { swarmSide } = await import('./swarm/swarm-move.ts');
  return swarmSide(ctx, opened, request);
}

function hostsSide(ctx: Context, opened: Opened, request: RolloutRequest): MoveSide {
  const half = (choice: Choice): HalfMove => ({
    plan: () => planChange(ctx, opened, choice),
    carryOut: () => changeEnvironment(ctx, opened, request, 'move', choice),
  });
  return {
    async running() {
      const { journal } = await see(ctx, opened.fleet.hosts, opened.scope);
      const { releases, current, unfinished } = journal;
      return runningOf(releases, recordIn(journal, current), unfinished);
    },
    arriving: async (images) => half(await rolloutChoice(ctx, opened, request, images)),
    leaving: (cargo) => half(leavingChoice(ctx, opened, cargo)),
  };
}

/** None of the services is to run any more; what else runs stays. */
function leavingChoice(ctx: Context, opened: Opened, cargo: Cargo): Choice {
  const { scope, system, by, parts } = opened;
  return (seen) => {
    const { journal } = seen;
    requireMoved(journal.current, cargo, scope.environment);
    const current = recordIn(journal, journal.current);
    const configured = parts.rules(opened);
    const rules = cargo.services.map((name) => {
      const known = configured.find((each) => each.name === name);
      return known === undefined
        ? leavingRules(name)
        : { ...known, released: undefined, replicas: 0 };
    });
    const fresh = {
      id: newReleaseId(ctx.clock.now(), system.random(2), journal.releases.at(-1)?.id),
      at: new Date(ctx.clock.now()).toISOString(),
      by,
      networks: current?.networks ?? [],
      volumes: current?.volumes ?? [],
    };
    return rolloutTarget({ scope, ...seen, rules }, fresh, false, false);
  };
}
