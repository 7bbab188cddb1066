// The ship of a task, watched: what failed on some hosts is never passed over in silence.
import { isShipperError } from '../core/errors.ts';

/** What came of one host, or of one container on it, of whichever copy of the package. */
export interface HostOutcome {
  readonly host: string;
  /** The container's name. */
  readonly container?: string;
  readonly ok: boolean;
  /** Where `ok`. */
  readonly value?: unknown;
  /** Where not. */
  readonly error?: unknown;
}

/** Results of several hosts, as far as the run of a task has to know them. */
export interface HostResults {
  readonly results: readonly HostOutcome[];
  readonly ok: boolean;
  orThrow(): unknown;
  toJSON(): unknown;
}

/** Whether `value` holds the results of hosts, of whichever copy of the package. */
export function isHostResults(value: unknown): value is HostResults {
  return (
    typeof value === 'object' &&
    value !== null &&
    'results' in value &&
    Array.isArray(value.results) &&
    'orThrow' in value &&
    typeof value.orThrow === 'function'
  );
}

/** What a run has seen of its hosts. */
export interface Seen {
  hasFailure: boolean;
  hasSuccess: boolean;
}

/**
 * `ship` with each result of hosts noted in `seen`. Without `keepsGoing` a call that failed on a host rejects with one error that names
 * every such host, once all hosts have ended: the task goes no further by default.
 */
export function watchedShip<Ship extends object>(
  ship: Ship,
  keepsGoing: boolean,
  seen: Seen,
): Ship {
  const check = (value: unknown): unknown => {
    if (!isHostResults(value)) return value;
    noteResults(value, seen);
    if (!keepsGoing && !value.ok) value.orThrow();
    return value;
  };
  const failed = (error: unknown): never => {
    if (!isShipperError(error, 'INTERRUPTED')) seen.hasFailure = true;
    throw error;
  };
  return new Proxy(ship, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || name === 'constructor') return member;
      return (...args: readonly unknown[]): unknown => {
        const value: unknown = Reflect.apply(member, target, args);
        return value instanceof Promise ? value.then(check, failed) : value;
      };
    },
  });
}

/** Notes whether there was a failure, and a success. */
export function noteResults({ results }: HostResults, seen: Seen): void {
  for (const { ok } of results) {
    if (ok) seen.hasSuccess = true;
    else seen.hasFailure = true;
  }
}
