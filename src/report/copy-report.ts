// What a copy and a tag did, as text. Types only from operations.
import type {
  CopiedAttestation,
  CopyReport,
  TaggedName,
  TagReport,
} from '../operations/copy-types.ts';
import { platformText, type TextOptions } from './findings.ts';
import { formatBytes, formatMany, formatSeconds, formatTable } from './format.ts';
import { safe } from './text.ts';

/** The report of a copy as lines, each ended by a line feed. */
export function copyText(report: CopyReport, { colours }: TextOptions): string {
  const note = colours.yellow('note:');
  const lines = [
    headLine(report, colours.bold),
    ...report.images.map(
      ({ platform, layers, bytes }) =>
        `  ${colours.cyan(platformText(platform))}  ${formatMany(layers, 'layer')}, ${formatBytes(bytes)}`,
    ),
    ...formatTable(rows(report), ['left', 'left']).map((line) => `  ${line}`),
    ...report.attestations.map((each) => `copied with it: ${attestationText(each)}`),
    ...report.dropped.map((each) => `${colours.yellow('dropped:')} ${attestationText(each)}`),
    ...[...report.changes, ...report.remarks].map((remark) => `${note} ${safe(remark)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function headLine(report: CopyReport, bold: (text: string) => string): string {
  const output = report.output === '-' ? 'standard output' : safe(report.output);
  const places = `${bold(safe(report.resolvedSource))} to ${bold(output)}`;
  return report.dryRun ? `Would copy ${places} (dry run, nothing is written)` : `Copied ${places}`;
}

function rows(report: CopyReport): string[][] {
  const kept = report.digestKept ? 'as in the source' : 'not that of the source';
  const names = report.tags.map(safe).join(', ');
  const read = `${formatMany(report.blobsRead, 'blob')}, ${formatBytes(report.bytesRead)}`;
  return [
    ...(report.digest === undefined ? [] : [['digest', `${safe(report.digest)} (${kept})`]]),
    ...(names === '' ? [] : [['names', names]]),
    ...(report.dryRun ? [] : [['read', read]]),
    ['time', formatSeconds(report.seconds)],
  ];
}

function attestationText({ kind, digest, subject }: CopiedAttestation): string {
  return `${safe(kind)} ${safe(digest)}${subject === undefined ? '' : ` of ${safe(subject)}`}`;
}

/** The report of a tag as lines, each ended by a line feed. */
export function tagText(report: TagReport, { colours }: TextOptions): string {
  const image = `${colours.bold(safe(report.resolvedSource))} (${safe(report.digest)})`;
  const head = report.dryRun
    ? `Would name ${image} (dry run, nothing is changed)`
    : `Named ${image}`;
  const lines = report.names.map(
    (name) => `  ${colours.bold(safe(name.name))}${beforeText(name, report.digest)}`,
  );
  return [head, ...lines].map((line) => `${line}\n`).join('');
}

function beforeText({ before }: TaggedName, digest: string): string {
  if (before === undefined) return '';
  return before === digest ? ', which it was already' : `, which was ${safe(before)} before`;
}
