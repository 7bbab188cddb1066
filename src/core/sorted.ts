// One order for what has none, so that the same content is the same text.
import { type Digest, digestOf } from './digest.ts';

/** Text by its UTF-16 units, whatever the language of the machine. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The members of a record, by name. */
export function sortedRecord<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => compareText(a, b)));
}

/** The digest of a plain value; the order in which members were written does not matter. */
export function digestOfValue(value: unknown): Digest {
  return digestOf(new TextEncoder().encode(JSON.stringify(sorted(value)) ?? 'null'));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return sortedRecord(Object.fromEntries(members));
}
