// What a rollout did, as text. Types only from the rollout.
import type {
  RolloutFailure,
  RolloutOutcome,
  RolloutReport,
  SlotReport,
  SlotState,
} from '../rollout/rollout-types.ts';
import type { Colours } from './colours.ts';
import type { TextOptions } from './findings.ts';
import { type Align, formatMany, formatSeconds, formatTable } from './format.ts';
import { safe } from './text.ts';

/** Hex digits of a digest that tell one from another on a screen. */
const SHORT = 'sha256:'.length + 12;
/** More lines of a table are not read; `--verbose` has them all. */
const MOST_ROWS = 60;

/** The report as lines, each ended by a line feed: services, a table of slots, notes. */
export function rolloutText(report: RolloutReport, options: TextOptions): string {
  const { colours } = options;
  const lines = [
    headLine(report, options),
    ...serviceLines(report, options),
    ...slotTable(report, options).map((line) => `  ${line}`),
    ...report.notes.map((sentence) => `${colours.yellow('note:')} ${safe(sentence)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * Every failure with the last words of its container, what each host was left with, and last of all how it stands and which
 * command mends it. Nothing where all is done.
 */
export function rolloutFailures(report: RolloutReport, options: TextOptions): string {
  const { colours } = options;
  const { action, environment, outcome, mend } = report;
  const isDone = outcome === 'done' || outcome === 'unchanged';
  if (isDone && report.hosts.every(({ state }) => state === 'reached')) return '';
  const lines = [
    ...failuresOf(report).flatMap(({ place, error }) => failureLines(place, error, options)),
    ...(isDone ? [] : placeLines(report)),
    `${isDone ? colours.yellow('shipper:') : colours.red('shipper:')} ${
      isDone
        ? `${VERBS_DONE[action]} ${safe(environment)}`
        : `Cannot ${VERBS[action]} ${safe(environment)}`
    }: ${stateText(report)}`,
    ...mend.map((command, at) => `  ${colours.dim(at === 0 ? 'mend:' : '  or:')} ${safe(command)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const VERBS = { rollout: 'roll out', rollback: 'roll back', resume: 'resume' } as const;
const VERBS_DONE = { rollout: 'Rolled out', rollback: 'Rolled back', resume: 'Resumed' } as const;

/** How each outcome is called in the head of a report. */
const OUTCOMES: Readonly<Record<RolloutOutcome, string>> = {
  done: 'done',
  unchanged: 'nothing to do',
  failed: 'failed, and nothing was changed',
  'rolled-back': 'failed, and everything runs what it ran before',
  paused: 'STOPPED HALF-WAY',
  partial: 'PARTLY DONE',
  'rollback-paused': 'STOPPED ON THE WAY BACK',
  interrupted: 'interrupted',
  'lock-lost': 'STOPPED: THE LOCK WAS LOST',
};

const STATES: Readonly<Record<RolloutOutcome, string>> = {
  done: 'it is done',
  unchanged: 'there was nothing to do',
  failed: 'it failed, and nothing was changed',
  'rolled-back': 'it failed, and everything runs what it ran before',
  paused: 'it was stopped half-way by a failure',
  partial: 'some slots failed, and the others were updated',
  'rollback-paused': 'it was stopped on the way back by a failure',
  interrupted: 'it was stopped at a safe point',
  'lock-lost': 'it was stopped, as somebody else has the lock by now',
};

/** The outcome in a few words. */
export function outcomeText({ outcome, hosts }: RolloutReport): string {
  const skipped = hosts.filter(({ state }) => state === 'skipped').length;
  const rest = skipped === 0 ? '' : `, ${formatMany(skipped, 'host')} left out`;
  return `${OUTCOMES[outcome]}${rest}`;
}

function stateText(report: RolloutReport): string {
  const left = report.hosts
    .filter(({ state }) => state === 'skipped')
    .map(({ host }) => safe(host));
  const rest = left.length === 0 ? '' : `, without ${left.join(', ')}`;
  return `${STATES[report.outcome]}${rest}`;
}

function headLine(report: RolloutReport, { colours }: TextOptions): string {
  const { project, environment, action, release, outcome, seconds } = report;
  const words = outcomeText(report);
  const isDone = outcome === 'done' || outcome === 'unchanged';
  const verdict = isDone ? words : colours.red(words);
  const name = colours.bold(`${safe(project)}/${safe(environment)}`);
  return `${name}: ${action} of ${safe(release)}: ${verdict} after ${formatSeconds(seconds)}`;
}

function serviceLines({ services }: RolloutReport, { colours }: TextOptions): string[] {
  const rows = services.map(({ name, image, digest }) => [
    colours.bold(safe(name)),
    safe(image),
    safe(digest).slice(0, SHORT),
  ]);
  return formatTable(rows, ['left', 'left', 'left']).map((line) => `  ${line}`);
}

const ALIGNS: readonly Align[] = ['left', 'left', 'left', 'left', 'right'];

function slotTable({ slots }: RolloutReport, { colours, verbose }: TextOptions): string[] {
  if (slots.length === 0) return [];
  const shown = verbose ? slots : mostTelling(slots);
  const head = ['slot', 'host', 'state', 'runs', 'time'].map((word) => colours.dim(word));
  const rows = shown.map((slot) => [
    colours.bold(safe(nameOf(slot))),
    safe(slot.host),
    stateWord(slot.state, colours),
    safe(slot.runs ?? '-'),
    slot.seconds === 0 ? '-' : formatSeconds(slot.seconds),
  ]);
  const hidden = slots.length - shown.length;
  const rest = hidden === 0 ? [] : [colours.dim(`and ${hidden} more that went well`)];
  return [...formatTable([head, ...rows], ALIGNS), ...rest];
}

/** Where there are too many, those that went well are left out. */
function mostTelling(slots: readonly SlotReport[]): readonly SlotReport[] {
  if (slots.length <= MOST_ROWS) return slots;
  const isWell = ({ state }: SlotReport) => state === 'updated' || state === 'unchanged';
  return slots.filter((slot) => !isWell(slot));
}

const STATE_WORDS: Readonly<Record<SlotState, string>> = {
  updated: 'updated',
  unchanged: 'unchanged',
  stopped: 'stopped',
  failed: 'failed',
  'rolled-back': 'rolled back',
  unknown: 'unknown',
  interrupted: 'interrupted',
  'not-started': 'not started',
  skipped: 'left out',
};

function stateWord(state: SlotState, colours: Colours): string {
  const word = STATE_WORDS[state];
  if (state === 'failed' || state === 'unknown') return colours.red(word);
  return ['interrupted', 'not-started', 'skipped'].includes(state) ? colours.yellow(word) : word;
}

/** `api.3`, as people see a slot. */
export function nameOf({ service, slot }: Pick<SlotReport, 'service' | 'slot'>): string {
  return `${service}.${slot}`;
}

/** One failure and where it was. */
export interface PlacedFailure {
  /** `api.3 on ssh://s1`, a host, or empty for the run itself. */
  readonly place: string;
  readonly error: RolloutFailure;
}

/** Every failure once: of slots, of hosts, and of the run where that is another one. */
export function failuresOf({ slots, hosts, error }: RolloutReport): readonly PlacedFailure[] {
  const found: PlacedFailure[] = [
    ...slots.flatMap((slot) =>
      slot.error === undefined
        ? []
        : [{ place: `${nameOf(slot)} on ${slot.host}`, error: slot.error }],
    ),
    ...hosts.flatMap(({ host, error: own }) =>
      own === undefined ? [] : [{ place: host, error: own }],
    ),
  ];
  const all = error === undefined ? found : [...found, { place: '', error }];
  const told = new Set<string>();
  return all.filter(({ error: { message } }) => {
    const isNew = !told.has(message);
    told.add(message);
    return isNew;
  });
}

/** One failure with its log and its hint. */
export function failureLines(
  place: string,
  { message, log, hint }: RolloutFailure,
  { colours }: TextOptions,
): string[] {
  const where = place === '' ? '' : `${colours.bold(safe(place))}: `;
  return [
    `${colours.red('failed:')} ${where}${safe(message)}`,
    ...log.map((line) => `  ${colours.dim('|')} ${safe(line)}`),
    ...(hint === undefined ? [] : [`  ${colours.dim('hint:')} ${safe(hint)}`]),
  ];
}

/** States in which a host was left, where they are not what a run is for. */
const TOLD: readonly SlotState[] = [
  'failed',
  'rolled-back',
  'unknown',
  'interrupted',
  'not-started',
  'skipped',
  'updated',
];

/** `ssh://s1: api.1, api.2 updated; api.3 failed`, a line for each host. */
function placeLines({ slots }: RolloutReport): string[] {
  const hosts = [...new Set(slots.map(({ host }) => host))];
  return hosts.flatMap((host) => {
    const parts = TOLD.flatMap((state) => {
      const names = slots.filter((slot) => slot.host === host && slot.state === state).map(nameOf);
      return names.length === 0 ? [] : [`${names.map(safe).join(', ')} ${STATE_WORDS[state]}`];
    });
    return parts.length === 0 ? [] : [`  ${safe(host)}: ${parts.join('; ')}`];
  });
}
