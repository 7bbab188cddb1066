// What fleet commands found and did, as text: lines that are printed as they come. Types only from the fleet.

import type { Failure } from '../core/errors.ts';
import type { Acted } from '../fleet/acts.ts';
import type { Ensured } from '../fleet/ensure.ts';
import type { FleetContainer } from '../fleet/fleet-container.ts';
import type { HostFailure } from '../fleet/group-result.ts';
import type { WatchEvent } from '../fleet/watch.ts';
import type { Colours } from './colours.ts';
import type { TextOptions } from './findings.ts';
import { type Align, displayWidth, formatMany, formatSeconds, formatTable } from './format.ts';
import { failureLines } from './rollout-report.ts';
import { safe } from './text.ts';

/** A table whose rows come a few at a time: each column is as wide as what came so far. */
export class GrowingTable {
  readonly #aligns: readonly Align[];
  readonly #widths: number[];

  constructor(aligns: readonly Align[]) {
    this.#aligns = aligns;
    this.#widths = aligns.map(() => 0);
  }

  /** The next rows as lines. */
  rows(rows: readonly (readonly string[])[]): readonly string[] {
    for (const row of rows) {
      for (const [column, cell] of row.entries()) {
        this.#widths[column] = Math.max(this.#widths[column] ?? 0, displayWidth(cell));
      }
    }
    // A row that is as wide as any before, which is left out again.
    const widest = this.#widths.map((width) => 'x'.repeat(width));
    return formatTable([...rows, widest], this.#aligns).slice(0, -1);
  }
}

const ALIGNS: readonly Align[] = ['left', 'left', 'left', 'left', 'left', 'left', 'left'];

/** The table of `shipper ps`, host by host. */
export class ContainerTable {
  readonly #options: TextOptions;
  readonly #table = new GrowingTable(ALIGNS);
  #hasHead = false;

  constructor(options: TextOptions) {
    this.#options = options;
  }

  /** The containers of one host as lines, each ended by a line feed; the first time with a head. */
  host(containers: readonly FleetContainer[]): string {
    const { colours, verbose } = this.#options;
    const more = verbose ? ['container', 'command'] : ['ports'];
    const head = ['name', 'host', 'state', 'release', 'image', ...more];
    const rows = containers.map((container) => containerRow(container, this.#options));
    const isFirst = !this.#hasHead && rows.length > 0;
    if (isFirst) this.#hasHead = true;
    const all = isFirst ? [head.map((word) => colours.dim(word)), ...rows] : rows;
    return this.#table
      .rows(all)
      .map((line) => `${line}\n`)
      .join('');
  }
}

function containerRow(container: FleetContainer, { colours, verbose }: TextOptions): string[] {
  const { host, image, owned, id, command, ports } = container;
  const published = ports.map(
    ({ hostIp, published: outer, target, protocol }) =>
      `${hostIp === '' || hostIp === '0.0.0.0' ? '' : `${hostIp}:`}${outer}->${target}/${protocol}`,
  );
  const more = verbose ? [id.slice(0, 12), safe(command)] : [[...new Set(published)].join(', ')];
  return [
    colours.bold(safe(nameOf(container))),
    safe(host),
    stateText(container, colours),
    safe(owned?.release ?? '-'),
    safe(shortImage(image)),
    ...more,
  ];
}

function stateText({ about, status, health }: FleetContainer, colours: Colours): string {
  const text = safe(about === '' ? status : about);
  if (status === 'running' && health !== 'unhealthy') return text;
  return colours.red(text);
}

/** A digest says nothing to people at its full length. */
function shortImage(image: string): string {
  return image.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, '$1');
}

/** `api.3` for what stands in a slot, else the container's name. */
export function nameOf({ name, owned }: Pick<FleetContainer, 'name' | 'owned'>): string {
  return owned?.slot === undefined ? name : `${owned.service}.${owned.slot}`;
}

/** `api.3 on ssh://s1: restarted`. */
export function actedLine(
  { container, did }: Acted,
  kind: string,
  { colours }: TextOptions,
): string {
  const name = colours.bold(safe(nameOf(container)));
  const what = did === 'planned' ? `would ${kind}` : did;
  return `${name} on ${safe(container.host)}: ${did === 'unchanged' ? colours.dim('unchanged') : what}\n`;
}

/** `api.3 on ssh://s1: was paused, runs now`. */
export function ensuredLine(
  { host, service, slot, found, why, did }: Ensured,
  { colours }: TextOptions,
): string {
  const state = why === '' ? found : `${found} (${safe(why)})`;
  const what =
    did === 'unchanged'
      ? colours.dim('runs')
      : did === 'mended'
        ? `was ${state}, ${found === 'not wanted' ? 'is stopped' : 'runs'} now`
        : `is ${state}, would be mended`;
  return `${colours.bold(safe(`${service}.${slot}`))} on ${safe(host)}: ${what}\n`;
}

/** `12:00:03 api.3 on ssh://s1: stopped (exit code 1), mending in 2 s`. */
export function watchLine(event: WatchEvent, { colours }: TextOptions): string {
  const { at, host, slot, kind, reason, tries = 0, pauseMs = 0, error } = event;
  const place = slot === undefined ? safe(host) : `${colours.bold(safe(slot))} on ${safe(host)}`;
  const why = safe(reason);
  const texts: Readonly<Record<WatchEvent['kind'], string>> = {
    ails: `${colours.yellow(why)}, mending in ${formatSeconds(pauseMs / 1000)}`,
    mended: `${colours.green('runs')} again, ${why}`,
    failed: `${colours.red(`try ${tries} failed:`)} ${why}`,
    'given-up': `${colours.red('given up:')} ${why}`,
    lost: `${colours.red('no answer:')} ${why}`,
    watched: `watched, ${why}`,
  };
  const log = (error?.log ?? []).map((line) => `  ${colours.dim('|')} ${safe(line)}\n`).join('');
  return `${colours.dim(at.slice(11, 19))} ${place}: ${texts[kind]}\n${log}`;
}

/** `failed: api.3 on ssh://s1: …` with the last lines of its log, and how to mend it. */
export function fleetFailureText(
  { host, container }: Pick<HostFailure, 'host' | 'container'>,
  failure: Failure,
  options: TextOptions,
): string {
  const place = container === undefined ? host : `${container} on ${host}`;
  return failureLines(place, failure, options)
    .map((line) => `${line}\n`)
    .join('');
}

/** What people read at the end of a command that did not do all: how many failed, and the command that goes on. */
export function fleetEnd(
  what: string,
  { failed, all, mend }: { readonly failed: number; readonly all: number; readonly mend: string },
  { colours }: TextOptions,
): string {
  const count = failed === all ? 'nothing worked' : `${formatMany(failed, 'failure')} of ${all}`;
  return `${colours.red('shipper:')} Cannot ${safe(what)} everywhere: ${count}\n  ${colours.dim('mend:')} ${safe(mend)}\n`;
}
