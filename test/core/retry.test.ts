import { describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import {
  parseRetryAfter,
  RETRY,
  retryDelayMs,
  startTries,
  withRetries,
} from '../../src/core/retry.ts';
import { contextOn, TestClock } from '../registry/client-support.ts';

const PASSING = new ShipperError('REGISTRY', 'Cannot do it: busy', { retryable: true });
const chance = () => 0.5;

describe('retryDelayMs()', () => {
  it('doubles up to a cap, with up to half of it by chance', () => {
    expect([1, 2, 3, 4, 5, 20].map((failures) => retryDelayMs(failures, 1))).toEqual([
      1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
    expect(retryDelayMs(1, 0)).toBe(500);
  });

  it('is at least what was asked for, and at most a minute', () => {
    expect(retryDelayMs(1, 0, 2000)).toBe(2000);
    expect(retryDelayMs(1, 1, 2000)).toBe(2500);
    expect(retryDelayMs(1, 1, 59_900)).toBe(60_000);
    expect(retryDelayMs(1, 0, 1e15)).toBe(60_000);
  });
});

describe('parseRetryAfter()', () => {
  it('takes seconds and dates', () => {
    const now = Date.parse('Tue, 14 Nov 2023 22:13:20 GMT');
    expect(parseRetryAfter('120', now)).toBe(120_000);
    expect(parseRetryAfter('Tue, 14 Nov 2023 22:13:25 GMT', now)).toBe(5000);
    expect(parseRetryAfter('Tue, 14 Nov 2000 22:13:25 GMT', now)).toBe(0);
    for (const text of ['-1', '1e9', 'soon', '', 'Tue, 99 Nov 2023 99:13:25 GMT']) {
      expect(parseRetryAfter(text, now)).toBeUndefined();
    }
    expect(parseRetryAfter(undefined, now)).toBeUndefined();
  });
});

describe('withRetries()', () => {
  it('tries three times, and only what may pass', async () => {
    const clock = new TestClock(60_000);
    let tried = 0;
    const failing = (error: Error) =>
      withRetries(contextOn(clock), chance, async () => {
        tried += 1;
        throw error;
      });
    await expect(failing(PASSING)).rejects.toBe(PASSING);
    expect([tried, clock.sleeps]).toEqual([3, [750, 1500]]);
    const final = new ShipperError('REGISTRY', 'Cannot do it: no');
    await expect(failing(final)).rejects.toBe(final);
    const foreign = new TypeError('x');
    await expect(failing(foreign)).rejects.toBe(foreign);
    expect(tried).toBe(5);
  });

  it('gives what came of it', async () => {
    let tried = 0;
    const result = withRetries(contextOn(new TestClock(60_000)), chance, async () => {
      tried += 1;
      if (tried < RETRY.tries) throw PASSING;
      return 'done';
    });
    expect(await result).toBe('done');
  });
});

describe('startTries()', () => {
  it('counts anew after progress', async () => {
    const ctx = contextOn(new TestClock(60_000));
    const tries = startTries(chance);
    for (let round = 0; round < 10; round += 1) {
      await tries.failed(ctx, PASSING);
      await tries.failed(ctx, PASSING);
      tries.progressed();
    }
    await tries.failed(ctx, PASSING);
    await tries.failed(ctx, PASSING);
    await expect(tries.failed(ctx, PASSING)).rejects.toBe(PASSING);
  });
});
