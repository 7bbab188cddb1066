// A swarm as one of the two environments of a move. Services that leave are removed: their release has them no more, and a way back
// makes them again (decision 37).
import type { Context } from '../../core/context.ts';
import type { Opened } from '../environment.ts';
import { type Cargo, requireMoved, runningOf } from '../move-cargo.ts';
import type { HalfMove, MoveSide } from '../move-side.ts';
import type { RolloutRequest } from '../rollout-types.ts';
import { readHistory } from './history.ts';
import { freshRelease, rolloutChoice } from './swarm.ts';
import { changeSwarm, managersOf, planSwarm, type SwarmChoose } from './swarm-change.ts';
import { swarmLeavingTarget } from './swarm-targets.ts';

/** The side of an environment on a swarm. */
export function swarmSide(ctx: Context, opened: Opened, request: RolloutRequest): MoveSide {
  const half = (choose: SwarmChoose): HalfMove => ({
    plan: () => planSwarm(ctx, opened, request, choose),
    carryOut: () => changeSwarm(ctx, opened, request, 'move', choose),
  });
  return {
    async running() {
      const managers = managersOf(opened, request);
      const { releases, current, run } = await readHistory(ctx, managers, opened.scope);
      return runningOf(releases, current, run);
    },
    async arriving(images) {
      const choose = await rolloutChoice(ctx, opened, request, images);
      // What runs already must work too: the other side is stopped for it.
      return half((known) => ({ ...choose(known), watchesAll: true }));
    },
    leaving: (cargo) => half(leavingChoice(ctx, opened, cargo)),
  };
}

function leavingChoice(ctx: Context, opened: Opened, cargo: Cargo): SwarmChoose {
  return (known) => {
    const { current } = known.history;
    requireMoved(current?.id, cargo, opened.scope.environment);
    const fresh = freshRelease(ctx, opened, known, current?.networks ?? []);
    return swarmLeavingTarget(known, fresh, cargo.services);
  };
}
