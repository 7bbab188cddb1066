// Durations, sizes and other small texts whose form the schema has checked → numbers.
import type { Compression } from '../blob/compressor.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of `1m30s`, `500ms`, `0`. */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, digits, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d)/g)) {
    total += Number(digits) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(total);
}

const POWER: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes of `64m`, `1.5gb`, `2GiB`: powers of 1024, as docker has them. */
export function dockerBytes(text: string): number {
  const [, digits = '0', unit = 'b'] = /^(\d+(?:\.\d+)?) ?([bkmgt])?/i.exec(text) ?? [];
  return Math.floor(Number(digits) * 1024 ** (POWER[unit.toLowerCase()] ?? 0));
}

/** Bytes of `10MB` (powers of 1000) and `1.5GiB` (of 1024), as the command line has them. */
export function exactBytes(text: string): number {
  const [, digits = '0', unit = 'b', binary] =
    /^(\d+(?:\.\d+)?) ?([bkmgt])?(i)?b?$/i.exec(text) ?? [];
  const base = binary === undefined ? 1000 : 1024;
  return Math.round(Number(digits) * base ** (POWER[unit.toLowerCase()] ?? 0));
}

const USUAL_LEVEL = { gzip: 6, zstd: 3 } as const;

/** `none`, `gzip[:1-9]`, `zstd[:1-22]`. */
export function compressionOf(text: string): Compression {
  const [kind, level] = text.split(':');
  if (kind !== 'gzip' && kind !== 'zstd') return { kind: 'none' };
  return { kind, level: level === undefined ? USUAL_LEVEL[kind] : Number(level) };
}

/**
 * The words of a command line as a POSIX shell divides them, without expanding anything; undefined where a quote is not
 * closed.
 */
export function shellWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  const token = /\s+|'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|([^\s'"\\]+)/y;
  let current: string | undefined;
  let at = 0;
  while (at < text.length) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) return undefined;
    const [all, single, double, escaped, bare] = found;
    at += all.length;
    const part = single ?? double?.replace(/\\(["\\$`\n])/g, '$1') ?? escaped ?? bare;
    if (part !== undefined) current = (current ?? '') + part;
    else if (current !== undefined) {
      words.push(current);
      current = undefined;
    }
  }
  return current === undefined ? words : [...words, current];
}
