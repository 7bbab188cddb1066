// The parts that the reports of flatten and inspect share: what does not survive, and warnings.
// Types only from operations: a report describes what they answer, and runs none of their code.
import type { FlattenedImage } from '../operations/flatten-types.ts';
import type { Colours } from './colours.ts';
import { formatBytes, formatCount, formatMany, formatTable } from './format.ts';
import { safe } from './text.ts';

type Platform = FlattenedImage['platform'];
type RemovedSummary = FlattenedImage['removed'];
type Warning = FlattenedImage['warnings'][number];

/** How a report is written. */
export interface TextOptions {
  readonly colours: Colours;
  /** `-v`: everything that is known instead of the first few. */
  readonly verbose: boolean;
}

const FEW = 3;

/** `linux/arm64/v8`. */
export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return safe([os, architecture, ...(variant === undefined ? [] : [variant])].join('/'));
}

/** An absolute path inside an image, for people. `path` is printable already. */
export function imagePath(path: string): string {
  return safe(path.startsWith('/') ? path : `/${path}`);
}

/** The largest files that do not survive, as lines. */
export function removedLines(removed: RemovedSummary, options: TextOptions): string[] {
  const largest = removed.largest.slice(0, options.verbose ? undefined : FEW);
  const rows = largest.map((file) => [
    formatBytes(file.bytes),
    imagePath(file.path),
    options.colours.dim(`layer ${file.addedBy + 1}, ${reasonText(file)}`),
  ]);
  return formatTable(rows, ['right', 'left', 'left']);
}

function reasonText({ reason, hiddenBy }: RemovedSummary['largest'][number]): string {
  return reason === 'excluded' ? reason : `${reason} by layer ${hiddenBy + 1}`;
}

/** Where warnings are. */
export interface WithWarnings {
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Record<string, number>>;
}

/** Warnings of one code. */
export interface WarningGroup {
  readonly code: string;
  /** How often it came, kept or not. */
  readonly count: number;
  readonly warnings: readonly Warning[];
}

/** The warnings of some images by code, in the order in which the codes first came. */
export function groupWarnings(images: readonly WithWarnings[]): WarningGroup[] {
  const groups = new Map<string, { count: number; warnings: Warning[] }>();
  const groupOf = (code: string) => {
    const group = groups.get(code) ?? { count: 0, warnings: [] };
    groups.set(code, group);
    return group;
  };
  for (const image of images) {
    for (const warning of image.warnings) groupOf(warning.code).warnings.push(warning);
    for (const [code, count] of Object.entries(image.warningCounts)) groupOf(code).count += count;
  }
  return [...groups].map(([code, { count, warnings }]) => ({
    code,
    count: Math.max(count, warnings.length),
    warnings,
  }));
}

/** Warnings as lines: one per code with its count, and the first few places below. */
export function warningLines(images: readonly WithWarnings[], options: TextOptions): string[] {
  const { colours } = options;
  return groupWarnings(images).flatMap(({ code, count, warnings }) => {
    const shown = warnings.slice(0, options.verbose ? undefined : FEW);
    const head = `${colours.yellow('warning:')} ${safe(code)}, ${formatMany(count, 'time')}`;
    const places = shown.map((warning) => `  ${warningPlace(warning)}`);
    const more = count - shown.length;
    return [head, ...places, ...(more > 0 ? [colours.dim(`  and ${formatCount(more)} more`)] : [])];
  });
}

/** One warning with its layer. */
export function warningPlace({ message, layer }: Warning): string {
  return layer === undefined ? safe(message) : `${safe(message)} (layer ${layer + 1})`;
}
