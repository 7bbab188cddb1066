// The library's face for environments: one function per verb, as in `library.ts`. Their code is loaded by those who call them.
import {
  checkChange,
  checkEnvironment,
  checkMove,
  checkPrune,
  checkRollback,
  checkRollout,
  checkUnlock,
} from './arguments.ts';
import { lazyRolloutOperations } from './cli/rollout-operations.ts';
import { type LibraryOptions, prepare } from './library.ts';
import type { MoveReport, MoveRequest } from './rollout/move-types.ts';
import type { PruneReport, PruneRequest } from './rollout/prune.ts';
import type { LocksReport, UnlockRequest } from './rollout/queries.ts';
import type {
  ChangeRequest,
  EnvironmentRequest,
  RollbackRequest,
  RolloutPlan,
  RolloutReport,
  RolloutRequest,
} from './rollout/rollout-types.ts';
import type { HistoryReport, StatusReport } from './rollout/status.ts';

/**
 * Rolls out the services of an environment; see {@link RolloutRequest} and `docs/rollout.md`. Resolves with the report also where
 * slots failed or the run was cancelled: its `outcome` says how it ended, its `mend` what goes on. Rejects where nothing was
 * changed: `BAD_CONFIG`, `USAGE`, `LOCKED`, `PARTIAL` (another release is half-way), hosts out of reach, images that are nowhere.
 */
export async function rollout(
  request: RolloutRequest,
  options: LibraryOptions = {},
): Promise<RolloutReport> {
  checkRollout(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.rolloutEnvironment(system, ctx, request);
}

/** What {@link rollout} would do: it asks hosts and registries, changes nothing and takes no lock. */
export async function planRollout(
  request: RolloutRequest,
  options: LibraryOptions = {},
): Promise<RolloutPlan> {
  checkRollout(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.planRollout(system, ctx, request);
}

/** Undoes what is half-way, else goes back to an older release. As {@link rollout}. */
export async function rollback(
  request: RollbackRequest,
  options: LibraryOptions = {},
): Promise<RolloutReport> {
  checkRollback(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.rollbackEnvironment(system, ctx, request);
}

/** What {@link rollback} would do. */
export async function planRollback(
  request: RollbackRequest,
  options: LibraryOptions = {},
): Promise<RolloutPlan> {
  checkRollback(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.planRollback(system, ctx, request);
}

/** Goes on with what is half-way, else brings every slot to the release that runs. As {@link rollout}. */
export async function resume(
  request: ChangeRequest,
  options: LibraryOptions = {},
): Promise<RolloutReport> {
  checkChange(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.resumeEnvironment(system, ctx, request);
}

/** What {@link resume} would do. */
export async function planResume(
  request: ChangeRequest,
  options: LibraryOptions = {},
): Promise<RolloutPlan> {
  checkChange(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.planResume(system, ctx, request);
}

/** What runs in an environment, slot by slot. Hosts that do not answer are named in the report. */
export async function environmentStatus(
  request: EnvironmentRequest,
  options: LibraryOptions = {},
): Promise<StatusReport> {
  checkEnvironment(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.environmentStatus(system, ctx, request);
}

/** The releases of an environment, and who did what there. */
export async function environmentHistory(
  request: EnvironmentRequest,
  options: LibraryOptions = {},
): Promise<HistoryReport> {
  checkEnvironment(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.environmentHistory(system, ctx, request);
}

/** Who holds the lock of an environment, by host. */
export async function environmentLocks(
  request: EnvironmentRequest,
  options: LibraryOptions = {},
): Promise<LocksReport> {
  checkEnvironment(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.environmentLocks(system, ctx, request);
}

/** Removes the locks of the holders whose tokens are given, as {@link environmentLocks} has them; `LOCKED` for anybody else's. */
export async function unlockEnvironment(
  request: UnlockRequest,
  options: LibraryOptions = {},
): Promise<LocksReport> {
  checkUnlock(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.unlockEnvironment(system, ctx, request);
}

/** Removes what of an environment nobody needs any more, or tells what that is. */
export async function pruneEnvironment(
  request: PruneRequest,
  options: LibraryOptions = {},
): Promise<PruneReport> {
  checkPrune(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.pruneEnvironment(system, ctx, request);
}

/** Brings the digests of one environment up in another, and then down where they were. As {@link rollout}. */
export async function moveServices(
  request: MoveRequest,
  options: LibraryOptions = {},
): Promise<MoveReport> {
  checkMove(request, options);
  const { system, ctx } = prepare(options);
  return lazyRolloutOperations.moveServices(system, ctx, request);
}
