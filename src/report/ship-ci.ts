// What a run of the pipeline leaves on GitHub Actions: annotations, the step summary, outputs. Types only from the
// pipeline.
import type { ShippedImage, ShipReport } from '../pipeline/ship-types.ts';
import { annotation } from './ci.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { code, markdown, tableRow } from './markdown.ts';
import { shipNames } from './ship-report.ts';
import { safe } from './text.ts';

/** One annotation for each image that failed, for the failure of the run, and for each note. */
export function shipAnnotations(report: ShipReport): string {
  const failures = report.images.flatMap(({ name, status, error }) =>
    status === 'failed' && error !== undefined
      ? [annotation('error', error.message, `shipper: ${name}`)]
      : [],
  );
  const own =
    report.error === undefined ? [] : [annotation('error', report.error.message, 'shipper')];
  const notes = report.notes.map((sentence) => annotation('warning', sentence, 'shipper'));
  return [...failures, ...own, ...notes].join('');
}

/** Outputs: `outcome`, `images` (what pulls them, one a line), `tags` (names that are in place), `report`. */
export function shipOutputs(
  report: ShipReport,
  file: string | undefined,
): Record<string, string | undefined> {
  const tags = report.images.flatMap((image) =>
    image.tags.filter(({ state }) => state !== 'not-moved').map(({ reference }) => reference),
  );
  return {
    outcome: report.outcome,
    images: shipNames(report) ?? '',
    tags: tags.map(safe).join('\n'),
    report: file,
  };
}

/** The step summary, as Markdown. */
export function shipSummary(report: ShipReport): string {
  const failures = report.images.filter(({ status }) => status === 'failed');
  return [
    `### shipper ${report.until} ${code(report.project)}: ${report.outcome}`,
    '',
    tableRow(['image', 'status', 'stored', 'time', 'digest']),
    tableRow(['---', '---', '---', '---', '---']),
    ...report.images.map(imageRow),
    '',
    ...failures.flatMap(failureText),
    ...(report.error === undefined ? [] : [`- ${markdown(report.error.message)}`]),
    ...report.notes.map((sentence) => `- ${markdown(sentence)}`),
    `- Took ${formatSeconds(report.seconds)}.`,
    '',
    '',
  ].join('\n');
}

function imageRow({
  name,
  status,
  bytesBefore,
  bytesAfter,
  seconds,
  digest,
}: ShippedImage): string {
  const { build = 0, flatten = 0, push = 0 } = seconds;
  const stored =
    bytesBefore === undefined || bytesAfter === undefined
      ? ''
      : `${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}`;
  const took = formatSeconds(build + flatten + push);
  return tableRow([code(name), status, stored, took, digest === undefined ? '' : code(digest)]);
}

function failureText({ name, error }: ShippedImage): string[] {
  if (error === undefined) return [];
  const fence = '````';
  return [
    `**${markdown(name)}**: ${markdown(error.message)}`,
    '',
    ...(error.log.length === 0 ? [] : [fence, ...error.log.map(safe), fence, '']),
  ];
}
