// Events as lines, for logs: starts, ends and notes at once, progress now and then.
import type { Clock, ShipperEvent } from '../core/events.ts';
import { formatBytes, formatPercent, formatRate, formatSeconds } from './format.ts';
import { type Renderer, scopeLabel } from './renderer.ts';
import { safe } from './text.ts';

/** A task says how far it is at most this often. */
const PROGRESS_EVERY_MS = 5000;

/** The end of a shorter task is not worth a line of its own. */
const SHORT_S = 1;

interface Running {
  readonly title: string;
  readonly totalBytes: number | undefined;
  readonly startedMs: number;
  lineMs: number;
}

/** What a plain renderer needs. */
export interface PlainOptions {
  readonly write: (text: string) => void;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Writes a warning another way, for example as an annotation. `message` is raw. */
  readonly warn?: (message: string) => void;
}

/** A renderer that writes lines. */
export function plainRenderer({ write, clock, warn }: PlainOptions): Renderer {
  const running = new Map<string, Running>();
  let stopped = false;
  return {
    report(event) {
      if (stopped) return;
      if (event.type === 'note' && event.level === 'warn' && warn !== undefined) {
        warn(event.message);
        return;
      }
      const text = lineOf(event, running, clock.monotonic());
      if (text !== undefined) write(`${scopeLabel(event.scope)}${text}\n`);
    },
    stop() {
      stopped = true;
    },
  };
}

function lineOf(
  event: ShipperEvent,
  running: Map<string, Running>,
  nowMs: number,
): string | undefined {
  switch (event.type) {
    case 'task.started': {
      const { totalBytes } = event;
      const task = { title: safe(event.title), totalBytes, startedMs: nowMs, lineMs: nowMs };
      running.set(event.id, task);
      return totalBytes === undefined ? task.title : `${task.title} (${formatBytes(totalBytes)})`;
    }
    case 'task.progress': {
      const task = running.get(event.id);
      if (task === undefined || nowMs - task.lineMs < PROGRESS_EVERY_MS) return undefined;
      task.lineMs = nowMs;
      return `${task.title}: ${progressText(task, event.doneBytes, nowMs)}`;
    }
    case 'task.finished': {
      if (event.outcome === 'done' && event.seconds < SHORT_S) {
        running.delete(event.id);
        return undefined;
      }
      const title = running.get(event.id)?.title ?? 'task';
      running.delete(event.id);
      return `${title}: ${finishText(event)}`;
    }
    case 'log':
      return safe(event.line);
    case 'note':
      return `${event.level === 'warn' ? 'warning: ' : ''}${safe(event.message)}`;
  }
}

function progressText(task: Running, doneBytes: number, nowMs: number): string {
  const rate = formatRate(doneBytes / Math.max(0.001, (nowMs - task.startedMs) / 1000));
  if (task.totalBytes === undefined) return `${formatBytes(doneBytes)}, ${rate}`;
  const percent = formatPercent(doneBytes, task.totalBytes);
  return `${formatBytes(doneBytes)} of ${formatBytes(task.totalBytes)}, ${percent}, ${rate}`;
}

function finishText(event: Extract<ShipperEvent, { type: 'task.finished' }>): string {
  const { outcome, doneBytes, seconds } = event;
  if (doneBytes === 0) return `${outcome} after ${formatSeconds(seconds)}`;
  const rate = seconds > 0 ? `, ${formatRate(doneBytes / seconds)}` : '';
  return `${outcome}, ${formatBytes(doneBytes)} in ${formatSeconds(seconds)}${rate}`;
}
