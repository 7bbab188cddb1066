// Where two configurations differ in what a container can observe: everything but the layers, their history and the
// time of creation.
import type { Image } from '../image/image.ts';
import { isObject, type JsonValue, member, parseJsonObject } from '../image/json-text.ts';
import type { DifferenceList } from './difference-list.ts';

const NOT_OBSERVABLE = new Set(['rootfs', 'history', 'created']);
/** Sets and maps of the user's own words: here a key that is there says something, whatever its value is. */
const KEYED = new Set(['config.ExposedPorts', 'config.Volumes', 'config.Labels']);
const SHOWN_LENGTH = 120;

/** Adds every member that differs to `list`. */
export function compareConfigs(
  a: Image,
  b: Image,
  ignoreLabels: readonly string[],
  list: DifferenceList,
): void {
  const ignored = new Set(ignoreLabels.map((label) => `config.Labels.${label}`));
  const valueA = parseJsonObject(a.config.bytes, `the configuration of ${a.name}`);
  const valueB = parseJsonObject(b.config.bytes, `the configuration of ${b.name}`);
  const keys = new Set([...Object.keys(valueA), ...Object.keys(valueB)]);
  for (const key of [...keys].sort()) {
    if (!NOT_OBSERVABLE.has(key))
      compareValues(member(valueA, key), member(valueB, key), key, ignored, list);
  }
}

function compareValues(
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  path: string,
  ignored: ReadonlySet<string>,
  list: DifferenceList,
): void {
  if (ignored.has(path) || (isAbsent(a) && isAbsent(b))) return;
  const isOpen = (value: JsonValue | undefined) => isObject(value) || isAbsent(value);
  if ((isObject(a) || isObject(b)) && isOpen(a) && isOpen(b)) {
    const objectA = isObject(a) ? a : {};
    const objectB = isObject(b) ? b : {};
    const keys = new Set([...Object.keys(objectA), ...Object.keys(objectB)]);
    for (const key of [...keys].sort()) {
      const compare = KEYED.has(path) ? compareEntries : compareValues;
      compare(member(objectA, key), member(objectB, key), `${path}.${key}`, ignored, list);
    }
    return;
  }
  addDifference(a, b, path, list);
}

function compareEntries(
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  path: string,
  ignored: ReadonlySet<string>,
  list: DifferenceList,
): void {
  if (!ignored.has(path)) addDifference(a, b, path, list);
}

function addDifference(
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  path: string,
  list: DifferenceList,
): void {
  const textA = textOf(a);
  const textB = textOf(b);
  if (textA !== textB) list.add('config', path, `${shorten(textA)} in A, ${shorten(textB)} in B`);
}

/** Engines write what is empty as null, as an empty value or not at all; a container cannot tell. */
function isAbsent(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === 0)
    return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

/** Members in one order: JSON objects have none. */
function textOf(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_key, inner: JsonValue) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  );
}

function shorten(text: string): string {
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH - 3)}...`;
}
