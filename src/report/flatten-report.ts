// What a flatten did, as text. Types only from operations.
import type { FlattenedImage, FlattenReport } from '../operations/flatten-types.ts';
import {
  imagePath,
  platformText,
  removedLines,
  type TextOptions,
  warningLines,
} from './findings.ts';
import {
  formatBytes,
  formatCount,
  formatMany,
  formatSeconds,
  formatTable,
  saving,
} from './format.ts';
import { safe } from './text.ts';

/** The report as lines, each ended by a line feed. */
export function flattenText(report: FlattenReport, options: TextOptions): string {
  const lines = [
    ...headLines(report, options),
    ...report.images.flatMap((image) => imageLines(image, report, options)),
    ...table(endRows(report), report.images.length > 1 ? '' : '  '),
    ...report.dropped.map(
      ({ kind, digest, subject }) =>
        `${options.colours.yellow('dropped:')} ${safe(kind)} ${safe(digest)}${
          subject === undefined ? '' : ` of ${safe(subject)}`
        }`,
    ),
    ...warningLines(report.images, options),
    ...report.remarks.map((remark) => `${options.colours.yellow('note:')} ${safe(remark)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The one line of `--quiet`: a name that `docker run` takes where an engine holds the result, else the digest. */
export function flattenName(report: FlattenReport): string {
  const engine = 'docker-daemon:';
  const inEngine = report.outputs.find((output) => output.startsWith(engine));
  if (inEngine !== undefined) return safe(inEngine.slice(engine.length));
  return safe(flattenDigest(report) ?? report.resolvedSource);
}

/** The digest that pulls the result: of the index, else of the manifest. Undefined after a dry run. */
export function flattenDigest(report: FlattenReport): string | undefined {
  return report.indexDigest ?? report.images[0]?.manifestDigest ?? report.images[0]?.configDigest;
}

/** The id of the result: of the index where there are several platforms, else of the configuration. */
export function flattenId(report: FlattenReport): string | undefined {
  return report.images.length === 1 ? report.images[0]?.configDigest : report.indexDigest;
}

function headLines(report: FlattenReport, { colours }: TextOptions): string[] {
  const source = colours.bold(safe(report.resolvedSource));
  if (report.dryRun) return [`Would flatten ${source} (dry run, nothing is written)`];
  if (report.outputs.length === 0) return [`Flattened ${source}`];
  return [`Flattened ${source} to ${report.outputs.map(placeText).map(colours.bold).join(', ')}`];
}

function placeText(output: string): string {
  return output === '-' ? 'standard output' : safe(output);
}

function imageLines(image: FlattenedImage, report: FlattenReport, options: TextOptions): string[] {
  const platform = options.colours.cyan(platformText(image.platform));
  const isAll = image.layersKept > 0 && image.layersKept === image.layersBefore;
  const what = isAll ? 'nothing to merge' : 'flat already';
  const flat = image.alreadyFlat ? `: ${what}, passed on as it is` : '';
  return [
    `${platform}${flat}`,
    ...table(imageRows(image, report), '  '),
    ...removedLines(image.removed, options).map((line) => `    ${line}`),
  ];
}

function imageRows(image: FlattenedImage, report: FlattenReport): string[][] {
  const { bytesBefore, bytesAfter, storedBefore, storedAfter, removed } = image;
  const rows = [
    ['size', `${change(bytesBefore, bytesAfter, formatBytes)}${saving(bytesBefore, bytesAfter)}`],
  ];
  if (storedAfter !== undefined && (storedAfter !== bytesAfter || storedBefore !== bytesBefore)) {
    const stored = change(storedBefore, storedAfter, formatBytes);
    rows.push(['stored', `${stored}${saving(storedBefore, storedAfter)}`]);
  }
  rows.push(
    ['layers', layersText(image)],
    ['entries', change(image.entriesBefore, image.entriesAfter, formatCount)],
  );
  if (image.configDigest !== undefined) rows.push(['image id', safe(image.configDigest)]);
  if (image.manifestDigest !== undefined) rows.push(['digest', safe(image.manifestDigest)]);
  if (image.diffId !== undefined && report.images.length === 1) {
    rows.push(['diff id', safe(image.diffId)]);
  }
  if (image.baseNamesHidden > 0) {
    rows.push(['hidden', `${formatMany(image.baseNamesHidden, 'path')} of the kept layers`]);
  }
  const gone = `${formatMany(removed.paths, 'path')}, ${formatBytes(removed.bytes)}`;
  return [...rows, ['removed', removed.paths === 0 ? 'nothing' : gone]];
}

function layersText({ layersBefore, layersAfter, layersKept }: FlattenedImage): string {
  const kept = layersKept === 0 ? '' : `, ${formatCount(layersKept)} kept`;
  return `${change(layersBefore, layersAfter, formatCount)}${kept}`;
}

function endRows(report: FlattenReport): string[][] {
  const rows: string[][] = [];
  if (report.indexDigest !== undefined) rows.push(['index', safe(report.indexDigest)]);
  if (report.tags.length > 0) rows.push(['names', report.tags.map(safe).join(', ')]);
  if (report.verified !== undefined) {
    rows.push(['verified', report.verified ? 'read back, the same' : 'read back, NOT the same']);
  }
  const rate = `${Number(report.megabytesPerSecond.toPrecision(3))} MB/s`;
  rows.push(['time', `${formatSeconds(report.seconds)}, ${rate}`]);
  return rows;
}

function change(before: number, after: number, format: (n: number) => string): string {
  return before === after ? format(after) : `${format(before)} -> ${format(after)}`;
}

function table(rows: readonly (readonly string[])[], indent: string): string[] {
  // A fixed first column, so that the tables of all platforms stand in line.
  return formatTable(
    rows.map(([name = '', value = '']) => [name.padEnd('verified'.length), value]),
    ['left', 'left'],
  ).map((line) => `${indent}${line}`);
}

/** The largest removed file of a report, for one-line summaries. */
export function largestRemoved(report: FlattenReport): string | undefined {
  const files = report.images.flatMap((image) => image.removed.largest);
  const [largest] = files.sort((a, b) => b.bytes - a.bytes);
  return largest === undefined
    ? undefined
    : `${imagePath(largest.path)} (${formatBytes(largest.bytes)})`;
}
