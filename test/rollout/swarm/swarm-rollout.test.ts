// Rollouts in a swarm in memory: what is there afterwards, whatever was lost, changed by others or did not work on the way.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { amount } from '../../support/amount.ts';
import { SwarmWorld } from './world.ts';

let world: SwarmWorld;
beforeEach(() => {
  world = new SwarmWorld();
});
afterEach(() => world.place[Symbol.dispose]());

const V1 = { db: { does: 'idle 1' }, api: { does: 'idle 1' }, web: { does: 'idle 1' } };
const V2 = { db: { does: 'idle 2' }, api: { does: 'idle 2' }, web: { does: 'idle 2' } };
const V3 = { db: { does: 'idle 3' }, api: { does: 'idle 3' }, web: { does: 'idle 3' } };
const ALL_1 = 'api=idle 1*2 db=idle 1*2 web=idle 1*2';
const ALL_2 = 'api=idle 2*2 db=idle 2*2 web=idle 2*2';
const ALL_3 = 'api=idle 3*2 db=idle 3*2 web=idle 3*2';

async function rolled(services: Parameters<SwarmWorld['configure']>[0]) {
  world.configure(services);
  const report = await world.rollout();
  expect(report.error).toBeUndefined();
  expect(report.outcome).toBe('done');
  return report;
}

