// What a run of the pipeline did, as text. Types only from the pipeline.
import type { ShippedImage, ShippedTag, ShipReport } from '../pipeline/ship-types.ts';
import type { TextOptions } from './findings.ts';
import {
  type Align,
  formatBytes,
  formatMany,
  formatSeconds,
  formatTable,
  saving,
} from './format.ts';
import { safe } from './text.ts';

/** Hex digits of a digest that tell one from another on a screen. */
const SHORT = 'sha256:'.length + 12;

/** The report as lines, each ended by a line feed: a table, the tags, notes. */
export function shipText(report: ShipReport, options: TextOptions): string {
  const lines = [
    headLine(report, options),
    ...formatTable(tableOf(report, options), ALIGNS).map((line) => `  ${line}`),
    ...tagLines(report, options),
    ...report.notes.map((sentence) => `${options.colours.yellow('note:')} ${safe(sentence)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Every failure with its log, as lines; the last one says how it stands. Nothing where all is done. */
export function shipFailures(report: ShipReport, options: TextOptions): string {
  if (report.outcome === 'done') return '';
  const { project, until, outcome, images } = report;
  const failed = images.filter(({ status }) => status === 'failed').map(({ name }) => name);
  const who = failed.length === 0 ? '' : `: ${failed.map(safe).join(', ')}`;
  const lines = [
    ...images.flatMap((image) => failureLines(image, options)),
    ...runFailure(report, options),
    `${options.colours.red('shipper:')} Cannot ${until} ${safe(project)}: ${STATES[outcome]}${who}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** For `--quiet`: what pulls each image, one a line; undefined where nothing is anywhere. */
export function shipNames(report: ShipReport): string | undefined {
  const names = report.images.flatMap(({ wanted, pinned, tags, digest }) => {
    if (!wanted) return [];
    return pinned.length > 0 || digest === undefined ? pinned : tags.map((tag) => tag.reference);
  });
  return names.length === 0 ? undefined : names.map(safe).join('\n');
}

const OUTCOMES: Readonly<Record<ShipReport['outcome'], string>> = {
  done: 'done',
  failed: 'failed, and no tag has moved',
  partial: 'PARTLY PUBLISHED',
  interrupted: 'interrupted, and no tag has moved',
};

const STATES: Readonly<Record<ShipReport['outcome'], string>> = {
  done: 'it is done',
  failed: 'it failed, and no tag has moved',
  partial: 'some tags have moved and others not',
  interrupted: 'it was stopped, and no tag has moved',
};

function headLine(report: ShipReport, { colours }: TextOptions): string {
  const { project, until, outcome, seconds, images } = report;
  const words = `${until} of ${formatMany(images.length, 'image')}: ${OUTCOMES[outcome]}`;
  const verdict = outcome === 'done' ? words : colours.red(words);
  return `${colours.bold(safe(project))}: ${verdict} after ${formatSeconds(seconds)}`;
}

const ALIGNS: readonly Align[] = ['left', 'left', 'left', 'right', 'right', 'right', 'left'];

function tableOf({ images }: ShipReport, { colours }: TextOptions): string[][] {
  const head = ['image', 'status', 'stored', 'build', 'flatten', 'push', 'digest'];
  const rows = images.map((image) => {
    const { name, seconds, digest = '' } = image;
    return [
      colours.bold(safe(name)),
      statusText(image, colours),
      sizeText(image),
      secondsText(seconds.build),
      secondsText(seconds.flatten),
      secondsText(seconds.push),
      safe(digest).slice(0, SHORT),
    ];
  });
  return [head.map((word) => colours.dim(word)), ...rows];
}

function statusText({ status, wanted }: ShippedImage, colours: TextOptions['colours']): string {
  const word = status === 'not-started' ? 'not started' : status;
  const needed = wanted ? '' : ' (needed)';
  return status === 'failed' ? colours.red(`${word}${needed}`) : `${word}${needed}`;
}

function sizeText({ bytesBefore, bytesAfter }: ShippedImage): string {
  if (bytesBefore === undefined || bytesAfter === undefined) return '';
  if (bytesBefore === bytesAfter) return formatBytes(bytesAfter);
  return `${formatBytes(bytesBefore)} -> ${formatBytes(bytesAfter)}${saving(bytesBefore, bytesAfter)}`;
}

function secondsText(seconds: number | undefined): string {
  return seconds === undefined ? '-' : formatSeconds(seconds);
}

function tagLines({ images, until, outcome }: ShipReport, options: TextOptions): string[] {
  const tags = images.flatMap((image) => image.tags.map((tag) => ({ tag, image })));
  if (until === 'push') return pinnedLines(images);
  const isClear = outcome === 'done' && !options.verbose;
  const shown = isClear ? tags.filter(({ tag }) => tag.state !== 'kept') : tags;
  return shown.map(({ tag, image }) => `  ${tagText(tag, image)}`);
}

function pinnedLines(images: readonly ShippedImage[]): string[] {
  return images.flatMap(({ pinned }) => pinned.map((name) => `  ${safe(name)}`));
}

function tagText({ reference, state, before }: ShippedTag, { digest }: ShippedImage): string {
  const short = (text: string) => safe(text).slice(0, SHORT);
  const name = safe(reference);
  const was = before === undefined ? 'new' : `was ${short(before)}`;
  if (state === 'moved') return `${name} -> ${short(digest ?? '')} (${was})`;
  if (state === 'kept') return `${name} is ${short(digest ?? '')} already`;
  return before === undefined
    ? `${name} was not moved`
    : `${name} was not moved: it is ${short(before)}`;
}

function failureLines({ name, error, status }: ShippedImage, { colours }: TextOptions): string[] {
  if (error === undefined || status !== 'failed') return [];
  return [
    `${colours.red('failed:')} ${colours.bold(safe(name))}: ${safe(error.message)}`,
    ...error.log.map((line) => `  ${colours.dim('|')} ${safe(line)}`),
    ...(error.hint === undefined ? [] : [`  ${colours.dim('hint:')} ${safe(error.hint)}`]),
  ];
}

function runFailure({ error }: ShipReport, { colours }: TextOptions): string[] {
  if (error === undefined) return [];
  return [
    `${colours.red('failed:')} ${safe(error.message)}`,
    ...(error.hint === undefined ? [] : [`  ${colours.dim('hint:')} ${safe(error.hint)}`]),
  ];
}
