import { describe, expect, it } from 'vitest';
import { useColour } from '../../src/report/colours.ts';
import {
  clip,
  displayWidth,
  formatBytes,
  formatCount,
  formatMany,
  formatPercent,
  formatRate,
  formatSeconds,
  formatTable,
} from '../../src/report/format.ts';
import { safe } from '../../src/report/text.ts';

describe('numbers', () => {
  it.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [72_849, '72.8kB'],
    [999_499, '999kB'],
    [999_500, '1MB'],
    [812_400_000, '812MB'],
    [1_234_567_890, '1.23GB'],
    [5e15, '5PB'],
    [5e18, '5000PB'],
    [-1500, '-1.5kB'],
  ])('formatBytes(%d) is %s, as docker writes it', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0.00 s'],
    [0.344, '0.34 s'],
    [0.996, '1.0 s'],
    [3.24, '3.2 s'],
    [42.4, '42 s'],
    [59.9, '1 min 00 s'],
    [125, '2 min 05 s'],
    [3725, '1 h 02 min'],
  ])('formatSeconds(%d) is %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('marks thousands, percent and plurals the same in every locale', () => {
    expect([1, 999, 1000, 61_203, 1_234_567].map(formatCount)).toEqual([
      '1',
      '999',
      '1,000',
      '61,203',
      '1,234,567',
    ]);
    expect([formatPercent(1, 3), formatPercent(1, 0), formatPercent(1, 2)]).toEqual([
      '33.3%',
      '0%',
      '50%',
    ]);
    expect([formatMany(1, 'path'), formatMany(2, 'entry', 'entries')]).toEqual([
      '1 path',
      '2 entries',
    ]);
    expect(formatRate(248_000_000)).toBe('248MB/s');
  });
});

describe('tables', () => {
  it.each([
    ['abc', 3],
    ['日本', 4],
    ['e\u0301', 1],
    ['\x1b[31mred\x1b[39m', 3],
    ['🚀', 2],
    ['', 0],
  ])('displayWidth(%j) is %d', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it('clip() cuts by columns', () => {
    expect(['abcdef', '日本語', 'ab'].map((text) => clip(text, 4))).toEqual(['abc…', '日…', 'ab']);
    expect(clip('abc', 0)).toBe('');
  });

  it('formatTable() aligns by columns and leaves no space at the end', () => {
    const rows = [
      ['NAME', 'SIZE', ''],
      ['日本', '1kB', 'x'],
      ['a', '999kB'],
    ];
    expect(formatTable(rows, ['left', 'right', 'left'])).toEqual([
      'NAME   SIZE',
      '日本    1kB  x',
      'a     999kB',
    ]);
  });
});

describe('safe()', () => {
  it.each([
    ['plain text, ümlaut, 日本 🚀', 'plain text, ümlaut, 日本 🚀'],
    ['a\nb\tc\r', 'a\\nb\\tc\\x0d'],
    ['\x1b[31mred\x9b0m', '\\x1b[31mred\\x9b0m'],
    ['abc\u202ecba\u2066', 'abc\\u{202e}cba\\u{2066}'],
    ['x\u2028y\ud800z', 'x\\u{2028}y\\u{d800}z'],
    ['tcp://me:pw@host:1/x', 'tcp://***@host:1/x'],
    ['ssh://me@host', 'ssh://me@host'],
    ['Authorization: Basic Zm9v', 'Authorization: Basic ***'],
    ['X-Registry-Auth: eyJ9', 'X-Registry-Auth: ***'],
    ['https://h/b?sig=a%2Fb&x=1', 'https://h/b?sig=***&x=1'],
  ])('shows %j as %j', (text, shown) => {
    expect(safe(text)).toBe(shown);
  });
});

describe('useColour()', () => {
  it.each([
    ['auto', {}, true, true],
    ['auto', {}, false, false],
    ['always', { NO_COLOR: '1' }, false, true],
    ['never', { FORCE_COLOR: '1' }, true, false],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    ['auto', { NO_COLOR: '' }, true, true],
    ['auto', { FORCE_COLOR: '1' }, false, true],
    ['auto', { FORCE_COLOR: '0' }, true, false],
    ['auto', { CLICOLOR_FORCE: '1' }, false, true],
    ['auto', { TERM: 'dumb' }, true, false],
    ['auto', { CI: '1' }, false, false],
  ] as const)('--color %s, %j, terminal %s: %s', (choice, env, isTTY, used) => {
    expect(useColour({ choice, env, isTTY })).toBe(used);
  });
});
