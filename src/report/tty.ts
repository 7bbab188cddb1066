// Live progress on a terminal: (state, event) → state and state → frame are pure; the renderer around them writes.
import type { Clock, ShipperEvent } from '../core/events.ts';
import type { Colours } from './colours.ts';
import { clip, displayWidth, formatBytes, formatPercent, formatRate } from './format.ts';
import { type Renderer, scopeLabel } from './renderer.ts';
import { safe } from './text.ts';

/** One running task. */
export interface LiveTask {
  readonly id: string;
  readonly label: string;
  readonly totalBytes: number | undefined;
  readonly doneBytes: number;
  /** Bytes per second over the last few seconds; 0 while it is not known. */
  readonly rate: number;
  readonly startedMs: number;
  readonly updatedMs: number;
}

/** What is on the screen. */
export interface LiveState {
  /** In the order in which they started. */
  readonly tasks: readonly LiveTask[];
}

export const NOTHING_LIVE: LiveState = { tasks: [] };

/** The time in which an old rate fades to a third, in milliseconds. */
const RATE_FADES_MS = 3000;
const SHOWN_TASKS = 8;
const REDRAW_EVERY_MS = 80;
const BAR_COLUMNS = 20;

/** The state after `event`, which came at `nowMs` on the monotonic clock. */
export function reduceLive(state: LiveState, event: ShipperEvent, nowMs: number): LiveState {
  switch (event.type) {
    case 'task.started': {
      const { id, totalBytes } = event;
      const label = `${scopeLabel(event.scope)}${safe(event.title)}`;
      const times = { startedMs: nowMs, updatedMs: nowMs };
      return {
        tasks: [...state.tasks, { id, label, totalBytes, doneBytes: 0, rate: 0, ...times }],
      };
    }
    case 'task.progress':
      return {
        tasks: state.tasks.map((task) =>
          task.id === event.id ? advanced(task, event.doneBytes, nowMs) : task,
        ),
      };
    case 'task.finished':
      return { tasks: state.tasks.filter((task) => task.id !== event.id) };
    case 'note':
    case 'log':
      return state;
  }
}

function advanced(task: LiveTask, doneBytes: number, nowMs: number): LiveTask {
  const elapsedMs = nowMs - task.updatedMs;
  if (elapsedMs <= 0) return { ...task, doneBytes };
  const latest = ((doneBytes - task.doneBytes) * 1000) / elapsedMs;
  // Early on the average since the start, so that a first burst does not stay on the screen.
  const fadesMs = Math.min(RATE_FADES_MS, nowMs - task.startedMs);
  const weight = task.rate === 0 ? 1 : 1 - Math.exp(-elapsedMs / fadesMs);
  const rate = task.rate + (latest - task.rate) * weight;
  return { ...task, doneBytes, rate, updatedMs: nowMs };
}

/** The lines that show `state`, none wider than `columns`. */
export function liveFrame(state: LiveState, columns: number, colours: Colours): string[] {
  const shown = state.tasks.slice(0, SHOWN_TASKS);
  const labelColumns = Math.max(0, ...shown.map((task) => displayWidth(task.label)));
  const lines = shown.map((task) => taskLine(task, labelColumns, columns, colours));
  const hidden = state.tasks.length - shown.length;
  if (hidden > 0) lines.push(colours.dim(clip(`and ${hidden} more`, columns)));
  return lines;
}

function taskLine(task: LiveTask, labelColumns: number, columns: number, colours: Colours): string {
  const numbers = taskNumbers(task);
  if (numbers === '') return clip(task.label, columns);
  const hasBar = task.totalBytes !== undefined && columns >= numbers.length + BAR_COLUMNS + 24;
  const room = columns - numbers.length - 2 - (hasBar ? BAR_COLUMNS + 2 : 0);
  if (room < 8) return clip(`${task.label}  ${numbers}`, columns);
  const label = clip(task.label, Math.min(room, labelColumns));
  const space = ' '.repeat(Math.min(room, labelColumns) - displayWidth(label) + 2);
  const bar = hasBar ? `${progressBar(task, colours)}  ` : '';
  return `${label}${space}${bar}${numbers}`;
}

