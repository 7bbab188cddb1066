// What runs in an environment, and what it ran, as text. Types only from the rollout.
import type { HistoryEntry, HistoryReport, StatusReport, StatusSlot } from '../rollout/status.ts';
import type { Colours } from './colours.ts';
import type { TextOptions } from './findings.ts';
import { type Align, formatMany, formatTable } from './format.ts';
import { nameOf } from './rollout-report.ts';
import { safe } from './text.ts';

/** Hex digits of a digest that tell one from another on a screen. */
const SHORT = 'sha256:'.length + 12;

/** The status as lines, each ended by a line feed: a table of slots, hosts that do not answer, what is half-way, who is at work. */
export function statusText(report: StatusReport, options: TextOptions): string {
  const { colours } = options;
  const lines = [
    headLine(report, colours),
    ...slotTable(report, options).map((line) => `  ${line}`),
    ...report.hosts.flatMap(({ host, error }) =>
      error === undefined
        ? []
        : [`${colours.red('no answer:')} ${colours.bold(safe(host))}: ${safe(error.message)}`],
    ),
    ...lockLines(report, colours),
    ...wayLines(report, colours),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function headLine(report: StatusReport, colours: Colours): string {
  const { project, environment, current, slots, isMixed } = report;
  const name = colours.bold(`${safe(project)}/${safe(environment)}`);
  if (current === undefined && slots.length === 0) return `${name}: nothing was rolled out yet`;
  const running = slots.filter(({ state, isCurrent }) => state === 'running' && isCurrent).length;
  const what = current === undefined ? 'no release was committed' : `release ${safe(current)}`;
  const count =
    slots.length === 0
      ? 'which has no slots'
      : `${running} of ${formatMany(slots.length, 'slot')} as it wants`;
  return `${name}: ${what}, ${isMixed ? colours.red(count) : count}`;
}

const ALIGNS: readonly Align[] = ['left', 'left', 'left', 'left', 'left', 'right', 'left', 'left'];

function slotTable({ slots, current }: StatusReport, { colours, verbose }: TextOptions): string[] {
  if (slots.length === 0) return [];
  const more = verbose ? ['container', 'started'] : [];
  const head = ['slot', 'host', 'state', 'health', 'release', 'restarts', ...more];
  const rows = slots.map((slot) => [
    colours.bold(safe(nameOf(slot))),
    safe(slot.host),
    slot.state === 'running' ? slot.state : colours.red(safe(slot.state)),
    healthText(slot, colours),
    releaseText(slot, current, colours),
    String(slot.restarts),
    ...(verbose ? [safe(slot.container ?? '-'), safe(slot.startedAt ?? '-')] : []),
  ]);
  return formatTable([head.map((word) => colours.dim(word)), ...rows], ALIGNS);
}

function healthText({ health }: StatusSlot, colours: Colours): string {
  if (health === undefined) return '-';
  return health === 'unhealthy' ? colours.red(health) : safe(health);
}

/** A container that an older release made and the current one runs as it is counts as current. */
function releaseText(
  { release, isCurrent }: StatusSlot,
  current: string | undefined,
  colours: Colours,
): string {
  if (release === undefined) return '-';
  if (isCurrent || current === undefined) return safe(release);
  return colours.yellow(`${safe(release)} (another)`);
}

function lockLines({ lock }: StatusReport, colours: Colours): string[] {
  if (lock === undefined) return [];
  const what = lock.release === undefined ? lock.action : `${lock.action} ${lock.release}`;
  const text = `${lock.by} since ${lock.since}, for ${what}`;
  return [`${colours.yellow('locked:')} ${safe(text)}`];
}

function wayLines({ unfinished, environment, lock }: StatusReport, colours: Colours): string[] {
  if (unfinished === undefined) return [];
  const { action, release, phase } = unfinished;
  const way = phase === 'rolling-back' ? 'on its way back' : 'half-way';
  const first = `${colours.yellow('half-way:')} ${safe(action)} of ${safe(release)} is ${way}`;
  if (lock !== undefined) return [first];
  const name = safe(environment);
  return [
    first,
    `  ${colours.dim('mend:')} shipper resume ${name}`,
    `  ${colours.dim('  or:')} shipper rollback ${name}`,
  ];
}

/** The history as lines, each ended by a line feed: releases, newest first; with `audit` the log, oldest first. */
export function historyText(
  { project, environment, releases, audit }: HistoryReport,
  { colours, verbose }: TextOptions,
  withAudit: boolean,
): string {
  const name = colours.bold(`${safe(project)}/${safe(environment)}`);
  const head = ['release', 'status', 'by', 'at', 'slots', 'services'];
  const aligns: readonly Align[] = ['left', 'left', 'left', 'left', 'right', 'left'];
  const table = formatTable(
    [
      head.map((word) => colours.dim(word)),
      ...releases.map((entry) => [
        colours.bold(safe(entry.id)),
        statusWord(entry, colours),
        safe(entry.by),
        safe(entry.at),
        String(entry.slots),
        entry.services.map((service) => safe(service.name)).join(', '),
      ]),
    ],
    aligns,
  );
  const digests = (entry: HistoryEntry) =>
    entry.services.map(
      (service) =>
        `  ${safe(entry.id)}  ${safe(service.name)}  ${safe(service.image)}  ${safe(service.digest).slice(0, verbose ? undefined : SHORT)}`,
    );
  const lines = [
    `${name}: ${formatMany(releases.length, 'release')}`,
    ...(releases.length === 0 ? [] : table.map((line) => `  ${line}`)),
    ...(verbose ? releases.flatMap(digests) : []),
    ...(withAudit ? auditLines(audit, colours) : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function statusWord({ status, isCurrent }: HistoryEntry, colours: Colours): string {
  if (isCurrent) return colours.green('runs');
  if (status === 'unfinished') return colours.yellow('half-way');
  return status === 'rolled-back' ? 'rolled back' : status;
}

function auditLines(audit: HistoryReport['audit'], colours: Colours): string[] {
  const rows = audit.map(({ at, by, action, release, outcome, detail }) => [
    safe(at),
    safe(by),
    safe(action),
    safe(release ?? '-'),
    safe(outcome),
    safe(detail ?? ''),
  ]);
  const head = ['at', 'by', 'action', 'release', 'outcome', 'detail'].map((word) =>
    colours.dim(word),
  );
  const aligns: readonly Align[] = ['left', 'left', 'left', 'left', 'left', 'left'];
  return formatTable([head, ...rows], aligns).map((line) => `  ${line}`);
}
