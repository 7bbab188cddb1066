// PAX extended headers as bytes (POSIX pax, "Extended Header"; values may be binary). Never as UTF-8 text: that is how
// other tools lose `security.capability`.
import { LIMITS } from '../core/limits.ts';
import { corrupt, overLimit } from './corrupt.ts';

/** Records in the order of the header; a later record of a key replaces an earlier one. */
export type PaxRecords = Map<string, string>;

/** Keys whose values are names: a NUL in them would be cut by some readers and not by others. */
const NAME_KEYS = new Set(['path', 'linkpath', 'uname', 'gname']);
const GNU_SPARSE_OFFSET = 'GNU.sparse.offset';
const GNU_SPARSE_BYTES = 'GNU.sparse.numbytes';
/** Where the repeated records of sparse format 0.0 are collected, as format 0.1 has them. */
export const GNU_SPARSE_MAP = 'GNU.sparse.map';

/** Parses the body of an `x` or `g` header; `offset` is for messages. */
export function parsePax(body: string, offset: number): PaxRecords {
  const records: PaxRecords = new Map();
  const sparse: string[] = [];
  let at = 0;
  while (at < body.length) {
    const { key, value, end } = parseRecord(body, at, offset);
    if (key === GNU_SPARSE_OFFSET || key === GNU_SPARSE_BYTES) sparse.push(key, value);
    else records.set(key, value);
    at = end;
    if (records.size > LIMITS.paxRecords) {
      throw overLimit(`a PAX header has more than ${LIMITS.paxRecords} records`, offset);
    }
  }
  if (sparse.length > 0) records.set(GNU_SPARSE_MAP, joinSparse(sparse, offset));
  return records;
}

/** `LENGTH SP KEY = VALUE LF`, where LENGTH counts the whole record. */
function parseRecord(body: string, at: number, offset: number) {
  const space = body.indexOf(' ', at);
  const digits = space < 0 ? '' : body.slice(at, space);
  if (!/^[0-9]{1,10}$/.test(digits)) throw corrupt('a PAX record has no valid length', offset);
  const end = at + Number(digits);
  if (end > body.length || end <= space + 1 || body[end - 1] !== '\n') {
    throw corrupt('a PAX record has a wrong length', offset);
  }
  const equals = body.indexOf('=', space);
  if (equals < 0 || equals >= end) throw corrupt('a PAX record has no "="', offset);
  const key = body.slice(space + 1, equals);
  const value = body.slice(equals + 1, end - 1);
  if (key === '') throw corrupt('a PAX record has an empty key', offset);
  if (key.includes('\0') || (NAME_KEYS.has(key) && value.includes('\0'))) {
    throw corrupt('a PAX record has a NUL in its name', offset);
  }
  return { key, value, end };
}

/** Format 0.0 repeats offset and numbytes records, in pairs; one comma list is format 0.1. */
function joinSparse(pairs: readonly string[], offset: number): string {
  const values: string[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const wanted = i % 4 === 0 ? GNU_SPARSE_OFFSET : GNU_SPARSE_BYTES;
    const value = pairs[i + 1] ?? '';
    if (pairs[i] !== wanted || value.includes(',')) {
      throw corrupt('the sparse map is not in pairs', offset);
    }
    values.push(value);
  }
  return values.join(',');
}

/** A non-negative decimal number that JavaScript holds exactly. */
export function parsePaxNumber(value: string, key: string, offset: number): number {
  const number = /^[0-9]{1,19}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    throw corrupt(`PAX ${key} is not a number in range`, offset);
  }
  return number;
}

/** `[-]SECONDS[.FRACTION]`, cut (not rounded) to nanoseconds towards the past for negative times as Go does. */
export function parsePaxTime(value: string, offset: number): { seconds: number; nanos: number } {
  const match = /^(-?)([0-9]{1,16})(?:\.([0-9]*))?$/.exec(value);
  const seconds = Number(match?.[2] ?? Number.NaN);
  if (match === null || !Number.isSafeInteger(seconds)) {
    throw corrupt('PAX mtime is not a time in range', offset);
  }
  const nanos = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] !== '-') return { seconds, nanos };
  if (nanos === 0) return { seconds: seconds === 0 ? 0 : -seconds, nanos: 0 };
  return { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos };
}

/** The inverse of {@link parsePaxTime}, with no more digits than needed. */
export function formatPaxTime(seconds: number, nanos: number): string {
  if (nanos === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const part = negative ? 1_000_000_000 - nanos : nanos;
  const fraction = String(part).padStart(9, '0').replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}.${fraction}`;
}

/** One record with its own length in front. */
export function formatPaxRecord(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length + rest !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}
