// Live progress of a run of the pipeline on a terminal: one line for each image at work, with its stage, how long it takes,
// and the last thing that it said. Pure, but for the renderer that it is drawn by.
import type { ShipperEvent } from '../core/events.ts';
import type { Colours } from './colours.ts';
import { clip, displayWidth, formatBytes, formatPercent, formatSeconds } from './format.ts';
import type { Renderer } from './renderer.ts';
import { safe } from './text.ts';
import { type LiveModel, liveRenderer, type TtyOptions } from './tty.ts';

/** One image at work. */
interface LiveImage {
  readonly name: string;
  readonly stage: string;
  /** Task of the stage itself, which ends the line. */
  readonly stageId: string;
  readonly startedMs: number;
  /** The task inside the stage that began last, and is not over. */
  readonly task: LiveTask | undefined;
  /** What was said last. */
  readonly line: string;
}

interface LiveTask {
  readonly id: string;
  readonly title: string;
  readonly totalBytes: number | undefined;
  readonly doneBytes: number;
}

/** Images at work, in the order in which their stages began. */
export type LiveImages = readonly LiveImage[];

const SHOWN = 20;
const NAME_COLUMNS = 30;

/** The model of {@link shipRenderer}. */
export const SHIP_MODEL: LiveModel<LiveImages> = { nothing: [], reduce, frame };

/** A renderer for `shipper ship`. */
export function shipRenderer(options: TtyOptions): Renderer {
  return liveRenderer(options, SHIP_MODEL);
}

function reduce(state: LiveImages, event: ShipperEvent, nowMs: number): LiveImages {
  const { group: name, stage } = event.scope;
  if (name === undefined || stage === undefined) return state;
  const own = state.find((image) => image.name === name);
  const others = (changed: LiveImage) => state.map((image) => (image === own ? changed : image));
  switch (event.type) {
    case 'task.started': {
      const { id, title, totalBytes } = event;
      const begun = { name, stage, stageId: id, startedMs: nowMs, task: undefined, line: '' };
      if (own === undefined) return [...state, begun];
      if (own.stage !== stage) return others(begun);
      return others({ ...own, task: { id, title: safe(title), totalBytes, doneBytes: 0 } });
    }
    case 'task.progress': {
      const { id, doneBytes } = event;
      if (own?.task?.id !== id) return state;
      return others({ ...own, task: { ...own.task, doneBytes } });
    }
    case 'task.finished': {
      if (own === undefined) return state;
      if (own.stageId === event.id) return state.filter((image) => image !== own);
      return own.task?.id === event.id ? others({ ...own, task: undefined }) : state;
    }
    case 'log':
      return own === undefined ? state : others({ ...own, line: safe(event.line) });
    case 'note':
      return state;
  }
}

function frame(state: LiveImages, columns: number, colours: Colours, nowMs: number): string[] {
  const shown = state.slice(0, SHOWN);
  const names = shown.map(({ name }) => clip(safe(name), NAME_COLUMNS));
  const width = Math.max(0, ...names.map(displayWidth));
  const lines = shown.map((image, at) => {
    const name = names[at] ?? '';
    const space = ' '.repeat(width - displayWidth(name));
    const took = formatSeconds((nowMs - image.startedMs) / 1000);
    const head = `${name}${space}  ${image.stage.padEnd('flatten'.length)}  ${took.padStart(8)}`;
    const room = columns - displayWidth(head) - 2;
    const what = room < 8 ? '' : clip(doing(image), room);
    const text = clip(head, columns).replace(name, colours.bold(name));
    return what === '' ? text : `${text}  ${colours.dim(what)}`;
  });
  const hidden = state.length - shown.length;
  if (hidden > 0) lines.push(colours.dim(clip(`and ${hidden} more`, columns)));
  return lines;
}

function doing({ task, line }: LiveImage): string {
  if (task === undefined) return line;
  const { title, totalBytes, doneBytes } = task;
  if (totalBytes === undefined || totalBytes === 0) return title;
  return `${title}  ${formatPercent(Math.floor((1000 * doneBytes) / totalBytes), 1000)} of ${formatBytes(totalBytes)}`;
}