function taskNumbers(task: LiveTask): string {
  const done = formatBytes(task.doneBytes);
  const rate = task.rate > 0 ? `  ${formatRate(task.rate)}` : '';
  if (task.totalBytes === undefined) return task.doneBytes === 0 ? '' : `${done}${rate}`;
  const percent = formatPercent(Math.floor((1000 * task.doneBytes) / (task.totalBytes || 1)), 1000);
  return `${percent.padStart(6)}  ${done} of ${formatBytes(task.totalBytes)}${rate}`;
}

function progressBar(task: LiveTask, colours: Colours): string {
  const part = Math.min(1, task.doneBytes / (task.totalBytes || 1));
  const full = Math.floor(part * BAR_COLUMNS);
  return colours.cyan('━'.repeat(full)) + colours.dim('─'.repeat(BAR_COLUMNS - full));
}

/** What a live renderer needs. */
export interface TtyOptions {
  readonly write: (text: string) => void;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Width of the terminal, asked again for every frame. */
  readonly columns: () => number;
  readonly colours: Colours;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** What a live renderer shows: how events change it, and its lines, none wider than `columns`. */
export interface LiveModel<State> {
  readonly nothing: State;
  reduce(state: State, event: ShipperEvent, nowMs: number): State;
  frame(state: State, columns: number, colours: Colours, nowMs: number): readonly string[];
}

const TASKS: LiveModel<LiveState> = { nothing: NOTHING_LIVE, reduce: reduceLive, frame: liveFrame };

/** A renderer that redraws a line for each task in place; notes stay above them. */
export function ttyRenderer(options: TtyOptions): Renderer {
  return liveRenderer(options, TASKS);
}

/** A renderer that redraws the lines of `model` in place; notes stay above them. */
export function liveRenderer<State>(
  { write, clock, columns, colours }: TtyOptions,
  model: LiveModel<State>,
): Renderer {
  let state = model.nothing;
  let drawnLines = 0;
  let drawnMs = Number.NEGATIVE_INFINITY;
  let stopped = false;
  const erase = () => (drawnLines === 0 ? '' : `\x1b[${drawnLines}A\r\x1b[J`);
  const draw = (above: string) => {
    const nowMs = clock.monotonic();
    const lines = model.frame(state, Math.max(20, columns() - 1), colours, nowMs);
    const cursor = cursorChange(drawnLines > 0, lines.length > 0);
    const frame = lines.map((line) => `${line}\n`).join('');
    const text = `${erase()}${above}${cursor}${frame}`;
    drawnLines = lines.length;
    drawnMs = nowMs;
    if (text !== '') write(text);
  };
  return {
    report(event) {
      if (stopped) return;
      const nowMs = clock.monotonic();
      state = model.reduce(state, event, nowMs);
      const isFrequent = event.type === 'task.progress' || event.type === 'log';
      if (event.type === 'note') draw(noteLine(event, colours));
      else if (!isFrequent || nowMs - drawnMs >= REDRAW_EVERY_MS) draw('');
    },
    stop() {
      if (stopped) return;
      stopped = true;
      state = model.nothing;
      draw('');
    },
  };
}

function cursorChange(wasLive: boolean, isLive: boolean): string {
  if (wasLive === isLive) return '';
  return isLive ? HIDE_CURSOR : SHOW_CURSOR;
}

function noteLine(event: Extract<ShipperEvent, { type: 'note' }>, colours: Colours): string {
  const mark = event.level === 'warn' ? `${colours.yellow('warning:')} ` : '';
  return `${scopeLabel(event.scope)}${mark}${safe(event.message)}\n`;
}
