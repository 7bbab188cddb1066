// The faults of rollouts that are not shown elsewhere (faults.md 2.7), each on hosts in memory: what is left, and what is said.
// `named-faults.test.ts` has all of them in one list.
import { describe, expect, it } from 'vitest';
import type { Deployed } from '../../src/rollout/deployment.ts';
import type { CallFault, FakeCall } from '../support/fake-host-engine.ts';
import type { Pullable } from '../support/fake-host-images.ts';
import { chances } from './chances.ts';
import { Model, type ModelService, type Run } from './model.ts';

function api(version: string, part: Partial<ModelService> = {}): readonly ModelService[] {
  return [{ name: 'api', version, replicas: 3, ...part }];
}

const ALL = (version: string) => `a: api.1=${version}; b: api.2=${version}; c: api.3=${version}`;

async function deployed(part: Partial<ModelService> = {}, names?: readonly string[]) {
  const model = new Model(names);
  const first = await model.rollout(api('v1', part));
  expect(first?.result.outcome).toBe('done');
  return model;
}

/** How every slot ended: `api.1 updated, api.2 failed`. */
function slotsOf(ended: Deployed | undefined): string {
  return [...(ended?.result.results ?? [])]
    .map(([{ service, slot }, { state }]) => `${service}.${slot} ${state}`)
    .sort()
    .join(', ');
}

