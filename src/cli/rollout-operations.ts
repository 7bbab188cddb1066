// The use cases about environments, loaded when one is run.
import type { Context } from '../core/context.ts';
import type { MoveReport, MoveRequest } from '../rollout/move-types.ts';
import type { PruneReport, PruneRequest } from '../rollout/prune.ts';
import type { LocksReport, UnlockRequest } from '../rollout/queries.ts';
import type {
  ChangeRequest,
  EnvironmentRequest,
  RollbackRequest,
  RolloutPlan,
  RolloutReport,
  RolloutRequest,
} from '../rollout/rollout-types.ts';
import type { HistoryReport, StatusReport } from '../rollout/status.ts';
import type { System } from '../system/system.ts';
import { VERSION } from './version.ts';

/** A use case: what is asked → what came of it. */
type UseCase<Request, Report> = (system: System, ctx: Context, request: Request) => Promise<Report>;

/** The use cases that commands about environments call. */
export interface RolloutOperations {
  readonly rolloutEnvironment: UseCase<RolloutRequest, RolloutReport>;
  readonly planRollout: UseCase<RolloutRequest, RolloutPlan>;
  readonly rollbackEnvironment: UseCase<RollbackRequest, RolloutReport>;
  readonly planRollback: UseCase<RollbackRequest, RolloutPlan>;
  readonly resumeEnvironment: UseCase<ChangeRequest, RolloutReport>;
  readonly planResume: UseCase<ChangeRequest, RolloutPlan>;
  readonly environmentStatus: UseCase<EnvironmentRequest, StatusReport>;
  readonly environmentHistory: UseCase<EnvironmentRequest, HistoryReport>;
  readonly environmentLocks: UseCase<EnvironmentRequest, LocksReport>;
  readonly unlockEnvironment: UseCase<UnlockRequest, LocksReport>;
  readonly pruneEnvironment: UseCase<PruneRequest, PruneReport>;
  readonly moveServices: UseCase<MoveRequest, MoveReport>;
}

type RolloutModule = typeof import('../rollout/rollout.ts');
type ChangeName =
  | 'rolloutEnvironment'
  | 'planRollout'
  | 'rollbackEnvironment'
  | 'planRollback'
  | 'resumeEnvironment'
  | 'planResume';

/** Loads a use case of `rollout.ts` with all that it works with. */
function lazy<Name extends ChangeName>(name: Name): RolloutOperations[Name] {
  const run = async (system: System, ctx: Context, request: RolloutRequest) => {
    const module: RolloutModule = await import('../rollout/rollout.ts');
    return module[name](system, ctx, request, await partsOf(system, request));
  };
  return run as RolloutOperations[Name];
}

async function partsOf(system: System, request: EnvironmentRequest) {
  const { realParts } = await import('../rollout/real-parts.ts');
  return realParts(system, VERSION, request);
}

/** The real ones. */
export const lazyRolloutOperations: RolloutOperations = {
  rolloutEnvironment: lazy('rolloutEnvironment'),
  planRollout: lazy('planRollout'),
  rollbackEnvironment: lazy('rollbackEnvironment'),
  planRollback: lazy('planRollback'),
  resumeEnvironment: lazy('resumeEnvironment'),
  planResume: lazy('planResume'),
  async environmentStatus(system, ctx, request) {
    const { environmentStatus } = await import('../rollout/queries.ts');
    return environmentStatus(system, ctx, request, await partsOf(system, request));
  },
  async environmentHistory(system, ctx, request) {
    const { environmentHistory } = await import('../rollout/queries.ts');
    return environmentHistory(system, ctx, request, await partsOf(system, request));
  },
  async environmentLocks(system, ctx, request) {
    const { environmentLocks } = await import('../rollout/queries.ts');
    return environmentLocks(system, ctx, request, await partsOf(system, request));
  },
  async unlockEnvironment(system, ctx, request) {
    const { unlockEnvironment } = await import('../rollout/queries.ts');
    return unlockEnvironment(system, ctx, request, await partsOf(system, request));
  },
  async pruneEnvironment(system, ctx, request) {
    const { pruneEnvironment } = await import('../rollout/prune.ts');
    return pruneEnvironment(system, ctx, request, await partsOf(system, request));
  },
  async moveServices(system, ctx, request) {
    const { moveServices } = await import('../rollout/move.ts');
    const { realParts } = await import('../rollout/real-parts.ts');
    return moveServices(system, ctx, request, (own) => realParts(system, VERSION, own));
  },
};
