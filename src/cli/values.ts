// Words of the command line → typed values. Every parser throws `USAGE` that names the option and the word.
import type { Compression } from '../blob/compressor.ts';
import { nearest } from '../core/nearest.ts';
import { refuse, type ValueParser } from '../core/words.ts';

// biome-ignore lint/performance/noBarrelFile: one door for what commands read, whoever else reads it too
export { choiceOf, parseDuration, parseWord, usage, type ValueParser } from '../core/words.ts';

const POWERS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Bytes: `10MB` and `10kB` are decimal, `1.5GiB` binary, a number alone is bytes. At least 1. */
export function parseSize(option: string, text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) refuse(option, text, 'it is not a size', SIZE_HINT);
  const power = Object.hasOwn(POWERS, unit.toLowerCase()) ? POWERS[unit.toLowerCase()] : undefined;
  if (power === undefined) {
    const letter = unit.toUpperCase();
    const hint = /^[KMGT]$/.test(letter)
      ? `write ${digits}${letter}B for powers of 1000 or ${digits}${letter}iB for powers of 1024`
      : SIZE_HINT;
    refuse(option, text, `the unit ${JSON.stringify(unit)} is not known`, hint);
  }
  const bytes = Math.round(Number(digits) * power);
  if (bytes < 1) refuse(option, text, 'it is less than one byte');
  if (!Number.isSafeInteger(bytes)) refuse(option, text, 'it is too large');
  return bytes;
}

const SIZE_HINT = 'sizes are written as 500000, 10MB, 1.5GiB';

/** A whole number from 1 to `most`. */
export function countUpTo(most: number): ValueParser<number> {
  return (option, text) => {
    if (!/^\d+$/.test(text)) refuse(option, text, 'it is not a whole number');
    const count = Number(text);
    if (count < 1 || count > most) refuse(option, text, `it is not between 1 and ${most}`);
    return count;
  };
}

/** A number of layers. */
export function countFrom0(option: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) refuse(option, text, 'it is not a whole number');
  return Number(text);
}

/** `30` or `30%`; from 0 to 100. */
export function parsePercent(option: string, text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim()) ?? [];
  if (digits === undefined) refuse(option, text, 'it is not a percentage', 'for example 25 or 25%');
  const percent = Number(digits);
  if (percent > 100) refuse(option, text, 'it is more than 100 percent');
  return percent;
}

const LEVELS = { gzip: { least: 1, most: 9, usual: 6 }, zstd: { least: 1, most: 22, usual: 3 } };

/** `none`, `gzip[:1-9]`, `zstd[:1-22]`. */
export function parseCompression(option: string, text: string): Compression {
  const [, kind, digits] = /^([a-z]+)(?::(.*))?$/.exec(text) ?? [];
  if (kind === 'none' && digits === undefined) return { kind };
  if (kind !== 'gzip' && kind !== 'zstd') {
    const near = nearest(kind ?? text, ['none', 'gzip', 'zstd']);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    return refuse(option, text, 'it is not one of none, gzip[:1-9], zstd[:1-22]', hint);
  }
  const { least, most, usual } = LEVELS[kind];
  if (digits === undefined) return { kind, level: usual };
  const level = /^\d{1,2}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(level >= least && level <= most)) {
    refuse(option, text, `the level of ${kind} is not between ${least} and ${most}`);
  }
  return { kind, level };
}

/** `K=V`; V may be empty and may hold further `=`. */
export function parsePair(option: string, text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals < 0) refuse(option, text, 'the value is missing', 'write KEY=VALUE');
  if (equals === 0) refuse(option, text, 'the key is empty', 'write KEY=VALUE');
  return [text.slice(0, equals), text.slice(equals + 1)];
}

const RFC_3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** RFC 3339, or seconds since the epoch; given back as it is. */
export function parseTimestamp(option: string, text: string): string {
  if (/^\d{1,12}$/.test(text) || RFC_3339.test(text)) return text;
  const hint = 'write seconds since 1970, or for example 2026-01-31T12:00:00Z';
  return refuse(option, text, 'it is not a time', hint);
}
