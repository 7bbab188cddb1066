// How far a service has come, from single looks at it.
import { describe, expect, it } from 'vitest';
import type { SwarmService, SwarmTask, UpdateState } from '../../../src/engine/swarm.ts';
import { type Goal, judge, startWatch, type Watch } from '../../../src/rollout/swarm/judge.ts';

const GOAL: Goal = {
  service: 'api',
  specHash: 'new',
  release: 'r2',
  taskHash: 't2',
  image: 'i2',
  replicas: 2,
  isOneShot: false,
  maxFailureRatio: 0,
  monitorMs: 1000,
  limitMs: 10_000,
  known: new Set(['old1', 'old2']),
};

function service(state?: UpdateState, labels: Partial<Record<'release' | 'hash', string>> = {}) {
  const { release = 'r2', hash = 'new' } = labels;
  const Labels = { 'shipper.release': release, 'shipper.spec-hash': hash };
  const update = state === undefined ? undefined : { state, message: `it is ${state}` };
  return { id: 's', version: 1, spec: { Name: 'shop_prod_api', Labels }, update } as SwarmService;
}

function task(id: string, slot: number, more: Partial<SwarmTask> = {}): SwarmTask {
  const isOld = id.startsWith('old');
  return {
    ...{ id, serviceId: 's', slot, nodeId: `n${slot}`, state: 'running', desired: 'running' },
    labels: { 'shipper.task-hash': isOld ? 't1' : 't2' },
    ...{ image: isOld ? 'i1' : 'i2', error: '', exitCode: undefined, containerId: undefined },
    ...{ createdAt: id, at: id, ...more },
  };
}

const BOTH = [task('new1', 1), task('new2', 2)];
const look = (
  it: SwarmService | undefined,
  tasks: readonly SwarmTask[],
  goal: Partial<Goal> = {},
  watch: Watch = startWatch(0),
  nowMs = 0,
) =>
  judge(
    { service: it, tasks, time: { askedMs: nowMs, answeredMs: nowMs } },
    { ...GOAL, ...goal },
    watch,
  );

describe('a service', () => {
  it('is done when the swarm has watched its update and all run', () => {
    expect(look(service('completed'), BOTH)[0]).toEqual({ kind: 'done' });
    expect(look(service('updating'), BOTH)[0].kind).toBe('waiting');
    expect(look(service('completed'), [task('new1', 1)])[0].kind).toBe('waiting');
    expect(look(service('completed'), [...BOTH, task('old2', 2)])[0].kind).toBe('waiting');
  });

  it('that the swarm does not watch is done when it has run for the monitor time', () => {
    const [first, watch] = look(service(), BOTH);
    expect(first).toMatchObject({ kind: 'waiting', text: '2 of 2 run what they should' });
    expect(look(service(), BOTH, {}, watch, 900)[0].kind).toBe('waiting');
    expect(look(service(), BOTH, {}, watch, 1000)[0]).toEqual({ kind: 'done' });
    const [, again] = look(service(), [task('new1', 1)], {}, watch, 900);
    expect(look(service(), BOTH, {}, again, 1500)[0].kind).toBe('waiting');
  });

  it('whose tasks all ran before is done at once', () => {
    expect(look(service(), BOTH, { known: new Set(['new1', 'new2']) })[0]).toEqual({
      kind: 'done',
    });
  });

  it('has not failed by one failure while the swarm watches, and has where it does not', () => {
    const failed = task('new0', 1, {
      ...{ state: 'failed', desired: 'shutdown', error: 'task: non-zero exit (3)', exitCode: 3 },
    });
    expect(look(service('updating'), [failed, ...BOTH])[0].kind).toBe('waiting');
    const [verdict] = look(service(), [failed, ...BOTH]);
    expect(verdict).toMatchObject({ kind: 'failed', isLate: false, task: { id: 'new0' } });
    expect(verdict).toMatchObject({ text: 'api.1 does not work: task: non-zero exit (3)' });
    expect(look(service(), [failed, ...BOTH], { maxFailureRatio: 0.5 })[0].kind).toBe('waiting');
    expect(look(service(), [failed, ...BOTH], { known: new Set(['new0']) })[0].kind).toBe(
      'waiting',
    );
    expect(look(service('paused'), [failed])[0]).toMatchObject({ kind: 'failed', isLate: false });
  });

  it('that the swarm put back is no success', () => {
    const old = { release: 'r1', hash: 'old' };
    const tasks = [task('old1', 1), task('old2', 2)];
    expect(look(service('rollback_started', old), tasks)[0]).toMatchObject({
      kind: 'waiting',
      text: expect.stringContaining('the swarm rolls it back'),
    });
    expect(look(service('rollback_completed', old), tasks)[0].kind).toBe('rolled-back');
    expect(look(service('rollback_paused', old), tasks)[0].kind).toBe('rollback-paused');
    expect(look(service('rollback_completed'), BOTH)[0]).toEqual({ kind: 'done' });
  });

  it('that somebody else changed or removed is theirs', () => {
    expect(look(service('updating', { release: 'r3' }), BOTH)[0].kind).toBe('changed');
    expect(look(undefined, [])[0].kind).toBe('changed');
  });

  it('has so long until anything goes on', () => {
    const pending = (state: string) =>
      [1, 2].map((slot) =>
        task(`new${slot}`, slot, { state, nodeId: '', error: 'no suitable node' }),
      );
    const [, watch] = look(service(), pending('pending'));
    const [late] = look(service(), pending('pending'), {}, watch, 10_000);
    expect(late).toMatchObject({ kind: 'failed', isLate: true });
    expect(late).toMatchObject({
      text: 'nothing went on for 10 seconds: 0 of 2 run what they should (api.1 is pending: no suitable node; api.2 is pending: no suitable node)',
    });
    const [, more] = look(service(), pending('preparing'), {}, watch, 9000);
    expect(look(service(), pending('preparing'), {}, more, 15_000)[0].kind).toBe('waiting');
  });

  it('of one shot is done when its tasks have ended well', () => {
    const ended = BOTH.map((each) => ({ ...each, state: 'complete' }));
    const [, watch] = look(service(), ended, { isOneShot: true });
    expect(look(service(), ended, { isOneShot: true }, watch, 1000)[0]).toEqual({ kind: 'done' });
    expect(look(service(), ended, {}, watch, 1000)[0].kind).toBe('waiting');
  });

  it('on every node is done when what should run runs', () => {
    const tasks = ['n1', 'n2', 'n3'].map((nodeId) => task(`new${nodeId}`, 0, { nodeId }));
    const goal = { replicas: undefined };
    expect(look(service('completed'), tasks, goal)[0]).toEqual({ kind: 'done' });
    const [first = task('x', 0), ...others] = tasks;
    const starting = [{ ...first, state: 'starting' }, ...others];
    expect(look(service('completed'), starting, goal)[0]).toMatchObject({
      kind: 'waiting',
      text: '2 of 3 run what they should (api.n1 is starting)',
    });
    expect(look(service(), [], goal)[0].kind).toBe('waiting');
  });

  it('of none is done when none runs', () => {
    expect(look(service(), [], { replicas: 0 })[0]).toEqual({ kind: 'done' });
    expect(look(service(), BOTH, { replicas: 0 })[0].kind).toBe('waiting');
  });
});
