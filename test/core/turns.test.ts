// Who may go on when, and what the first failure of several tasks does to the others.
import { describe, expect, it } from 'vitest';
import { runTogether } from '../../src/core/pool.ts';
import { Lock, Turns } from '../../src/core/turns.ts';
import { contextOn, failureOf, TestClock } from '../registry/client-support.ts';

/** Resolves after what is ready has run. */
const later = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('come in order, whoever asks first', async () => {
    const turns = new Turns();
    const ctx = contextOn(new TestClock());
    const log: string[] = [];
    const take = (number: number) =>
      turns.take(ctx, number, async () => {
        log.push(`${number} begins`);
        await later();
        log.push(`${number} ends`);
        return number;
      });
    expect(await Promise.all([take(2), take(0), take(1)])).toEqual([2, 0, 1]);
    expect(log).toEqual([0, 1, 2].flatMap((number) => [`${number} begins`, `${number} ends`]));
  });

  it('do not come after a failure, and a wait ends when it is cancelled', async () => {
    const turns = new Turns();
    const stop = new AbortController();
    const ctx = contextOn(new TestClock(), stop.signal);
    const failing = turns.take(ctx, 0, () => Promise.reject(new RangeError('no')));
    const waiting = failureOf(turns.take(ctx, 1, () => Promise.reject(new Error('it came'))));
    await expect(failing).rejects.toThrow('no');
    await later();
    stop.abort();
    expect((await waiting).code).toBe('INTERRUPTED');
  });
});

describe('a lock', () => {
  it('lets one in at a time, also after a failure and after one that gave up', async () => {
    const lock = new Lock();
    const stop = new AbortController();
    const ctx = contextOn(new TestClock());
    let inside = 0;
    const work = async () => {
      inside += 1;
      expect(inside).toBe(1);
      await later();
      inside -= 1;
    };
    const first = lock.hold(ctx, work);
    const failing = lock.hold(ctx, () => work().then(() => Promise.reject(new RangeError('no'))));
    const leaving = failureOf(lock.hold(contextOn(new TestClock(), stop.signal), work));
    const last = lock.hold(ctx, work);
    stop.abort();
    expect((await leaving).code).toBe('INTERRUPTED');
    await expect(failing).rejects.toThrow('no');
    await Promise.all([first, last]);
    expect(inside).toBe(0);
  });
});

describe('tasks that go together', () => {
  it('are at most so many, begun in order', async () => {
    const ctx = contextOn(new TestClock());
    const begun: number[] = [];
    let [now, most] = [0, 0];
    const tasks = Array.from({ length: 7 }, (_, at) => async () => {
      begun.push(at);
      now += 1;
      most = Math.max(most, now);
      await later();
      now -= 1;
    });
    await runTogether(ctx, tasks, 3);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });

  it('end with the first failure: others are aborted, and what has not begun never does', async () => {
    const ctx = contextOn(new TestClock());
    const ends: string[] = [];
    const running = runTogether(
      ctx,
      [
        async ({ signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          ends.push('aborted');
          throw signal.reason;
        },
        () => Promise.reject(new RangeError('the second')),
        async () => void ends.push('the third began'),
      ],
      2,
    );
    await expect(running).rejects.toThrow('the second');
    expect(ends).toEqual(['aborted']);
  });

  it('end when their context is cancelled', async () => {
    const stop = new AbortController();
    const ctx = contextOn(new TestClock(), stop.signal);
    const waits = ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      );
    const running = failureOf(runTogether(ctx, [waits, waits], 2));
    stop.abort();
    expect((await running).code).toBe('INTERRUPTED');
  });
});
