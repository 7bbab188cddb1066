// Good values; the bad ones are in usage.test.ts, word for word.
import { describe, expect, it } from 'vitest';
import {
  parseCompression,
  parseDuration,
  parsePair,
  parsePercent,
  parseSize,
  parseTimestamp,
} from '../../src/cli/values.ts';
import { nearest } from '../../src/core/nearest.ts';

describe('parseSize()', () => {
  it.each([
    ['1', 1],
    ['500000', 500_000],
    ['10B', 10],
    ['10kB', 10_000],
    ['10KB', 10_000],
    ['10MB', 10_000_000],
    ['10 mb', 10_000_000],
    ['1.5GB', 1_500_000_000],
    ['1.5GiB', 1_610_612_736],
    ['1KiB', 1024],
    ['3MiB', 3_145_728],
    ['2TiB', 2_199_023_255_552],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(parseSize('--x', text)).toBe(bytes);
  });
});

describe('parseDuration()', () => {
  it.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['0.5s', 500],
    ['90', 90_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration('--x', text)).toBe(ms);
  });
});

describe('parseCompression()', () => {
  it.each([
    ['none', { kind: 'none' }],
    ['gzip', { kind: 'gzip', level: 6 }],
    ['gzip:9', { kind: 'gzip', level: 9 }],
    ['zstd', { kind: 'zstd', level: 3 }],
    ['zstd:19', { kind: 'zstd', level: 19 }],
  ])('reads %s', (text, compression) => {
    expect(parseCompression('--x', text)).toEqual(compression);
  });
});

describe('other values', () => {
  it('parsePercent() takes a percent sign and fractions', () => {
    expect(['25', '25%', '12.5 %', '0', '100'].map((text) => parsePercent('--x', text))).toEqual([
      25, 25, 12.5, 0, 100,
    ]);
  });

  it('parsePair() keeps further equal signs and empty values', () => {
    expect(parsePair('--x', 'a=b=c')).toEqual(['a', 'b=c']);
    expect(parsePair('--x', 'a=')).toEqual(['a', '']);
  });

  it.each([
    '0',
    '1767225600',
    '2026-01-31T12:00:00Z',
    '2026-01-31t12:00:00.123456789+05:30',
  ])('parseTimestamp() passes %s on', (text) => {
    expect(parseTimestamp('--x', text)).toBe(text);
  });
});

describe('nearest()', () => {
  it.each([
    ['taag', 'tag'],
    ['atg', 'tag'],
    ['TAG', 'tag'],
    ['comp', 'compression'],
    ['verifi', 'verify'],
    ['xyz', undefined],
    ['', undefined],
  ])('finds for %j %j', (word, found) => {
    expect(nearest(word, ['tag', 'compression', 'verify', 'output'])).toBe(found);
  });
});
