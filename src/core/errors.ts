// The one error class of the project. Every refusal that a person may meet is a ShipperError with a stable code;
// misuse of the library is a TypeError or RangeError.

/** Stable names of everything that can go wrong; `docs/reference/errors.md` has a row for each. */
export const ERROR_CODES = {
  USAGE: 'The command line or the options contradict themselves or name something unknown',
  BAD_CONFIG: 'shipper.yaml, or a file that it includes, is wrong: exit code 2',
  BAD_REFERENCE: 'An image reference, digest or transport name does not parse',
  NOT_FOUND: 'The image, file or tag does not exist',
  AMBIGUOUS_IMAGE: 'The source holds several images or platforms and none was chosen',
  BAD_ARCHIVE: 'The archive or layout around the image is broken',
  BAD_IMAGE: 'The manifest, index or configuration of the image is broken or contradicts itself',
  BAD_LAYER: 'A layer tar is corrupt or breaks a rule of the image specification',
  BAD_COMPRESSION: 'A compressed stream is corrupt, truncated or not of a supported kind',
  DIGEST_MISMATCH: 'Bytes do not have the digest or size that the image claims',
  UNSAFE_ENTRY: 'A layer entry leaves the root of the image or cannot be placed in it',
  UNSUPPORTED: 'The input is well formed and of a kind that cannot be flattened, or built here',
  LIMIT_EXCEEDED: 'A size or count is over its cap',
  POLICY: 'A policy or gate is not met: exit code 4',
  SOURCE_CHANGED: 'A file changed or shrank while it was being read',
  NO_SPACE: 'The disk has not enough free space',
  IO: 'Reading or writing a file failed',
  OUTPUT_CONFLICT: 'Writing there would overwrite what was not named',
  PARTIAL: 'Some of several results are in place and the rest failed',
  CONFLICT: 'The name is in use, or what is there is not what it should be',
  LOCKED: 'Somebody else holds the lock of the environment, or it was lost: exit code 5',
  UNHEALTHY: 'A container that was started does not work',
  HOOK: 'A program of the configuration ended with another exit code than 0, or not in time',
  TASK: 'A task of a shipfile failed by itself: what it threw is in the message',
  ENGINE: 'The Docker Engine answered with an error or not as its API says',
  ENGINE_UNREACHABLE: 'No Docker Engine answers at the endpoint',
  BUILD: 'A step of a build failed, or the builder did',
  REGISTRY: 'The registry answered with an error or not as the distribution specification says',
  REGISTRY_UNREACHABLE: 'No registry answers there, or the connection to it broke',
  UNAUTHORIZED: 'The registry wants other credentials, or they may not do this',
  TIMEOUT: 'Nothing happened for longer than the limit',
  INTERRUPTED: 'A signal or the caller cancelled the run',
  BUG: 'A state that should be impossible',
} as const;

/** One of the keys of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** A place in a text file that a person wrote. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** One mistake in a file, and where. */
export interface Problem extends Place {
  /** What is wrong, without place or final dot. */
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
}

/** What an error is about, as far as it is known where it is thrown; printed by the CLI and part of `--json`. */
export interface ErrorDetails {
  /** The image as the user named it. */
  readonly image?: string;
  /** Zero-based position of the layer, base first. */
  readonly layer?: number;
  /** Path of the entry, printable. */
  readonly entry?: string;
  /** Offset in the uncompressed layer tar or archive, in bytes. */
  readonly offset?: number;
  readonly path?: string;
  readonly host?: string;
  /** HTTP status of a daemon or registry. */
  readonly status?: number;
  /** How long a registry asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The signal of an `INTERRUPTED`. */
  readonly interruptedBy?: string;
  /** The last lines of the log of a `BUILD`, secrets masked. */
  readonly log?: readonly string[];
  /** All that is wrong with the files of a `BAD_CONFIG`, in their order. */
  readonly problems?: readonly Problem[];
}

/** Options of a {@link ShipperError}. */
export interface ErrorOptions extends ErrorDetails {
  readonly cause?: unknown;
  /** One sentence that says how to mend it. */
  readonly hint?: string;
  /** Whether the same call may go through later; default false. */
  readonly retryable?: boolean;
}

const BRAND = Symbol.for('shipper.error');

/**
 * Every failure that shipper reports on purpose. Those of another copy of this package are instances too: a shipfile may import
 * one, and the program that runs it be another.
 */
export class ShipperError extends Error {
  override readonly name = 'ShipperError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    const { cause, hint, retryable, ...details } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    this.retryable = retryable ?? false;
    this.details = details;
    Object.defineProperty(this, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && BRAND in value;
  }
}

/** Narrows `error` to a ShipperError, of one code if that is given. */
export function isShipperError(error: unknown, code?: ErrorCode): error is ShipperError {
  return error instanceof ShipperError && (code === undefined || error.code === code);
}

/** An impossible state: the CLI says where to report it. */
export function bug(message: string): ShipperError {
  return new ShipperError('BUG', message);
}

/** The same failure, saying which results are in place already. A cancelled run stays a cancelled one. */
export function partial(error: unknown, done: readonly string[]): unknown {
  if (done.length === 0) return error;
  const glue = isShipperError(error, 'PARTIAL') ? ', ' : '; already written: ';
  const text = `${messageOf(error)}${glue}${done.join(', ')}`;
  const { hint, details = {} } = isShipperError(error) ? error : {};
  const code = isShipperError(error, 'INTERRUPTED') ? 'INTERRUPTED' : 'PARTIAL';
  return new ShipperError(code, text, {
    ...details,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same error with more context: details already there win, so that the innermost place is the one reported. */
export function withDetails(error: unknown, details: ErrorDetails): unknown {
  if (!(error instanceof ShipperError)) return error;
  const options = { ...details, ...error.details, cause: error.cause ?? error };
  return reworded(error, error.message, options);
}

/** The same error in other words. What `options` say counts more than what it says; it is the cause by default. */
export function reworded(
  error: ShipperError,
  message: string,
  options: ErrorOptions = {},
): ShipperError {
  return new ShipperError(error.code, message, {
    ...error.details,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: error.retryable,
    cause: error,
    ...options,
  });
}

/** A failure as reports have it. JSON-able. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  /** The last lines of the log of what failed. */
  readonly log: readonly string[];
}

/**
 * A failure as reports have it, with the lines that it brings along (of the step or container that failed), else `log`. What is
 * no ShipperError is a `BUG`.
 */
export function failureOf(error: unknown, log: readonly string[] = []): Failure {
  const message = messageOf(error);
  if (!(error instanceof ShipperError)) return { code: 'BUG', message, log };
  const { code, hint, details } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }), log: details.log ?? log };
}
