// What verify found, as text. Types only from operations.
import type { Difference, VerifiedPlatform, VerifyReport } from '../operations/flatten-types.ts';
import { imagePath, platformText, type TextOptions } from './findings.ts';
import { formatCount, formatMany, formatTable } from './format.ts';
import { safe } from './text.ts';

/** The report as lines, each ended by a line feed; path by path where the images differ. */
export function verifyText(report: VerifyReport, options: TextOptions): string {
  const { colours } = options;
  const verdict = report.same
    ? `${colours.green('same:')} root file system and configuration are equal`
    : `${colours.red('different:')} root file system or configuration are not equal`;
  const lines = [
    verdict,
    ...formatTable(
      [
        ['  A', safe(report.a)],
        ['  B', safe(report.b)],
      ],
      ['left', 'left'],
    ),
    ...report.platforms.flatMap((platform) => platformLines(platform, options)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function platformLines(found: VerifiedPlatform, { colours }: TextOptions): string[] {
  const platform = colours.cyan(platformText(found.platform));
  if (found.same) return [`${platform}: same${rootDigest(found.rootDigestA)}`];
  const rows = found.differences.map((difference) => [
    `  ${placeOf(difference)}`,
    safe(difference.what),
  ]);
  const more = found.differenceCount - found.differences.length;
  return [
    `${platform}: ${formatMany(found.differenceCount, 'difference')}`,
    ...formatTable(rows, ['left', 'left']),
    ...(more > 0 ? [colours.dim(`  and ${formatCount(more)} more`)] : []),
  ];
}

function rootDigest(digest: string | undefined): string {
  return digest === undefined ? '' : `, root file system ${safe(digest)}`;
}

function placeOf({ kind, path }: Difference): string {
  return kind === 'path' ? imagePath(path) : safe(path);
}
