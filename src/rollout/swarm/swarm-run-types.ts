// What a run in a swarm works with, and what comes of it.
import type { HookRunner } from '../parts.ts';
import type { DeployScope } from '../release.ts';
import type { RolloutOutcome, SlotState } from '../rollout-types.ts';
import type { ApplyTools } from './apply.ts';
import type { HistoryKeeper, SwarmHistory } from './history.ts';

/** What a run works with. */
export interface SwarmTools {
  readonly scope: DeployScope;
  readonly by: string;
  readonly apply: ApplyTools;
  readonly keeper: HistoryKeeper;
  readonly history: SwarmHistory;
  readonly hooks: HookRunner;
  /** Releases that are kept for a rollback. */
  readonly retain: number;
  readonly healthTimeoutMs: number | undefined;
}

/** How a service ended. */
export interface ServiceResult {
  readonly state: SlotState;
  readonly seconds: number;
  readonly error?: unknown;
}

/** What came of it. */
export interface SwarmRunResult {
  readonly outcome: RolloutOutcome;
  /** By service; those that are missing were not begun with. */
  readonly results: ReadonlyMap<string, ServiceResult>;
  readonly error?: unknown;
}
