// What `shipper prune`, `unlock` and `move` found and did, as text. Types only from the rollout.
import type { MoveReport } from '../rollout/move-types.ts';
import type { PrunedHost, PruneReport } from '../rollout/prune.ts';
import type { HostLock, LocksReport } from '../rollout/queries.ts';
import type { Colours } from './colours.ts';
import type { TextOptions } from './findings.ts';
import { formatBytes, formatMany, formatSeconds, formatTable } from './format.ts';
import { rolloutPlanText } from './rollout-plan.ts';
import { failureLines, rolloutText } from './rollout-report.ts';
import { safe } from './text.ts';

/** What was removed or would be, each with its cause, and how many bytes that is. */
export function pruneText(report: PruneReport, options: TextOptions): string {
  const { project, environment, isDryRun, hosts, bytes } = report;
  const { colours } = options;
  const count = hosts.reduce((sum, { removed }) => sum + removed.length, 0);
  const name = colours.bold(`${safe(project)}/${safe(environment)}`);
  const things = formatMany(count, 'thing');
  const size = formatBytes(bytes);
  const head = isDryRun
    ? `${name}: ${things} would go, up to ${size} (dry run, nothing is done)`
    : `${name}: ${things} removed, up to ${size}`;
  const lines = [
    count === 0 ? `${name}: nothing is to be removed` : head,
    ...hosts.flatMap((host) => prunedLines(host, options)),
    ...report.skipped.map(
      ({ host, error }) =>
        `${colours.yellow('left out:')} ${colours.bold(safe(host))}: ${safe(error.message)}`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function prunedLines(
  { host, removed, kept, bytes }: PrunedHost,
  { colours, verbose }: TextOptions,
): string[] {
  const rows = removed.map((item) => [
    item.kind,
    safe(item.name),
    item.bytes === 0 ? '-' : formatBytes(item.bytes),
    safe(item.cause),
  ]);
  const stays = verbose
    ? kept.map((item) => [item.kind, safe(item.name), 'kept', safe(item.cause)])
    : [];
  if (rows.length + stays.length === 0) return [];
  return [
    `${colours.bold(safe(host))}: up to ${formatBytes(bytes)}`,
    ...formatTable([...rows, ...stays], ['left', 'left', 'right', 'left']).map(
      (line) => `  ${line}`,
    ),
  ];
}

/** Who holds the lock of an environment, by host. */
export function locksText(
  { project, environment, locks, skipped }: LocksReport,
  colours: Colours,
): string {
  const name = colours.bold(`${safe(project)}/${safe(environment)}`);
  const lines = [
    locks.length === 0 ? `${name} is not locked` : `${name} is locked:`,
    ...locks.map((lock) => `  ${lockText(lock, colours)}`),
    ...skipped.map(
      ({ host, error }) => `${colours.red('no answer:')} ${safe(host)}: ${safe(error.message)}`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function lockText({ host, holder, isDead }: HostLock, colours: Colours): string {
  const { by, since, action, release } = holder;
  const what = release === undefined ? action : `${action} ${release}`;
  const life =
    isDead === undefined ? '' : isDead ? ', whose process is dead' : ', whose process lives';
  return `${colours.bold(safe(host))}: ${safe(by)} since ${safe(since)}, for ${safe(what)}${life}`;
}

/** Both halves of a move, and how it stands. */
export function moveText(report: MoveReport, options: TextOptions): string {
  const { from, to, services, seconds, plans, arrived, left } = report;
  const { colours } = options;
  const what = services.map(safe).join(', ');
  const way = `${colours.bold(safe(from))} to ${colours.bold(safe(to))}`;
  if (plans !== undefined) {
    const head = `Would move ${what} from ${way}\n`;
    return `${head}${rolloutPlanText(plans.to, options)}${rolloutPlanText(plans.from, options)}`;
  }
  if (services.length === 0) {
    return `${colours.bold(safe(from))} runs nothing that is to be moved\n`;
  }
  const parts = [arrived, left].map((half) =>
    half === undefined ? '' : rolloutText(half, options),
  );
  const state = MOVED[report.outcome];
  return `${parts.join('')}Move of ${what} from ${way}: ${state} after ${formatSeconds(seconds)}\n`;
}

/** The last lines of a move that did not end well: how it stands and what mends it. */
export function moveFailure(report: MoveReport, { colours, verbose }: TextOptions): string {
  const { outcome, from, to, services, mend, error } = report;
  if (outcome !== 'not-arrived' && outcome !== 'not-left') return '';
  const what = services.map(safe).join(', ');
  const lines = [
    ...(error === undefined ? [] : failureLines(from, error, { colours, verbose })),
    `${colours.red('shipper:')} Cannot move ${what} from ${safe(from)} to ${safe(to)}: ${MOVED[outcome]}`,
    ...mend.map((command, at) => `  ${colours.dim(at === 0 ? 'mend:' : '  or:')} ${safe(command)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const MOVED: Readonly<Record<MoveReport['outcome'], string>> = {
  done: 'done',
  unchanged: 'nothing to do',
  planned: 'planned',
  'not-arrived': 'they do not all run where they are to, and run where they ran',
  'not-left': 'they run where they are to, and some still where they ran',
};
