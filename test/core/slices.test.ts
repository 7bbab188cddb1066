// Long computations give way to a signal.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { atOnce, inSlices } from '../../src/core/slices.ts';
import { planInSlices } from '../../src/flatten/plan.ts';
import { DEFAULT_POLICY } from '../../src/flatten/policy.ts';
import { nodeClock } from '../../src/system/node.ts';
import { scanTar } from '../../src/tar/scan.ts';
import { inMemory, silent } from '../support/flatten.ts';
import { layers } from '../support/layers.ts';

function* countTo(most: number, seen: number[] = []): Generator<undefined, string, undefined> {
  for (let i = 1; i <= most; i += 1) {
    seen.push(i);
    yield;
  }
  return 'done';
}

/** A clock of which every look costs 10 ms, and the pauses that were made. */
function slowClock(): { ctx: Context; pauses: () => number } {
  let nowMs = 0;
  let pauses = 0;
  const clock: Context['clock'] = {
    now: () => nowMs,
    monotonic: () => {
      nowMs += 10;
      return nowMs;
    },
    sleep: async () => {
      pauses += 1;
    },
  };
  return { ctx: { ...silent, clock }, pauses: () => pauses };
}

describe('inSlices()', () => {
  it('gives the result, and pauses where time has gone by', async () => {
    const { ctx, pauses } = slowClock();
    expect(await inSlices(ctx, countTo(160))).toBe('done');
    expect(pauses()).toBeGreaterThan(5);
    expect(pauses()).toBeLessThan(16);
  });

  it('does not pause where little time has gone by', async () => {
    let pauses = 0;
    const sleep = async () => {
      pauses += 1;
    };
    const ctx = { ...silent, clock: { ...silent.clock, sleep } };
    expect([await inSlices(ctx, countTo(10_000)), pauses]).toEqual(['done', 0]);
  });

  it('passes on what is thrown', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it comes to that
    const failing = (function* (): Generator<undefined, never, undefined> {
      throw new RangeError('no');
    })();
    await expect(inSlices(silent, failing)).rejects.toThrow('no');
  });

  it('ends where the run was cancelled', async () => {
    const seen: number[] = [];
    const stop = new AbortController();
    const { ctx } = slowClock();
    const clock = { ...ctx.clock, sleep: async () => stop.abort() };
    const running = inSlices({ ...ctx, clock, signal: stop.signal }, countTo(1000, seen));
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(seen.length).toBeLessThan(30);
  });
});

describe('atOnce()', () => {
  it('gives the result', () => {
    expect(atOnce(countTo(10))).toBe('done');
  });
});

describe('a plan of very many entries', () => {
  it('is given up within a moment', async () => {
    const [tar = new Uint8Array()] = layers('a/b/c=1 a/d=2 e=3');
    const endless = function* () {
      for (;;) yield* scanTar(inMemory(tar));
    };
    const stop = new AbortController();
    const ctx = { ...silent, clock: nodeClock(), signal: stop.signal };
    const policy = { ...DEFAULT_POLICY, maxEntries: 1_000_000_000 };
    const planning = inSlices(ctx, planInSlices([endless], policy));
    const failure = expect(planning).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await sleep(300);
    const stopped = performance.now();
    stop.abort();
    await failure;
    expect(performance.now() - stopped).toBeLessThan(1000);
  });
});
