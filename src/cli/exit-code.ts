// Error or result → exit code: the one table (`docs/`, "Exit codes").
import { constants } from 'node:os';
import { interruption } from '../core/context.ts';
import { type ErrorCode, ShipperError } from '../core/errors.ts';
import type { GroupResult } from '../fleet/group-result.ts';
import type { FlattenReport, VerifyReport } from '../operations/flatten-types.ts';
import type { ShipReport } from '../pipeline/ship-types.ts';
import type { MoveReport } from '../rollout/move-types.ts';
import type { RolloutReport } from '../rollout/rollout-types.ts';

/** Exit codes by meaning. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  policy: 4,
  locked: 5,
  skipped: 6,
} as const;

const BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: EXIT.usage,
  BAD_CONFIG: EXIT.usage,
  BAD_REFERENCE: EXIT.usage,
  PARTIAL: EXIT.partial,
  POLICY: EXIT.policy,
  LOCKED: EXIT.locked,
};

/** Codes that mean something else where `verify` could not compare: there 4 says that the images differ. */
const BY_CODE_IN_VERIFY: Readonly<Partial<Record<ErrorCode, number>>> = { USAGE: EXIT.usage };

/** The exit code of a failure in `verb`; anything that is not a ShipperError is 1. */
export function exitCodeOf(error: unknown, verb?: string): number {
  if (!(error instanceof ShipperError)) return EXIT.failed;
  if (error.code === 'INTERRUPTED') return exitCodeOfSignal(error.details.interruptedBy);
  const table = verb === 'verify' ? BY_CODE_IN_VERIFY : BY_CODE;
  return table[error.code] ?? EXIT.failed;
}

/** 128 and the signal's number, as shells have it; 1 where the signal is not known. */
export function exitCodeOfSignal(signal: string | undefined): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const number = signal === undefined ? undefined : numbers[signal];
  return number === undefined ? EXIT.failed : 128 + number;
}

/** 4 where `--verify` found the output not to be what was meant. */
export function exitCodeOfFlatten(report: FlattenReport): number {
  return report.verified === false ? EXIT.policy : EXIT.done;
}

/** 0 same, 4 different. */
export function exitCodeOfVerify(report: VerifyReport): number {
  return report.same ? EXIT.done : EXIT.policy;
}

/** 0 done, 3 partly published; else that of the failures where they have one in common, as 4 for a gate, and 1. */
export function exitCodeOfShip({ outcome, images, error }: ShipReport): number {
  if (outcome === 'done') return EXIT.done;
  if (outcome === 'partial') return EXIT.partial;
  const failed = images.flatMap(({ status, error: own }) =>
    status === 'failed' && own !== undefined ? [own.code] : [],
  );
  const codes = [...failed, ...(error === undefined ? [] : [error.code])];
  const exits = new Set(codes.map((code) => BY_CODE[code] ?? EXIT.failed));
  const [only] = exits;
  return exits.size === 1 && only !== undefined ? only : EXIT.failed;
}

/**
 * 0 done, 6 done except hosts that were left out by permission, 1 nothing was changed or all is as it was, 3 some slots have
 * changed and others not, 5 the lock was lost; of a run that a signal stopped that of the signal. `stop` is what stops the run.
 */
export function exitCodeOfRollout(report: RolloutReport, stop: AbortSignal): number {
  const { outcome, hosts, error } = report;
  switch (outcome) {
    case 'done':
    case 'unchanged':
      return hosts.some(({ state }) => state === 'skipped') ? EXIT.skipped : EXIT.done;
    case 'failed':
    case 'rolled-back':
      return error?.code === 'LOCKED' ? EXIT.locked : EXIT.failed;
    case 'lock-lost':
      return EXIT.locked;
    case 'paused':
    case 'partial':
    case 'rollback-paused':
      return EXIT.partial;
    case 'interrupted': {
      const reason = interruption(stop);
      if (reason.code === 'INTERRUPTED') return exitCodeOf(reason);
      // The time is over.
      return report.mend.length === 0 || !hasChanged(report) ? EXIT.failed : EXIT.partial;
    }
  }
}

function hasChanged({ slots }: RolloutReport): boolean {
  return slots.some(({ state }) => !['unchanged', 'not-started', 'skipped'].includes(state));
}

/** That of the rollout that did not end well; 3 where services run in both environments. */
export function exitCodeOfMove(report: MoveReport, stop: AbortSignal): number {
  const { outcome, arrived, left, error } = report;
  switch (outcome) {
    case 'unchanged':
    case 'planned':
      return EXIT.done;
    case 'done':
      return left === undefined ? EXIT.done : exitCodeOfRollout(left, stop);
    case 'not-arrived': {
      const code = arrived === undefined ? EXIT.failed : exitCodeOfRollout(arrived, stop);
      // Done but for hosts that were left out: what runs there runs in the other environment still.
      return code === EXIT.done ? EXIT.failed : code;
    }
    case 'not-left': {
      if (error?.code === 'INTERRUPTED') return exitCodeOf(interruption(stop));
      const code = left === undefined ? EXIT.partial : exitCodeOfRollout(left, stop);
      return code === EXIT.failed ? EXIT.partial : code;
    }
  }
}

/** Failures of hosts that do not answer. */
const OUT_OF_REACH: readonly ErrorCode[] = ['ENGINE_UNREACHABLE', 'TIMEOUT'];

/**
 * 0 all worked, also where there was nothing to do; 6 all but up to `skip` hosts that do not answer and may be left out; 3 some
 * did; 1 none did, or what the failures have in common, as 5 where all are locked.
 */
export function exitCodeOfGroup(result: GroupResult<unknown>, skip: number): number {
  const { failures, ok, values, hosts } = result;
  if (ok) return EXIT.done;
  const codes = failures.map(({ error }) => (error instanceof ShipperError ? error.code : 'BUG'));
  const failed = new Set(failures.map(({ host }) => host));
  const didSome = values.length > 0 || hosts.some((host) => !failed.has(host));
  const isAway = codes.every((code) => OUT_OF_REACH.includes(code));
  if (isAway && failed.size <= skip && didSome) return EXIT.skipped;
  if (didSome) return EXIT.partial;
  const exits = new Set(codes.map((code) => BY_CODE[code] ?? EXIT.failed));
  const [only] = exits;
  return exits.size === 1 && only !== undefined ? only : EXIT.failed;
}

/** That of the container where it is one; else 0 where all ended with 0, 3 where some did, 1 where none did. */
export function exitCodeOfContainers(ended: readonly { readonly exitCode: number }[]): number {
  const [only] = ended;
  if (only !== undefined && ended.length === 1) return only.exitCode;
  if (ended.every(({ exitCode }) => exitCode === 0)) return EXIT.done;
  return ended.some(({ exitCode }) => exitCode === 0) ? EXIT.partial : EXIT.failed;
}
