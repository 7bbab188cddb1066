// The time that a result says it was created (`flatten.md` 3).
import { ShipperError } from '../core/errors.ts';

/** `--timestamp`, else SOURCE_DATE_EPOCH, as RFC 3339; undefined keeps the source's. */
export function createdTime(
  timestamp: string | undefined,
  sourceDateEpoch: string | undefined,
): string | undefined {
  if (timestamp !== undefined) return parseTime(timestamp, '--timestamp');
  if (sourceDateEpoch === undefined || sourceDateEpoch === '') return undefined;
  if (!/^\d+$/.test(sourceDateEpoch)) throw bad('SOURCE_DATE_EPOCH', sourceDateEpoch);
  return parseTime(sourceDateEpoch, 'SOURCE_DATE_EPOCH');
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

function parseTime(text: string, what: string): string {
  const time = /^\d+$/.test(text)
    ? new Date(Number(text) * 1000)
    : new Date(RFC3339.test(text) && isDay(text) ? text : Number.NaN);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() > 9999) throw bad(what, text);
  return time.toISOString().replace('.000Z', 'Z');
}

/** Dates take the 31st of February for the 3rd of March. */
function isDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

function bad(what: string, text: string): ShipperError {
  return new ShipperError(
    'USAGE',
    `Cannot use ${what} ${JSON.stringify(text)}: it is neither seconds since 1970 nor a time as 2026-01-31T12:00:00Z`,
  );
}
