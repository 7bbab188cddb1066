// What an image consists of, as a table of layers. Types only from operations.
import type { InspectedImage, InspectedLayer, InspectReport } from '../operations/flatten-types.ts';
import { platformText, removedLines, type TextOptions, warningLines } from './findings.ts';
import {
  type Align,
  clip,
  formatBytes,
  formatCount,
  formatMany,
  formatTable,
  saving,
} from './format.ts';
import { safe } from './text.ts';

const HEADINGS = ['LAYER', 'STORED', 'TAR', 'ENTRIES', 'ADDS', 'HIDES', 'REPLACES', 'DIFF ID'];
const ALIGNS: readonly Align[] = [
  'right',
  'right',
  'right',
  'right',
  'right',
  'right',
  'right',
  'left',
  'left',
];
const CREATED_BY_COLUMNS = 60;

/** The report as lines, each ended by a line feed. */
export function inspectText(report: InspectReport, options: TextOptions): string {
  const { colours } = options;
  const tags = report.tags.length === 0 ? '' : ` (${report.tags.map(safe).join(', ')})`;
  const lines = [
    `${colours.bold(safe(report.resolvedImage))}${tags}`,
    ...report.platforms.flatMap((image) => imageLines(image, options)),
    ...report.attestations.map(({ kind, digest }) => `${safe(kind)} ${safe(digest)}`),
    ...warningLines(report.platforms, options),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function imageLines(image: InspectedImage, options: TextOptions): string[] {
  const { colours } = options;
  const rows = [
    [...HEADINGS, 'CREATED BY'].map(colours.bold),
    ...image.layers.map((layer) => layerRow(layer, options)),
  ];
  return [
    '',
    `${colours.cyan(platformText(image.platform))}  ${sizes(image)}`,
    `  image id  ${safe(image.configDigest)}`,
    ...(image.manifestDigest === undefined ? [] : [`  digest    ${safe(image.manifestDigest)}`]),
    ...(image.created === undefined ? [] : [`  created   ${safe(image.created)}`]),
    '',
    ...formatTable(rows, ALIGNS),
    '',
    ...hiddenLines(image, options),
  ];
}

function sizes(image: InspectedImage): string {
  const { layerBytes, flatBytes } = image;
  const layers = `${formatMany(image.layers.length, 'layer')}, ${formatBytes(layerBytes)}`;
  const flat = `${formatBytes(flatBytes)} flat${saving(layerBytes, flatBytes)}`;
  return `${layers}; ${flat}, ${formatMany(image.entries, 'entry', 'entries')}`;
}

function layerRow(layer: InspectedLayer, { verbose }: TextOptions): string[] {
  const createdBy = safe(layer.createdBy ?? '');
  return [
    String(layer.index + 1),
    formatBytes(layer.storedBytes),
    formatBytes(layer.tarBytes),
    formatCount(layer.entries),
    formatBytes(layer.addedBytes),
    layer.hiddenPaths === 0 ? '-' : formatBytes(layer.hiddenBytes),
    layer.replacingBytes === 0 ? '-' : formatBytes(layer.replacingBytes),
    verbose ? safe(layer.diffId) : shortHex(layer.diffId),
    verbose ? createdBy : clip(createdBy, CREATED_BY_COLUMNS),
  ];
}

function shortHex(digest: string): string {
  return safe(digest.slice(digest.indexOf(':') + 1).slice(0, 12));
}

function hiddenLines(image: InspectedImage, options: TextOptions): string[] {
  const { removed } = image;
  if (removed.paths === 0) return ['hidden: nothing'];
  return [
    `hidden: ${formatMany(removed.paths, 'path')}, ${formatBytes(removed.bytes)}`,
    ...removedLines(removed, options).map((line) => `  ${line}`),
  ];
}
