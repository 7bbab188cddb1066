// What came of one call on many hosts: everything that worked beside everything that did not. Pure.
import { type Failure, failureOf, messageOf, ShipperError } from '../core/errors.ts';

/** What came of one host, or of one container on it. */
export type HostResult<T> = HostSuccess<T> | HostFailure;

/** It worked. */
export interface HostSuccess<T> {
  /** As it was called: `ssh://deploy@s1`. */
  readonly host: string;
  /** The container's name, where the result is that of one. */
  readonly container?: string;
  readonly ok: true;
  readonly value: T;
}

/** It did not. */
export interface HostFailure {
  readonly host: string;
  /** Absent where the host itself failed: nothing is known of its containers then. */
  readonly container?: string;
  readonly ok: false;
  readonly error: unknown;
}

/** A result as `--json` has it. */
export type ResultJson =
  | {
      readonly host: string;
      readonly container?: string;
      readonly ok: true;
      readonly value: unknown;
    }
  | {
      readonly host: string;
      readonly container?: string;
      readonly ok: false;
      readonly error: Failure;
    };

/** The results of all targeted hosts, in their order: a failure of one never hides what another did. */
export class GroupResult<T> implements Iterable<HostResult<T>> {
  readonly results: readonly HostResult<T>[];
  /** All hosts that were meant, in their order: also those where there was nothing to do. */
  readonly hosts: readonly string[];

  /** `hosts` by default are those of the results. */
  constructor(results: readonly HostResult<T>[], hosts?: readonly string[]) {
    this.results = results;
    this.hosts = hosts ?? [...new Set(results.map(({ host }) => host))];
  }

  [Symbol.iterator](): Iterator<HostResult<T>> {
    return this.results[Symbol.iterator]();
  }

  /** Whether nothing failed. True where there was nothing to do. */
  get ok(): boolean {
    return this.results.every(({ ok }) => ok);
  }

  /** Of all that worked. */
  get values(): readonly T[] {
    return this.results.flatMap((result) => (result.ok ? [result.value] : []));
  }

  get failures(): readonly HostFailure[] {
    return this.results.flatMap((result) => (result.ok ? [] : [result]));
  }

  /** What worked on `host`. */
  valuesOf(host: string): readonly T[] {
    return this.results.flatMap((each) => (each.ok && each.host === host ? [each.value] : []));
  }

  /** The same results with other values. */
  map<U>(change: (value: T, result: HostSuccess<T>) => U): GroupResult<U> {
    return new GroupResult(
      this.results.map((result) =>
        result.ok ? { ...result, value: change(result.value, result) } : result,
      ),
      this.hosts,
    );
  }

  /**
   * All values, where nothing failed. Else throws one error with a line of every failure: `PARTIAL` where something worked, the
   * code of the first failure where nothing did.
   */
  orThrow(): readonly T[] {
    const { failures, values } = this;
    const [first] = failures;
    if (first === undefined) return values;
    const known = first.error instanceof ShipperError ? first.error : undefined;
    const code = values.length > 0 ? 'PARTIAL' : (known?.code ?? 'BUG');
    const lines = failures.map((each) => `${placeOf(each)}: ${messageOf(each.error)}`);
    const count = `${failures.length} of ${this.results.length}`;
    throw new ShipperError(code, `Cannot do it everywhere, ${count} failed: ${lines.join('; ')}`, {
      ...known?.details,
      ...(known?.hint === undefined ? {} : { hint: known.hint }),
      cause: first.error,
    });
  }

  /** Plain values: errors as reports have them. */
  toJSON(): readonly ResultJson[] {
    return this.results.map((result) =>
      result.ok ? result : { ...result, error: failureOf(result.error) },
    );
  }
}

/** `ssh://s1`, or `shop-staging-api-1 on ssh://s1`: where a result comes from. */
export function placeOf({
  host,
  container,
}: {
  readonly host: string;
  readonly container?: string;
}): string {
  return container === undefined ? host : `${container} on ${host}`;
}
