// GitHub Actions: annotations, groups, the step summary and outputs, as text
// (docs.github.com, "Workflow commands for GitHub Actions"). Types only from operations.
import type { Place } from '../core/errors.ts';
import type { FlattenReport, VerifyReport } from '../operations/flatten-types.ts';
import { groupWarnings, platformText, warningPlace } from './findings.ts';
import { flattenDigest, flattenId, largestRemoved } from './flatten-report.ts';
import { formatBytes, formatCount, formatMany, formatPercent, formatSeconds } from './format.ts';
import { code, markdown, tableRow } from './markdown.ts';
import { safe, safeLines } from './text.ts';

/** Whether this runs as a step of GitHub Actions. */
export function isGitHubActions(env: Readonly<Record<string, string | undefined>>): boolean {
  return env['GITHUB_ACTIONS'] === 'true';
}

/** A line that shows up as an annotation of the run, at `place` of a file where that is known. */
export function annotation(
  level: 'warning' | 'error',
  message: string,
  title?: string,
  place?: Place,
): string {
  const properties = [
    ...(place === undefined
      ? []
      : [`file=${escapeProperty(safe(place.file))}`, `line=${place.line}`, `col=${place.column}`]),
    ...(title === undefined ? [] : [`title=${escapeProperty(safe(title))}`]),
  ];
  const property = properties.length === 0 ? '' : ` ${properties.join(',')}`;
  return `::${level}${property}::${escapeMessage(safeLines(message))}\n`;
}

/** Starts a group of log lines that can be folded. */
export function groupStart(title: string): string {
  return `::group::${escapeMessage(safe(title))}\n`;
}

/** Ends the group. */
export const GROUP_END = '::endgroup::\n';

/** Log lines that can be folded, as text around them. */
export interface LogGroup {
  readonly start: string;
  /** `nowMs` as for {@link logGroup}. */
  end(nowMs: number): string;
}

/** The group of a command on the continuous integration that runs it; undefined elsewhere. `nowMs` since the epoch. */
export function logGroup(
  env: Readonly<Record<string, string | undefined>>,
  title: string,
  nowMs: number,
): LogGroup | undefined {
  if (isGitHubActions(env)) return { start: groupStart(title), end: () => GROUP_END };
  // docs.gitlab.com, "Custom collapsible sections".
  if (env['GITLAB_CI'] !== 'true') return undefined;
  const name = safe(title)
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
  const mark = (what: string, ms: number) =>
    `\x1b[0Ksection_${what}:${Math.floor(ms / 1000)}:${name}\r\x1b[0K`;
  return {
    start: `${mark('start', nowMs)}${safe(title)}\n`,
    end: (endMs) => `${mark('end', endMs)}\n`,
  };
}

function escapeMessage(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** Outputs in the form of the file that GITHUB_OUTPUT names. `delimiter` must not occur in a value. */
export function outputsText(
  outputs: Readonly<Record<string, string | undefined>>,
  delimiter: string,
): string {
  return Object.entries(outputs)
    .map(([name, value]) =>
      value === undefined ? '' : `${name}<<${delimiter}\n${value}\n${delimiter}\n`,
    )
    .join('');
}

/** The outputs of a flatten. */
export function flattenOutputs(report: FlattenReport): Record<string, string | undefined> {
  return {
    digest: flattenDigest(report),
    'image-id': flattenId(report),
    output: report.outputs.map(safe).join('\n'),
    tags: report.tags.map(safe).join('\n'),
  };
}

/** One annotation per warning code and remark of a flatten; GitHub shows ten of a kind. */
export function flattenAnnotations(report: FlattenReport): string {
  const warnings = groupWarnings(report.images).map(({ code, count, warnings: [first] }) => {
    const place = first === undefined ? '' : `, first: ${warningPlace(first)}`;
    return annotation('warning', `${formatMany(count, 'time')}${place}`, `shipper: ${code}`);
  });
  return [...warnings, ...report.remarks.map((remark) => annotation('warning', remark))].join('');
}

/** The step summary of a flatten, as Markdown. */
export function flattenSummary(report: FlattenReport): string {
  const rows = report.images.map((image) => {
    const { bytesBefore, bytesAfter, removed } = image;
    const cells = [
      platformText(image.platform),
      `${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}`,
      formatPercent(bytesBefore - bytesAfter, bytesBefore),
      `${image.layersBefore} → ${image.layersAfter}`,
      `${formatCount(image.entriesBefore)} → ${formatCount(image.entriesAfter)}`,
      `${formatMany(removed.paths, 'path')}, ${formatBytes(removed.bytes)}`,
    ];
    return tableRow(cells);
  });
  const largest = largestRemoved(report);
  const end = [
    report.dryRun ? 'Dry run: nothing was written.' : `Took ${formatSeconds(report.seconds)}.`,
    ...(largest === undefined ? [] : [`Largest removed file: ${code(largest)}.`]),
    ...report.remarks.map(markdown),
  ];
  return [
    `### shipper flatten ${code(report.resolvedSource)}`,
    '',
    tableRow(['platform', 'size', 'saved', 'layers', 'entries', 'removed']),
    tableRow(['---', '---', '---', '---', '---', '---']),
    ...rows,
    '',
    ...end.map((line) => `- ${line}`),
    '',
    '',
  ].join('\n');
}

/** The step summary of a verify, as Markdown. */
export function verifySummary(report: VerifyReport): string {
  const verdict = report.same ? 'the same' : '**different**';
  const rows = report.platforms.map((found) => {
    const text = found.same ? 'same' : formatMany(found.differenceCount, 'difference');
    return `- ${platformText(found.platform)}: ${text}`;
  });
  const title = `### shipper verify: ${code(report.a)} and ${code(report.b)} are ${verdict}`;
  return [title, '', ...rows, '', ''].join('\n');
}
