// The image configuration (image-spec, config.md): read strictly where a flatten depends on it, edited as text where it
// changes it, untouched elsewhere.
import { type Digest, isDigest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Platform } from './image.ts';
import {
  decodeJson,
  editMembers,
  elementTexts,
  isObject,
  type JsonObject,
  type JsonValue,
  member,
  memberText,
  parseJsonObject,
} from './json-text.ts';

/** What a flatten needs of a configuration. */
export interface ImageConfig {
  readonly platform: Platform;
  /** Of the uncompressed layers, base first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryLine[];
  /** RFC 3339, as stored. */
  readonly created: string | undefined;
  readonly raw: JsonObject;
}

/** One line of history. */
export interface HistoryLine {
  readonly createdBy: string | undefined;
  readonly isEmptyLayer: boolean;
}

/** Parses a configuration; `BAD_IMAGE` says what is wrong with it, `what` names it. */
export function parseConfig(bytes: Uint8Array, what: string): ImageConfig {
  const raw = parseJsonObject(bytes, what);
  const rootfs = member(raw, 'rootfs');
  const diffIds = isObject(rootfs) ? member(rootfs, 'diff_ids') : undefined;
  if (!Array.isArray(diffIds)) throw badConfig(what, 'it has no rootfs.diff_ids');
  const created = optionalString(raw, 'created', what);
  return {
    platform: configPlatform(raw, what),
    diffIds: diffIds.map((id: JsonValue, i: number) => {
      if (!isDigest(id)) throw badConfig(what, `rootfs.diff_ids[${i}] is not a digest`);
      return id;
    }),
    history: historyLines(raw, what),
    created,
    raw,
  };
}

function configPlatform(raw: JsonObject, what: string): Platform {
  const variant = optionalString(raw, 'variant', what);
  const osVersion = optionalString(raw, 'os.version', what);
  return {
    // Images of the first years name neither; engines take them for their own.
    os: optionalString(raw, 'os', what) || 'linux',
    architecture: optionalString(raw, 'architecture', what) || 'unknown',
    ...(variant === undefined || variant === '' ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}

function historyLines(raw: JsonObject, what: string): HistoryLine[] {
  const history = member(raw, 'history') ?? [];
  if (!Array.isArray(history)) throw badConfig(what, 'history is not a list');
  return history.map((line: JsonValue, i: number) => {
    if (!isObject(line)) throw badConfig(what, `history[${i}] is not an object`);
    return {
      createdBy: optionalString(line, 'created_by', what),
      isEmptyLayer: member(line, 'empty_layer') === true,
    };
  });
}

function optionalString(object: JsonObject, key: string, what: string): string | undefined {
  const value = member(object, key);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badConfig(what, `${key} is not a string`);
  return value;
}

function badConfig(what: string, reason: string): ShipperError {
  return new ShipperError('BAD_IMAGE', `Cannot read ${what}: ${reason}`);
}

/** How a configuration changes when layers are merged. */
export interface ConfigEdit {
  readonly diffIds: readonly Digest[];
  readonly history: 'summary' | 'keep' | 'none' | 'as-is';
  /** The first of `diffIds` that are the source's own; their lines of history stay. */
  readonly keptLayers: number;
  /** Replaces `created`, also in the line of history that is added. */
  readonly created: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** Applies an edit; every byte that it does not concern stays. */
export function editConfig(bytes: Uint8Array, edit: ConfigEdit, what: string): Uint8Array {
  const text = decodeJson(bytes, what);
  const edits = new Map<string, string | undefined>();
  const diffIds = new Map([['diff_ids', JSON.stringify(edit.diffIds)]]);
  const rootfs = memberText(text, 'rootfs') ?? '{"type":"layers"}';
  edits.set('rootfs', editMembers(rootfs, diffIds, what));
  if (edit.created !== undefined) edits.set('created', JSON.stringify(edit.created));
  if (edit.history !== 'as-is') edits.set('history', historyText(text, edit, what));
  if (Object.keys(edit.labels).length > 0)
    edits.set('config', labelledConfig(text, edit.labels, what));
  return new TextEncoder().encode(editMembers(text, edits, what));
}

const EMPTY_LAYER = new Map([['empty_layer', 'true']]);

/** The lines of kept layers and one for the new one; with `keep` all others between them, which stand for no layer. */
function historyText(text: string, edit: ConfigEdit, what: string): string | undefined {
  if (edit.history === 'none') return undefined;
  const created =
    edit.created === undefined ? memberText(text, 'created') : JSON.stringify(edit.created);
  const time = created === undefined ? '' : `"created":${created},`;
  const summary = `{${time}"created_by":"shipper flatten"}`;
  const lines = elementTexts(memberText(text, 'history') ?? '[]');
  const kept = keptLines(text, lines, edit);
  // A line for the new layer alone would be taken for that of the first kept one.
  if (kept === undefined) return undefined;
  const others = edit.history === 'keep' ? lines.slice(kept) : [];
  const emptied = others.map((line) => editMembers(line, EMPTY_LAYER, what));
  return `[${[...lines.slice(0, kept), ...emptied, summary].join(',')}]`;
}

/** How many lines belong to the kept layers: up to that of the last. Undefined where lines and layers do not line up. */
function keptLines(text: string, lines: readonly string[], edit: ConfigEdit): number | undefined {
  if (edit.keptLayers === 0) return 0;
  const diffIds = memberText(memberText(text, 'rootfs') ?? '{}', 'diff_ids') ?? '[]';
  const layerLines = lines.flatMap((line, at) => (isEmptyLine(line) ? [] : [at]));
  if (layerLines.length !== elementTexts(diffIds).length) return undefined;
  const last = layerLines[edit.keptLayers - 1];
  return last === undefined ? undefined : last + 1;
}

function isEmptyLine(line: string): boolean {
  return memberText(line, 'empty_layer') === 'true';
}

function labelledConfig(
  text: string,
  labels: Readonly<Record<string, string>>,
  what: string,
): string {
  const config = objectText(memberText(text, 'config'));
  const current = objectText(memberText(config, 'Labels'));
  const added = new Map(Object.entries(labels).map(([key, value]) => [key, JSON.stringify(value)]));
  const edited = new Map([['Labels', editMembers(current, added, what)]]);
  return editMembers(config, edited, what);
}

function objectText(text: string | undefined): string {
  return text === undefined || !text.startsWith('{') ? '{}' : text;
}