function host(model: Model, name: string) {
  const found = model.hosts.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no host ${name}`);
  return found;
}

/** Once `method` was called on `name`, that host does not answer any more. */
function cutAt(name: string, method: string): (call: FakeCall) => CallFault {
  let isCut = false;
  return (call) => {
    isCut ||= call.host === name && call.method === method && isOfSlot(call.args);
    return isCut && call.host === name ? 'drop-before' : 'pass';
  };
}

/** Not the lock, whose containers come and go too. */
function isOfSlot(args: FakeCall['args']): boolean {
  return !JSON.stringify(args).includes('shipper-lock');
}

const ONE_BY_ONE: Partial<ModelService> = {
  rules: { batch: { parallelism: 1, canary: 0 }, failureAction: 'pause' },
};

describe('a host that is lost', () => {
  it('in the middle: the rest serves, its slot is unknown, and resume ends it (D2)', async () => {
    const model = await deployed(ONE_BY_ONE);
    const intercept = cutAt('b', 'containers.create');
    const ended = await model.rollout(api('v2', ONE_BY_ONE), { intercept });
    expect(ended?.result.outcome).toBe('paused');
    expect(slotsOf(ended)).toBe('api.1 updated, api.2 unknown');
    expect(ended?.result.error).toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: expect.stringContaining('b did not answer for 60 s'),
    });
    expect(model.serving()).toBe('a: api.1=v2; b: api.2=v1; c: api.3=v1');
    expect((await model.resume(api('v2', ONE_BY_ONE)))?.result.outcome).toBe('done');
    expect(model.serving()).toBe(ALL('v2'));
  });

  it.each([
    ['breaks', 'drop-before'],
    ['hangs', 'hang'],
  ] as const)('and whose connection %s costs its time-out, and little more (D2)', async (_, fault) => {
    const model = await deployed(ONE_BY_ONE);
    let cutMs = Number.POSITIVE_INFINITY;
    const intercept = (call: FakeCall): CallFault => {
      if (call.host !== 'b') return 'pass';
      const isNow = call.method === 'containers.create' && isOfSlot(call.args);
      if (isNow) cutMs = Math.min(cutMs, model.time.nowMs);
      // A real client gives a call up that hangs for as long as the host may be silent.
      if (model.time.nowMs < cutMs) return 'pass';
      return fault === 'hang' ? { hangMs: 60_000 } : fault;
    };
    const ended = await model.rollout(api('v2', ONE_BY_ONE), { intercept });
    expect(ended?.result.outcome).toBe('paused');
    const tookMs = model.time.nowMs - cutMs;
    expect(tookMs).toBeGreaterThanOrEqual(60_000);
    expect(tookMs).toBeLessThan(75_000);
  });

  it('while the others go on, where the configuration says so (D2)', async () => {
    const part = { rules: { ...ONE_BY_ONE.rules, failureAction: 'continue' } } as const;
    const model = await deployed(part);
    const intercept = cutAt('b', 'containers.create');
    const ended = await model.rollout(api('v2', part), { intercept });
    expect(ended?.result.outcome).toBe('partial');
    expect(slotsOf(ended)).toBe('api.1 updated, api.2 unknown, api.3 updated');
    expect(model.serving()).toBe('a: api.1=v2; b: api.2=v1; c: api.3=v2');
  });

  it('on the way back: it is given up in bounded time, and told as it is (D3)', async () => {
    const model = await deployed();
    host(model, 'c').behaviours.set(':v2', { crashAfterMs: 1000 });
    // It answers until the others go back.
    let isBack = false;
    const intercept = (call: FakeCall): CallFault => {
      isBack ||= model.events.some(
        (event) => event.type === 'note' && event.message.startsWith('going back'),
      );
      return isBack && call.host === 'b' ? 'drop-before' : 'pass';
    };
    const startMs = model.time.nowMs;
    const ended = await model.rollout(api('v2'), { intercept });
    expect(ended?.result.outcome).toBe('rollback-paused');
    expect(slotsOf(ended)).toBe('api.1 rolled-back, api.2 unknown, api.3 failed');
    expect(model.serving()).toBe('a: api.1=v1; b: api.2=v2; c: api.3=v1');
    expect(model.time.nowMs - startMs).toBeLessThan(300_000);
    expect((await model.rollback(api('v2')))?.result.outcome).toBe('rolled-back');
    expect(model.serving()).toBe(ALL('v1'));
  });

  it('by restarting in the middle: it is waited for, and the old one does not come back (D20)', async () => {
    const part = { restart: 'always' };
    const model = await deployed(part);
    let isDone = false;
    const intercept = (call: FakeCall): CallFault => {
      // The old one on b has just been stopped and may not come back; c is still to be done.
      const isNow = call.host === 'c' && call.method === 'containers.create' && isOfSlot(call.args);
      if (isNow && !isDone) {
        isDone = true;
        for (const each of model.hosts) each.crashDaemon();
        return 'drop-before';
      }
      return 'pass';
    };
    const ended = await model.rollout(api('v2', part), { intercept });
    expect(isDone).toBe(true);
    expect(ended?.result.outcome).toBe('done');
    expect(model.serving()).toBe(ALL('v2'));
    for (const each of model.hosts) each.reboot();
    expect(model.serving()).toBe(ALL('v2'));
  });
});

describe('a new container', () => {
  it('that crashes again and again is seen in its window, and the old one serves on (D4)', async () => {
    const model = await deployed();
    const { dark } = model.watch();
    for (const each of model.hosts) each.behaviours.set(':v2', { crashAfterMs: 3000 });
    const ended = await model.rollout(api('v2'));
    expect([ended?.result.outcome, slotsOf(ended)]).toEqual(['rolled-back', 'api.1 failed']);
    expect(ended?.result.error).toMatchObject({ message: expect.stringContaining('it crashes') });
    expect([model.serving(), dark]).toEqual([ALL('v1'), []]);
  });

  it('that never becomes healthy has a deadline, and the old one serves on (D5)', async () => {
    const part = { healthcheck: true };
    const model = await deployed(part);
    const { dark } = model.watch();
    for (const each of model.hosts) each.behaviours.set(':v2', { healthyAfterMs: 1e9 });
    const startMs = model.time.nowMs;
    const ended = await model.rollout(api('v2', part));
    expect(ended?.result.outcome).toBe('rolled-back');
    expect(model.time.nowMs - startMs).toBeLessThan(60_000);
    expect([model.serving(), dark]).toEqual([ALL('v1'), []]);
  });

  it('that turns unhealthy after a while is seen before the old one goes (D6)', async () => {
    const part = { healthcheck: true, rules: { monitorMs: 15_000 } };
    const model = await deployed(part);
    const { dark } = model.watch();
    for (const each of model.hosts) each.behaviours.set(':v2', { unhealthyAfterMs: 10_000 });
    const ended = await model.rollout(api('v2', part));
    expect(ended?.result.outcome).toBe('rolled-back');
    expect([model.serving(), dark]).toEqual([ALL('v1'), []]);
  });

  it.each([
    ['start-first', {}],
    ['stop-first', { rules: { order: 'stop-first' } }],
  ] as const)('whose port somebody has is removed, %s, and the old one serves (D14)', async (_, part) => {
    const model = await deployed(part);
    const refusal = 'driver failed: Bind for 0.0.0.0:80 failed: port is already allocated';
    host(model, 'b').behaviours.set(':v2', { startError: refusal });
    const ended = await model.rollout(api('v2', part));
    expect(ended?.result.outcome).toBe('rolled-back');
    expect(ended?.result.error).toMatchObject({ message: expect.stringContaining(refusal) });
    expect(model.serving()).toBe(ALL('v1'));
    expect(model.stopped()).not.toContain('created');
  });

  it('whose name somebody has fails its slot; neither is touched (D15)', async () => {
    const model = await deployed();
    const b = host(model, 'b');
    b.pulled.set('foreign:1', 'sha256:f');
    let foreign: string | undefined;
    const intercept = ({ host: name, method, args }: FakeCall): CallFault => {
      const [wanted] = args;
      if (name !== 'b' || method !== 'containers.create' || foreign !== undefined) return 'pass';
      if (typeof wanted !== 'string' || !wanted.startsWith('shop-staging-api')) return 'pass';
      const made = b.create(wanted, { Image: 'foreign:1', Labels: {}, HostConfig: {} });
      b.start(made);
      foreign = made.id;
      return 'pass';
    };
    const ended = await model.rollout(api('v2'), { intercept });
    expect(ended?.result.outcome).toBe('rolled-back');
    expect(ended?.result.error).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/on b: one of that name is there, and it is not of this rel/),
    });
    expect(b.containers.get(foreign ?? '')?.status).toBe('running');
    b.containers.delete(foreign ?? '');
    expect(model.serving()).toBe(ALL('v1'));
  });

  it('whose making was not answered is found, and not made twice (D16)', async () => {
    const model = await deployed();
    const lost = new Set<string>();
    const intercept = (call: FakeCall): CallFault => {
      if (call.method !== 'containers.create' || !isOfSlot(call.args) || lost.has(call.host))
        return 'pass';
      lost.add(call.host);
      return 'drop-after';
    };
    expect((await model.rollout(api('v2'), { intercept }))?.result.outcome).toBe('done');
    expect([...lost].sort()).toEqual(['a', 'b', 'c']);
    expect(model.serving()).toBe(ALL('v2'));
    expect(model.stopped()).toBe('a/v1:exited b/v1:exited c/v1:exited');
  });

  it.each([
    ['start-first', {}],
    ['stop-first', { rules: { order: 'stop-first' } }],
  ] as const)('that cannot be made leaves the old one, %s (D17)', async (_, part) => {
    const model = await deployed(part);
    const intercept = ({ host: name, method, args }: FakeCall): CallFault => {
      const isMade = method === 'containers.create' && name === 'b';
      return isMade && isOfSlot(args) ? { status: 500 } : 'pass';
    };
    const ended = await model.rollout(api('v2', part), { intercept });
    expect(ended?.result.outcome).toBe('rolled-back');
    expect(model.serving()).toBe(ALL('v1'));
    const kept = model.hosts.flatMap(({ containers }) =>
      [...containers.values()].filter(({ spec }) => spec.Image.endsWith(':v1')),
    );
    expect(kept).toHaveLength(3);
  });
});

describe('images', () => {
  /** Rolls out where the host `c` gets the image in another way. */
  async function rolledWith(answer: Pullable | undefined) {
    const model = await deployed();
    const rolling = model.rollout(api('v2'));
    const { pullable } = host(model, 'c');
    if (answer === undefined) pullable.delete(model.image('v2'));
    else pullable.set(model.image('v2'), answer);
    const ended = await rolling;
    const touched = model.hosts.flatMap(({ containers, events }) => [
      ...[...containers.values()].filter(({ spec }) => spec.Image.endsWith(':v2')),
      ...events.filter(({ action, attributes }) => {
        return action === 'stop' && attributes['image']?.endsWith(':v1') === true;
      }),
    ]);
    expect([ended?.result.outcome, ended?.result.results.size, touched]).toEqual(['failed', 0, []]);
    expect(model.serving()).toBe(ALL('v1'));
    return ended?.result.error;
  }

  it('that one host cannot get: nothing was touched on any (D12)', async () => {
    expect(await rolledWith(undefined)).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('for which a host has no room: nothing was touched, and it says so (D19)', async () => {
    const message = 'write /var/lib/docker/tmp/GetImageBlob1: no space left on device';
    const error = await rolledWith({ id: 'sha256:2', refusal: { status: 500, message } });
    expect(error).toMatchObject({ message: expect.stringContaining('no space left on device') });
  });

  it('that were pruned between their coming and the container are fetched once more (D21)', async () => {
    const model = await deployed();
    const b = host(model, 'b');
    let pulls = 0;
    const intercept = (call: FakeCall): CallFault => {
      if (call.host !== 'b' || !isOfSlot(call.args)) return 'pass';
      if (call.method === 'containers.pull') pulls += 1;
      if (call.method === 'containers.create' && pulls === 1) b.pulled.delete(model.image('v2'));
      return 'pass';
    };
    expect((await model.rollout(api('v2'), { intercept }))?.result.outcome).toBe('done');
    expect(pulls).toBe(2);
    expect(model.serving()).toBe(ALL('v2'));
  });
});

describe('an old container', () => {
  it('that does not heed SIGTERM has its grace, then it is killed (D18)', async () => {
    const model = await deployed();
    for (const each of model.hosts) each.behaviours.set(':v1', { ignoresStop: true });
    expect((await model.rollout(api('v2')))?.result.outcome).toBe('done');
    expect(model.serving()).toBe(ALL('v2'));
    const old = model.hosts.flatMap(({ containers }) =>
      [...containers.values()].filter(({ spec }) => spec.Image.endsWith(':v1')),
    );
    expect(old.map(({ exitCode, runs }) => [exitCode, runs.length])).toEqual([
      [137, 1],
      [137, 1],
      [137, 1],
    ]);
  });
});

describe('a deployer', () => {
  it('without its network for two minutes: another takes over, and it makes no late change (D8)', async () => {
    const model = await deployed();
    let cutMs: number | undefined;
    const isAway = () => cutMs !== undefined && model.time.nowMs < cutMs + 120_000;
    const late: string[] = [];
    const first: Run = {
      isCut: isAway,
      intercept: (call) => {
        const isFirst = call.method === 'containers.start' && call.host === 'a';
        if (isFirst) cutMs ??= model.time.nowMs;
        const isChange = /create|start|stop|remove|setRestart|loadImages/.test(call.method);
        const isOver = cutMs !== undefined && !isAway();
        if (isOver && isChange && isOfSlot(call.args)) late.push(`${call.host} ${call.method}`);
        return 'pass';
      },
    };
    const cut = model.rollout(api('v2'), first);
    // The first has until the cut, then the other waits for its lease to run out.
    const other = (async () => {
      const { clock } = model.time.process();
      while (cutMs === undefined) await clock.sleep(100);
      return model.rollout(api('v3'), {}, true);
    })();
    const [lost, taken] = await Promise.all([cut, other]);
    expect(taken?.result.outcome).toBe('done');
    expect(['lock-lost', 'rollback-paused', 'paused']).toContain(lost?.result.outcome);
    expect(late).toEqual([]);
    expect(model.serving()).toBe(ALL('v3'));
  });
});

it('fifty hosts of which five fail: as many at once as allowed, and every one in the result (D24)', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `h${String(index).padStart(2, '0')}`);
  const part: Partial<ModelService> = {
    replicas: 50,
    rules: { batch: { parallelism: 10, canary: 0 }, failureAction: 'continue' },
  };
  const model = await deployed(part, names);
  const chance = chances(24);
  const bad = new Set<string>();
  while (bad.size < 5) bad.add(names[Math.floor(chance() * names.length)] ?? '');
  for (const name of bad) host(model, name).behaviours.set(':v2', { crashAfterMs: 500 });
  let most = 0;
  const look = () => {
    const busy = model.hosts.filter(({ containers }) => {
      const running = [...containers.values()].filter(({ status }) => status === 'running');
      return running.length > 1;
    });
    most = Math.max(most, busy.length);
  };
  for (const each of model.hosts) each.onChange = look;
  const ended = await model.rollout(api('v2', part));
  expect(ended?.result.outcome).toBe('partial');
  expect(most).toBe(10);
  const states = [...(ended?.result.results ?? [])].map(
    ([work, { state, error }]) => [work.host.name, state, error !== undefined] as const,
  );
  expect(states.map(([name]) => name).sort()).toEqual(names);
  expect(states.filter(([, state]) => state === 'failed').map(([name]) => name)).toEqual(
    names.filter((name) => bad.has(name)),
  );
  expect(states.every(([, state, hasError]) => (state === 'failed') === hasError)).toBe(true);
});
