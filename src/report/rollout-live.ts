// Live progress of a rollout on a terminal: one line for each slot or host at work, with what is done there and for how long.
// Pure, but for the renderer that it is drawn by.
import type { Scope, ShipperEvent } from '../core/events.ts';
import type { Colours } from './colours.ts';
import { clip, displayWidth, formatBytes, formatPercent, formatSeconds } from './format.ts';
import type { Renderer } from './renderer.ts';
import { safe } from './text.ts';
import { type LiveModel, liveRenderer, type TtyOptions } from './tty.ts';

/** One task at work. */
interface LiveWork {
  readonly id: string;
  /** `api.3`, `s1`, or empty for the run itself. */
  readonly name: string;
  readonly host: string;
  readonly title: string;
  readonly startedMs: number;
  readonly totalBytes: number | undefined;
  readonly doneBytes: number;
  /** What was said last there. */
  readonly line: string;
}

/** Tasks at work, in the order in which they began. */
export type LiveRollout = readonly LiveWork[];

const SHOWN = 20;
const NAME_COLUMNS = 30;
const HOST_COLUMNS = 30;

/** The model of {@link rolloutRenderer}. */
export const ROLLOUT_MODEL: LiveModel<LiveRollout> = { nothing: [], reduce, frame };

/** A renderer for `shipper rollout` and its like. */
export function rolloutRenderer(options: TtyOptions): Renderer {
  return liveRenderer(options, ROLLOUT_MODEL);
}

function reduce(state: LiveRollout, event: ShipperEvent, nowMs: number): LiveRollout {
  switch (event.type) {
    case 'task.started': {
      const { id, scope, title, totalBytes } = event;
      const { host = '' } = scope;
      const work = { id, name: nameOf(scope), host, title: safe(title), startedMs: nowMs };
      return [...state, { ...work, totalBytes, doneBytes: 0, line: '' }];
    }
    case 'task.progress':
      return state.map((work) =>
        work.id === event.id ? { ...work, doneBytes: event.doneBytes } : work,
      );
    case 'task.finished':
      return state.filter(({ id }) => id !== event.id);
    case 'log': {
      const at = state.findLastIndex(
        ({ name, host }) => name === nameOf(event.scope) && host === (event.scope.host ?? ''),
      );
      return state.map((work, index) =>
        index === at ? { ...work, line: safe(event.line) } : work,
      );
    }
    case 'note':
      return state;
  }
}

function nameOf({ slot, host, group }: Scope): string {
  return slot ?? (host === undefined ? (group ?? '') : '');
}

function frame(state: LiveRollout, columns: number, colours: Colours, nowMs: number): string[] {
  const shown = state.slice(0, SHOWN);
  const names = shown.map(({ name }) => clip(safe(name), NAME_COLUMNS));
  const hosts = shown.map(({ host }) => clip(safe(host), HOST_COLUMNS));
  const pad = (text: string, all: readonly string[]) =>
    text + ' '.repeat(Math.max(0, ...all.map(displayWidth)) - displayWidth(text));
  const lines = shown.map((work, at) => {
    const places = [pad(names[at] ?? '', names), pad(hosts[at] ?? '', hosts)];
    const took = formatSeconds((nowMs - work.startedMs) / 1000).padStart(8);
    const head = [...places.filter((text) => text !== ''), took].join('  ');
    const room = columns - displayWidth(head) - 2;
    const what = room < 8 ? '' : clip(doing(work), room);
    const name = names[at] ?? '';
    const text = clip(head, columns);
    const marked = name === '' ? text : text.replace(name, colours.bold(name));
    return what === '' ? marked : `${marked}  ${colours.dim(what)}`;
  });
  const hidden = state.length - shown.length;
  if (hidden > 0) lines.push(colours.dim(clip(`and ${hidden} more`, columns)));
  return lines;
}

function doing({ title, totalBytes, doneBytes, line }: LiveWork): string {
  const last = line === '' ? '' : `: ${line}`;
  if (totalBytes === undefined || totalBytes === 0) return `${title}${last}`;
  const percent = formatPercent(Math.floor((1000 * doneBytes) / totalBytes), 1000);
  return `${title}  ${percent} of ${formatBytes(totalBytes)}`;
}
