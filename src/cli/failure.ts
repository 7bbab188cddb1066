// A failure as a person or a program reads it.
import { type ErrorCode, messageOf, type Problem, ShipperError } from '../core/errors.ts';
import { annotation, isGitHubActions } from '../report/ci.ts';
import { redact, safe, safeLines } from '../report/text.ts';
import type { System } from '../system/system.ts';
import type { Settings } from './settings.ts';

const BUG_HINT =
  'this is a mistake in shipper: run it again with --debug and report what it prints';

/** Tells `error` on stderr; with `--json` also as one object on stdout. */
export async function tellFailure(
  error: unknown,
  settings: Pick<Settings, 'json' | 'debug' | 'errColours'>,
  system: Pick<System, 'env' | 'stdio'>,
): Promise<void> {
  const { stdio } = system;
  stdio.writeErr(failureText(error, settings));
  if (isGitHubActions(system.env)) stdio.writeErr(annotations(error));
  if (settings.json) await stdio.writeOut(`${JSON.stringify({ error: failureValue(error) })}\n`);
}

/** `shipper: <message>`, `  | <line of a build's log>`, `  hint: <hint>`; with `--debug` the stacks of it and its causes. */
export function failureText(
  error: unknown,
  { debug, errColours }: Pick<Settings, 'debug' | 'errColours'>,
): string {
  const { message, hint, details } = failureValue(error);
  const lines = [`${errColours.red('shipper:')} ${safe(message)}`];
  const { problems = [], log = [] } = details;
  lines.push(...log.map((line) => `  ${errColours.dim('|')} ${safe(line)}`));
  if (problems.length > 1) lines.push(...problems.map(problemLine));
  else if (hint !== undefined) lines.push(`  ${errColours.dim('hint:')} ${safe(hint)}`);
  if (debug) lines.push(...stacks(error).map(safeLines));
  return `${lines.join('\n')}\n`;
}

/** `  shipper.yaml:3:5: what is wrong (how to mend it)`, which terminals and editors can follow. */
function problemLine({ file, line, column, message, hint }: Problem): string {
  const mend = hint === undefined ? '' : ` (${hint})`;
  return `  ${safe(`${file}:${line}:${column}: ${message}${mend}`)}`;
}

/** One annotation for a failure, or one at each place of a configuration. */
function annotations(error: unknown): string {
  const problems = error instanceof ShipperError ? (error.details.problems ?? []) : [];
  if (problems.length === 0) return annotation('error', messageOf(error), 'shipper');
  return problems
    .map((problem) => annotation('error', problem.message, 'shipper', problem))
    .join('');
}

/** A failure as `--json` has it. */
export interface FailureValue {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: ShipperError['details'];
}

/** What is told of `error`; anything that is not a ShipperError is a `BUG`. */
export function failureValue(error: unknown): FailureValue {
  if (error instanceof ShipperError) {
    const hint = error.hint ?? (error.code === 'BUG' ? BUG_HINT : undefined);
    const message = redact(withPlace(error));
    const { code, details } = error;
    return { code, message, hint: hint === undefined ? undefined : redact(hint), details };
  }
  const message = `Cannot go on: ${redact(messageOf(error))}`;
  // Code is loaded when it is needed, which takes a file as well.
  if (/\bE[MN]FILE\b/.test(message)) {
    return {
      code: 'IO',
      message,
      hint: 'raise the limit of open files: ulimit -n 1024',
      details: {},
    };
  }
  return { code: 'BUG', message, hint: BUG_HINT, details: {} };
}

/** The message, and image, layer, entry and offset as far as they are known and not in it. */
function withPlace({ message, details }: ShipperError): string {
  const { image, layer, entry, offset } = details;
  const places = [
    image === undefined || message.includes(image) ? undefined : `image ${image}`,
    layer === undefined || /\blayer \d/.test(message) ? undefined : `layer ${layer + 1}`,
    entry === undefined || message.includes(entry) ? undefined : `entry ${JSON.stringify(entry)}`,
    offset === undefined || message.includes(`${offset}`) ? undefined : `byte ${offset}`,
  ].filter((place) => place !== undefined);
  return places.length === 0 ? message : `${message} (${places.join(', ')})`;
}

function stacks(error: unknown): string[] {
  const found: string[] = [];
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; depth++) {
    found.push(`${depth === 0 ? '' : 'caused by: '}${cause.stack ?? messageOf(cause)}`);
    cause = cause.cause;
  }
  return found;
}
