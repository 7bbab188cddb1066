// What a rollout is asked and what it answers: plain values that the command line, `--json` and users of the library share.
// The report's form is versioned: see docs/rollout.md, "The report".
import type { Failure } from '../core/errors.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';

/** What every command about an environment takes. */
export interface EnvironmentRequest extends MediaOptions {
  readonly environment: string;
  /** The configuration; default as `loadProject` finds it. */
  readonly config?: string;
  /** Only these hosts: their addresses or parts of them, `*` and `?` as in a shell. Default all. */
  readonly hosts?: readonly string[];
  /** So many hosts may be out of reach: they are left out and named. Default 0. */
  readonly skipUnreachable?: number;
  /** How long a host may be out of reach, or not answer a call, before it is given up. Default 60,000. */
  readonly hostTimeoutMs?: number;
}

/** The default of `hostTimeoutMs`. */
export const HOST_TIMEOUT_MS = 60_000;

/** What every command takes that changes an environment. */
export interface ChangeRequest extends EnvironmentRequest {
  /** How long to wait for a lock that somebody else holds, in milliseconds. Default: `lock_timeout` of the environment. */
  readonly lockWaitMs?: number;
}

/** A rollout. Everything but the environment is optional. */
export interface RolloutRequest extends ChangeRequest {
  /** Default every service of the environment; what is not named stays as it is. */
  readonly services?: readonly string[];
  /** A report of `shipper ship`, whose digests are rolled out. Default: what the tags name now. */
  readonly report?: string;
  /** A release of the environment's history, to be rolled out again. */
  readonly version?: string;
  /** Begin although another release is half-way. Default false: that is refused. */
  readonly force?: boolean;
  /** A container has so long until it works, in milliseconds. Default: computed from its health check. */
  readonly healthTimeoutMs?: number;
}

/** A rollback. */
export interface RollbackRequest extends ChangeRequest {
  /** A release of the history. Default: undo what is half-way, else the newest older one that is complete everywhere. */
  readonly version?: string;
  readonly healthTimeoutMs?: number;
}

/** How a run ended. */
export type RolloutOutcome =
  /** Every slot runs what it should. */
  | 'done'
  /** It did already. */
  | 'unchanged'
  /** Nothing was changed. */
  | 'failed'
  /** Everything is as it was. */
  | 'rolled-back'
  /** Stopped half-way by a failure, as the configuration wants it. */
  | 'paused'
  /** Gone on after failures, as the configuration wants it. */
  | 'partial'
  /** Going back failed somewhere. */
  | 'rollback-paused'
  | 'interrupted'
  /** The lock was lost on the way. */
  | 'lock-lost';

/** How a slot ended. */
export type SlotState =
  | 'updated'
  /** It ran what it should. */
  | 'unchanged'
  /** It was not wanted any more. */
  | 'stopped'
  /** The new container did not work; what ran before runs. */
  | 'failed'
  /** It was updated, and what ran before runs again. */
  | 'rolled-back'
  /** Its host was lost on the way. */
  | 'unknown'
  /** Left half-way: what serves is named, if anything does. */
  | 'interrupted'
  | 'not-started'
  /** Its host was left out by permission. */
  | 'skipped';

/** The report of a run. JSON-able. */
export interface RolloutReport {
  /** Of this form; a reader refuses a higher one. */
  readonly schema: 1;
  readonly shipper: string;
  readonly project: string;
  readonly environment: string;
  readonly action: 'rollout' | 'rollback' | 'resume';
  /** The release that was rolled out, or back to. */
  readonly release: string;
  readonly outcome: RolloutOutcome;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly hosts: readonly HostReport[];
  readonly services: readonly ServiceReport[];
  /** By service, then slot. */
  readonly slots: readonly SlotReport[];
  /** What a person should know. Sentences. */
  readonly notes: readonly string[];
  /** The failure of the run itself, or the first of a slot. */
  readonly error?: RolloutFailure;
  /** Commands that mend what was left. */
  readonly mend: readonly string[];
}

/** One host. */
export interface HostReport {
  /** As the configuration has it. */
  readonly host: string;
  readonly state: 'reached' | 'skipped' | 'lost';
  readonly error?: RolloutFailure;
}

/** One service of the release. */
export interface ServiceReport {
  readonly name: string;
  readonly image: string;
  readonly digest: string;
}

/** One slot. */
export interface SlotReport {
  readonly service: string;
  readonly slot: number;
  readonly host: string;
  readonly state: SlotState;
  /** The release whose container runs there now, as far as it is known. */
  readonly runs?: string;
  readonly seconds: number;
  readonly error?: RolloutFailure;
}

/** Why something failed. */
export interface RolloutFailure extends Failure {}

/** What a run would do: single calls of engines, each with its cause. JSON-able. */
export interface RolloutPlan {
  readonly schema: 1;
  readonly project: string;
  readonly environment: string;
  readonly action: 'rollout' | 'rollback' | 'resume';
  readonly release: string;
  readonly services: readonly ServiceReport[];
  /** In batches: what is in one happens side by side. */
  readonly batches: readonly PlannedBatch[];
  readonly notes: readonly string[];
}

/** Calls that happen side by side, by slot. */
export interface PlannedBatch {
  /** `prepare`, `api 1/5`, `clean up`. */
  readonly title: string;
  readonly calls: readonly PlannedCall[];
}

/** One call. */
export interface PlannedCall {
  readonly host: string;
  /** Absent where it is about the host. */
  readonly slot?: string;
  /** `pull`, `create`, `start`, `gate`, `route`, `drain`, `stop`, `remove` … */
  readonly kind: string;
  /** What it is done to. */
  readonly what: string;
  readonly cause: string;
}
