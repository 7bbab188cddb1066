// What `shipper move` is asked and what it answers: plain values.
import type { ChangeRequest, RolloutFailure, RolloutPlan, RolloutReport } from './rollout-types.ts';

/** A move. `hosts` chooses among the hosts of both environments and is therefore not taken. */
export interface MoveRequest extends Omit<ChangeRequest, 'environment' | 'hosts'> {
  /** The environment that runs the services now. */
  readonly from: string;
  /** The environment that is to run them. Its configuration has to have them. */
  readonly to: string;
  /** Default every service that `from` runs. */
  readonly services?: readonly string[];
  /** A container has so long until it works, in milliseconds. Default: computed from its health check. */
  readonly healthTimeoutMs?: number;
  /** Only tells what would be done: no lock is taken. */
  readonly dryRun?: boolean;
}

/** What came of it. JSON-able. */
export interface MoveReport {
  readonly schema: 1;
  readonly shipper: string;
  readonly project: string;
  readonly from: string;
  readonly to: string;
  readonly services: readonly string[];
  readonly outcome: MoveOutcome;
  readonly seconds: number;
  /** With `dryRun`: what would be done in each. */
  readonly plans?: { readonly to: RolloutPlan; readonly from: RolloutPlan };
  /** The rollout in `to`. Absent for a dry run, and where `from` runs none of the services. */
  readonly arrived?: RolloutReport;
  /** The rollout in `from` whose goal is that none of the services runs. Absent where it never began: nothing was touched. */
  readonly left?: RolloutReport;
  /** Why the rollout in `from` never began, although the services run in `to`. */
  readonly error?: RolloutFailure;
  /** Commands that mend what was left. */
  readonly mend: readonly string[];
}

/** How a move ended. */
export type MoveOutcome =
  /** The services run in `to`, and not in `from`. */
  | 'done'
  /** They did already. */
  | 'unchanged'
  | 'planned'
  /** They do not all run in `to`; `from` was not touched. What became of `to` says its own report. */
  | 'not-arrived'
  /** They run in `to`, and some of them still in `from`. */
  | 'not-left';
