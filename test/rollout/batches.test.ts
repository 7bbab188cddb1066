import { expect, it } from 'vitest';
import { batchesOf, isOverRatio } from '../../src/rollout/batches.ts';

const FIVE = [1, 2, 3, 4, 5];

it.each<[string, Parameters<typeof batchesOf>[1], string]>([
  ['one by one', { parallelism: 1, canary: 0 }, '1 2 3 4 5'],
  ['two at once', { parallelism: 2, canary: 0 }, '12 34 5'],
  ['all at once', { parallelism: 0, canary: 0 }, '12345'],
  ['a part, rounded up', { parallelism: { percent: 25 }, canary: 0 }, '12 34 5'],
  ['at least one', { parallelism: { percent: 1 }, canary: 0 }, '1 2 3 4 5'],
  ['a canary first', { parallelism: 0, canary: 1 }, '1 2345'],
  ['more canaries than slots', { parallelism: 1, canary: 9 }, '12345'],
])('batchesOf() gives %s', (_, rule, wanted) => {
  expect(
    batchesOf(FIVE, rule)
      .map((batch) => batch.join(''))
      .join(' '),
  ).toBe(wanted);
});

it('isOverRatio() is true above the ratio, not at it', () => {
  expect(isOverRatio(0, 4, 0)).toBe(false);
  expect(isOverRatio(1, 4, 0)).toBe(true);
  expect(isOverRatio(1, 4, 0.25)).toBe(false);
  expect(isOverRatio(2, 4, 0.25)).toBe(true);
  expect(isOverRatio(0, 0, 0)).toBe(false);
});