describe('a rollout in a swarm', () => {
  it('makes every service, those that are needed first, and writes down the release', async () => {
    const report = await rolled(V1);
    expect(world.running()).toBe(ALL_1);
    expect(world.calls.filter((name) => name === 'createService')).toHaveLength(3);
    const made = [...world.swarm.services.values()].map(({ spec }) => spec.Name);
    expect(made).toEqual(['shop_prod_db', 'shop_prod_api', 'shop_prod_web']);
    expect(world.configs()).toEqual(['shipper-release-shop-prod-ID']);
    expect(report.slots.map(({ service, slot, state }) => `${service}.${slot} ${state}`)).toEqual([
      ...['db.1 updated', 'db.2 updated', 'api.1 updated', 'api.2 updated'],
      ...['web.1 updated', 'web.2 updated'],
    ]);
    expect(new Set(report.slots.map(({ runs }) => runs))).toEqual(new Set([report.release]));
    expect(report.slots[0]?.host).toMatch(/^host-n\d$/);
    expect(world.swarm.service('shop_prod_db')?.spec['TaskTemplate']).toMatchObject({
      Placement: { Platforms: [{ OS: 'linux', Architecture: 'amd64' }] },
    });
  });

  it('leaves what is as it should be', async () => {
    await rolled(V1);
    const before = world.calls.length;
    const again = await world.rollout();
    expect(again.outcome).toBe('unchanged');
    expect(world.calls.slice(before).filter((name) => /Service$/.test(name))).toEqual([]);
    world.configure({ ...V1, web: { does: 'idle 2' } });
    const plan = await world.plan();
    expect(plan.batches.flatMap(({ calls }) => calls)).toMatchObject([
      { kind: 'update service', what: 'shop_prod_web', cause: 'its specification is another' },
    ]);
    expect((await world.rollout()).outcome).toBe('done');
    expect(world.running()).toBe('api=idle 1*2 db=idle 1*2 web=idle 2*2');
  });

  it('scales without new containers, and back what was scaled by hand', async () => {
    await rolled(V1);
    const ids = world.swarm.tasks.map(({ id }) => id);
    await rolled({ ...V1, web: { does: 'idle 1', replicas: 4 } });
    expect(world.running()).toBe('api=idle 1*2 db=idle 1*2 web=idle 1*4');
    expect(
      world.swarm.tasks
        .filter(({ id }) => ids.includes(id))
        .every(({ desired }) => desired === 'running'),
    ).toBe(true);
    const web = world.swarm.service('shop_prod_web');
    if (web === undefined) throw new Error('no web');
    world.swarm.change(web, { ...web.spec, Mode: { Replicated: { Replicas: 1 } } });
    const report = await world.rollout();
    expect(report.outcome).toBe('done');
    expect(world.running()).toContain('web=idle 1*4');
  });

  it('puts the whole group back when one does not work, and does not say that it went well', async () => {
    await rolled(V1);
    world.configure({ ...V2, web: { does: 'bad' } });
    const report = await world.rollout();
    expect(report.outcome).toBe('rolled-back');
    expect(report.error).toMatchObject({ code: 'UNHEALTHY', log: ['no database'] });
    expect(report.error?.message).toContain('non-zero exit (3)');
    expect(world.running()).toBe(ALL_1);
    expect(world.configs()).not.toContain('shipper-run-shop-prod');
    const status = await world.status();
    expect(status.isMixed).toBe(false);
    expect(
      (await world.history()).releases.map(({ status, isCurrent }) => [status, isCurrent]),
    ).toEqual([
      ['rolled-back', false],
      ['committed', true],
    ]);
  });

  it('removes what it made when a first release does not work', async () => {
    world.configure({ ...V1, api: { does: 'bad' } });
    const report = await world.rollout();
    expect(report.outcome).toBe('rolled-back');
    expect(report.error?.log).toEqual(['no database']);
    expect(world.swarm.services.size).toBe(0);
  });

  it('stops half-way where that is wanted, refuses another release, and goes on or back', async () => {
    await rolled(V1);
    const pause = 'failure_action: pause';
    const bad = { does: 'bad', update: pause };
    world.configure({ ...V2, api: bad });
    const report = await world.rollout();
    expect(report.outcome).toBe('paused');
    expect(report.mend).toEqual(['shipper resume prod', 'shipper rollback prod']);
    expect(world.running()).toContain('db=idle 2*2 web=idle 1*2');
    world.configure(V3);
    await expect(world.rollout()).rejects.toMatchObject({ code: 'PARTIAL' });
    expect((await world.status()).unfinished).toMatchObject({ release: report.release });
    expect((await world.resume()).outcome).toBe('paused');
    const back = await world.rollback();
    expect(back.outcome).toBe('done');
    expect(world.running()).toBe(ALL_1);
    expect((await world.status()).unfinished).toBeUndefined();
    await rolled(V3);
    expect(world.running()).toBe(ALL_3);
  });

  it('has a deadline where the swarm waits for ever, and says what it waits for', async () => {
    await rolled(V1);
    const wait = { healthTimeoutMs: 20_000 };
    world.configure({ ...V2, web: { does: 'frozen' } });
    const report = await world.rollout(wait);
    expect(report.outcome).toBe('rolled-back');
    expect(report.error).toMatchObject({ code: 'TIMEOUT' });
    expect(report.error?.message).toMatch(
      /nothing went on for \d+ seconds: 0 of 2 run what they should \(web\.1 is preparing\)/,
    );
    expect(world.running()).toBe(ALL_1);
    world.configure({ ...V2, web: { does: 'idle 2' } });
    await rolled(V2);
    world.configure({
      ...V3,
      db: { does: 'idle 2', replicas: 3 },
    });
    expect((await world.rollout(wait)).outcome).toBe('done');
  });

  it('says why tasks are not placed', async () => {
    world.configure(V1);
    const placement = 'placement: { constraints: ["node.labels.nowhere==1"] }';
    world.configure({ ...V1, api: { does: 'idle 1', deploy: placement } });
    const report = await world.rollout({ healthTimeoutMs: 10_000 });
    expect(report.outcome).toBe('rolled-back');
    expect(report.error?.message).toContain(
      '0 of 2 run what they should (api.1 is pending: no suitable node',
    );
    expect(world.swarm.services.size).toBe(0);
  });

  it('goes back two releases, one after the other, and forward again', async () => {
    const first = await rolled(V1);
    const second = await rolled(V2);
    await rolled(V3);
    const back = await world.rollback();
    expect([back.outcome, back.release]).toEqual(['done', second.release]);
    expect(world.running()).toBe(ALL_2);
    const further = await world.rollback();
    expect([further.outcome, further.release]).toEqual(['done', first.release]);
    expect(world.running()).toBe(ALL_1);
    await expect(world.rollback()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const again = await world.rollout({ version: second.release });
    expect(again.outcome).toBe('done');
    expect(world.running()).toBe(ALL_2);
  });

  it('remembers as many releases as it should', async () => {
    for (const does of ['idle 1', 'idle 2', 'idle 3', 'idle 4', 'idle 5']) {
      await rolled({ api: { does } });
    }
    const { releases } = await world.history();
    expect(releases).toHaveLength(3);
    expect(releases[0]?.isCurrent).toBe(true);
  });
});

describe('while others are at work', () => {
  it('goes on over versions that the updater counts', async () => {
    await rolled(V1);
    world.configure(V2);
    world.intercept = (method) => {
      if (method !== 'updateService') return 'pass';
      const service = world.swarm.service('shop_prod_db');
      if (service !== undefined && world.calls.filter((name) => name === method).length < 3) {
        service.version = world.swarm.nextIndex();
      }
      return 'pass';
    };
    expect((await world.rollout()).outcome).toBe('done');
    expect(world.running()).toBe(ALL_2);
  });

  it('does not overwrite what somebody changed, and puts its own back', async () => {
    await rolled(V1);
    world.configure(V2);
    let isDone = false;
    world.intercept = (method) => {
      const api = world.swarm.service('shop_prod_api');
      const isNow = method === 'updateService' && world.running().includes('db=idle 2*2');
      if (isNow && !isDone && api !== undefined) {
        isDone = true;
        world.swarm.change(api, { ...api.spec, Mode: { Replicated: { Replicas: 5 } } });
      }
      return 'pass';
    };
    const report = await world.rollout();
    expect(report.error).toMatchObject({ code: 'CONFLICT' });
    expect(report.error?.message).toContain('somebody changed it meanwhile: it has 5, not 2');
    expect(report.outcome).toBe('rolled-back');
    expect(world.running()).toBe('api=idle 1*5 db=idle 1*2 web=idle 1*2');
  });

  it('refuses a service of somebody else before anything is touched', async () => {
    const spec = {
      Name: 'shop_prod_db',
      Labels: {},
      Mode: {},
      TaskTemplate: { ContainerSpec: { Image: 'x' } },
    };
    world.swarm.services.set('x', {
      ...{ id: 'x', version: 1, spec, previous: undefined, update: undefined, updater: undefined },
    });
    world.configure(V1);
    await expect(world.rollout()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(world.configs()).toEqual([]);
  });

  it('is kept out by a lock, and takes over one whose holder has died', async () => {
    await rolled(V1);
    world.configure(V2);
    const labels = {
      ...{ 'shipper.project': 'shop', 'shipper.env': 'prod', 'shipper.lock': 'token' },
      ...{ 'shipper.lock.by': 'ann@laptop', 'shipper.lock.owner': 'elsewhere-1-x' },
    };
    const lock = {
      id: 'l',
      name: 'shipper-lock-shop-prod',
      data: new Uint8Array(1),
      version: 1,
      labels,
    };
    world.swarm.configs.set('l', lock);
    await expect(world.rollout()).rejects.toMatchObject({ code: 'LOCKED' });
    expect((await world.status()).lock).toMatchObject({ by: 'ann@laptop', token: 'token' });
    const report = await world.rollout({ lockWaitMs: 60_000 });
    expect(report.outcome).toBe('done');
    expect(report.notes.join()).toContain('taken over');
    expect(world.configs()).not.toContain('shipper-lock-shop-prod');
  });

  it('stops when its lock is gone', async () => {
    await rolled(V1);
    world.configure(V2);
    world.intercept = () => {
      if (!world.running().includes('db=idle 2*2')) return 'pass';
      for (const { id, name } of world.swarm.configs.values()) {
        if (name === 'shipper-lock-shop-prod') world.swarm.configs.delete(id);
      }
      return 'pass';
    };
    const report = await world.rollout();
    expect([report.outcome, report.error?.code]).toEqual(['lock-lost', 'LOCKED']);
    world.intercept = () => 'pass';
    expect((await world.resume()).outcome).toBe('done');
    expect(world.running()).toBe(ALL_2);
  });
});

describe('with managers that are lost', () => {
  it('asks another one', async () => {
    await rolled(V1);
    world.configure(V2);
    world.cut.add('a');
    expect((await world.rollout()).outcome).toBe('done');
    world.cut.clear();
    world.configure(V3);
    world.intercept = (_, number) => {
      if (number % 7 === 0) world.cut.add('abc'[number % 3] ?? 'a');
      else if (number % 5 === 0) world.cut.clear();
      return 'pass';
    };
    expect((await world.rollout()).outcome).toBe('done');
    expect(world.running()).toBe(ALL_3);
  });

  it('ends the same whichever answer is lost', async () => {
    await rolled(V1);
    const base = world.calls.length;
    world.configure(V2);
    await world.rollout();
    const calls = world.calls.length - base;
    for (let at = 1; at <= calls; at += amount(11, 1)) {
      for (const fault of ['drop-before', 'drop-after'] as const) {
        world.place[Symbol.dispose]();
        world = new SwarmWorld();
        await rolled(V1);
        const from = world.calls.length;
        world.configure(V2);
        world.intercept = (_, number) => (number === from + at ? fault : 'pass');
        const report = await world.rollout();
        expect([at, fault, report.error?.message, report.outcome]).toEqual([
          at,
          fault,
          undefined,
          'done',
        ]);
        expect(world.running()).toBe(ALL_2);
        expect(world.configs().filter((name) => !name.startsWith('shipper-release'))).toEqual([]);
      }
    }
  });

  it('says that it is not known when nobody answers any more, and goes on later', async () => {
    await rolled(V1);
    world.configure(V2);
    world.intercept = () => {
      if (world.running().includes('db=idle 2*2')) for (const name of 'abc') world.cut.add(name);
      return 'pass';
    };
    const report = await world.rollout({ hostTimeoutMs: 5000 });
    expect(report.outcome).toBe('paused');
    expect(report.error?.code).toBe('ENGINE_UNREACHABLE');
    world.intercept = () => 'pass';
    world.cut.clear();
    await expect(world.resume()).rejects.toMatchObject({ code: 'LOCKED' });
  });
});

describe('a run that is cancelled', () => {
  it('leaves what can be gone on with, or undone', async () => {
    for (const way of ['resume', 'rollback'] as const) {
      world.place[Symbol.dispose]();
      world = new SwarmWorld();
      await rolled(V1);
      world.configure(V2);
      const stop = new AbortController();
      world.intercept = () => {
        if (world.running().includes('api=idle 2*')) stop.abort();
        return 'pass';
      };
      const report = await world.rollout({}, stop.signal);
      expect(report.outcome).toBe('interrupted');
      world.intercept = () => 'pass';
      expect((await world[way]()).outcome).toBe('done');
      expect(world.running()).toBe(way === 'resume' ? ALL_2 : ALL_1);
      expect((await world.status()).isMixed).toBe(false);
    }
  });
});

describe('a run that is killed', () => {
  const wait = { lockWaitMs: 120_000 };

  async function counted(): Promise<number> {
    await rolled(V1);
    const base = world.calls.length;
    world.configure(V2);
    await world.rollout();
    return world.calls.length - base;
  }

  async function killedAt(at: number, way: 'kill-before' | 'kill-after'): Promise<void> {
    world.place[Symbol.dispose]();
    world = new SwarmWorld();
    await rolled(V1);
    const from = world.calls.length;
    world.configure(V2);
    world.intercept = (_, number) => (number === from + at ? way : 'pass');
    expect(await world.rollout()).toBeUndefined();
    world.revive();
  }

  it('is gone on with by the same rollout, at whatever call it died', async () => {
    const calls = await counted();
    for (let at = 1; at <= calls; at += amount(23, 1)) {
      for (const way of ['kill-before', 'kill-after'] as const) {
        await killedAt(at, way);
        const report = await world.rollout(wait);
        expect([at, way, report.error?.message]).toEqual([at, way, undefined]);
        expect(['done', 'unchanged']).toContain(report.outcome);
        expect(world.running()).toBe(ALL_2);
        expect(world.configs().filter((name) => !name.startsWith('shipper-release'))).toEqual([]);
        expect((await world.status()).isMixed).toBe(false);
      }
    }
  });

  it('is undone by a rollback, at whatever call it died', async () => {
    const calls = await counted();
    for (let at = 1; at <= calls; at += amount(19, 1)) {
      await killedAt(at, 'kill-after');
      const before = await world.status();
      if (before.unfinished === undefined && before.lock === undefined) continue;
      const back = await world.rollback(wait).catch((error: unknown) => error as Error);
      const isNothing = back instanceof Error && back.message.includes('no older release');
      if (!isNothing) expect([at, (back as { outcome?: string }).outcome]).toEqual([at, 'done']);
      expect([at, world.running()]).toEqual([at, ALL_1]);
      expect(world.configs().filter((name) => !name.startsWith('shipper-release'))).toEqual([]);
    }
  });
});
