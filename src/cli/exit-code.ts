// Error or result → exit code: the one table (`docs/`, "Exit codes").
import { constants } from 'node:os';
import { type ErrorCode, ShipperError } from '../core/errors.ts';
import type { FlattenReport, VerifyReport } from '../operations/flatten-types.ts';
import type { ShipReport } from '../pipeline/ship-types.ts';

/** Exit codes by meaning. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  policy: 4,
} as const;

const BY_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: EXIT.usage,
  BAD_CONFIG: EXIT.usage,
  BAD_REFERENCE: EXIT.usage,
  PARTIAL: EXIT.partial,
  POLICY: EXIT.policy,
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
