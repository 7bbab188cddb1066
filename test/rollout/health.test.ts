// When a container works, by looks at it: orchestration 5.4, faults D4 to D6.
import { describe, expect, it } from 'vitest';
import type { ContainerHealthcheck, ContainerState } from '../../src/engine/containers.ts';
import { deadlineOf, type GateRule, type GateView, judge } from '../../src/rollout/health.ts';

const CHECK: ContainerHealthcheck = {
  intervalMs: 1000,
  timeoutMs: 500,
  retries: 3,
  startPeriodMs: 2000,
};

function state(
  part: Partial<ContainerState> | 'healthy' | 'unhealthy' | 'starting',
): ContainerState {
  const rest = {
    status: 'running',
    exitCode: 0,
    oomKilled: false,
    error: '',
    startedAt: '2026-01-01T00:00:00.1Z',
    finishedAt: '',
    restartCount: 0,
    health: undefined,
  } as const;
  if (typeof part !== 'string') return { ...rest, ...part };
  return { ...rest, health: { status: part, failingStreak: 0, log: [] } };
}

/** Looks once a second; the last verdict, and when it came. */
function watch(looks: readonly ContainerState[], rule: GateRule): string {
  let view: GateView | undefined;
  for (const [second, look] of looks.entries()) {
    const nowMs = second * 1000;
    const verdict = judge(look, rule, view, { askedMs: nowMs, answeredMs: nowMs });
    if (verdict.kind === 'failed') return `${second}: ${verdict.why}`;
    if (verdict.kind === 'passed') return `${second}: passed`;
    view = verdict.view;
  }
  return 'waiting';
}

function times(count: number, look: ContainerState): readonly ContainerState[] {
  return Array.from({ length: count }, () => look);
}

const PLAIN: GateRule = { healthcheck: undefined, monitorMs: 5000, isFresh: true };
const CHECKED: GateRule = { healthcheck: CHECK, monitorMs: 3000, isFresh: true };

describe('judge() of a container without a health check', () => {
  it.each<[string, readonly ContainerState[], string]>([
    ['that runs to the end of the window', times(7, state({})), '5: passed'],
    [
      'that ends',
      [...times(3, state({})), state({ status: 'exited', exitCode: 3 })],
      '3: it ended with exit code 3',
    ],
    [
      'that was out of memory',
      [state({}), state({ status: 'exited', exitCode: 137, oomKilled: true })],
      '1: it ended with exit code 137, killed because it was out of memory',
    ],
    [
      'that crashes and is restarted (D4)',
      [...times(2, state({})), state({ restartCount: 1, exitCode: 1 })],
      '2: it ended and was restarted: it crashes',
    ],
    [
      'that crashed before the first look',
      [state({ status: 'restarting', restartCount: 1, exitCode: 1 })],
      '0: it ended with exit code 1 and was restarted: it crashes',
    ],
    [
      'that was restarted by somebody',
      [state({}), state({ startedAt: '2026-01-01T00:00:09Z' })],
      '1: it was restarted: it crashes',
    ],
    [
      'that hangs in restarting',
      times(20, state({ status: 'restarting' })),
      '10: it is restarting after 10 s',
    ],
    [
      'that is removed',
      [state({}), state({ status: 'removing' })],
      '1: it was removed by somebody else',
    ],
  ])('%s', (_, looks, wanted) => {
    expect(watch(looks, PLAIN)).toBe(wanted);
  });

  it('counts restarts of one that ran before from the first look on', () => {
    const rule = { ...PLAIN, isFresh: false };
    expect(watch(times(7, state({ restartCount: 4 })), rule)).toBe('5: passed');
  });
});

describe('judge() of a container with a health check', () => {
  it.each<[string, readonly ContainerState[], string]>([
    [
      'that becomes healthy',
      [...times(4, state('starting')), ...times(9, state('healthy'))],
      '7: passed',
    ],
    [
      'that is unhealthy for a while (D6)',
      [
        ...times(2, state('healthy')),
        ...times(3, state('unhealthy')),
        ...times(9, state('healthy')),
      ],
      '8: passed',
    ],
    ['that never is (D5)', times(40, state('starting')), '17: it is starting after 17 s'],
    ['that turns unhealthy', times(40, state('unhealthy')), '17: it is unhealthy after 17 s'],
    [
      'that flaps without end',
      Array.from({ length: 60 }, (_, second) => state(second % 2 === 0 ? 'healthy' : 'unhealthy')),
      '17: it is unhealthy after 17 s',
    ],
  ])('%s', (_, looks, wanted) => {
    expect(watch(looks, CHECKED)).toBe(wanted);
  });
});

it('deadlineOf() is what the engine needs to say unhealthy, and a margin', () => {
  expect(deadlineOf(CHECKED)).toBe(2000 + 3 * 1500 + 10_000);
  expect(deadlineOf({ ...CHECKED, deadlineMs: 7 })).toBe(7);
});

it('judge() counts time only from the answer to one look to the asking of a later one', () => {
  const first = judge(state({}), PLAIN, undefined, { askedMs: 0, answeredMs: 1000 });
  const view = first.kind === 'waiting' ? first.view : undefined;
  const late = judge(state({}), PLAIN, view, { askedMs: 1250, answeredMs: 60_000 });
  expect(late.kind).toBe('waiting');
  const slow = state({ status: 'restarting' });
  const waits = judge(slow, PLAIN, view, { askedMs: 1250, answeredMs: 60_000 });
  expect(waits.kind).toBe('waiting');
  expect(judge(state({}), PLAIN, view, { askedMs: 6000, answeredMs: 6001 }).kind).toBe('passed');
});
