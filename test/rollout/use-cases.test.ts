// Status, history, unlock, prune and move on hosts in memory, from a shipper.yaml: what they say and what is there afterwards.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import type { RolloutParts } from '../../src/rollout/environment.ts';
import { takeFleetLock } from '../../src/rollout/fleet-lock.ts';
import { moveServices } from '../../src/rollout/move.ts';
import type { MoveReport, MoveRequest } from '../../src/rollout/move-types.ts';
import { pruneEnvironment } from '../../src/rollout/prune.ts';
import {
  environmentHistory,
  environmentLocks,
  environmentStatus,
  unlockEnvironment,
} from '../../src/rollout/queries.ts';
import { realParts } from '../../src/rollout/real-parts.ts';
import type { ReleasedImage } from '../../src/rollout/release.ts';
import { rolloutEnvironment } from '../../src/rollout/rollout.ts';
import type { RolloutReport, RolloutRequest } from '../../src/rollout/rollout-types.ts';
import { wantedServices } from '../../src/rollout/wanted.ts';
import type { System } from '../../src/system/system.ts';
import { type Workplace, workplace } from '../operations/workplace.ts';
import { FakeHost } from '../support/fake-host.ts';
import { hostEngine } from '../support/fake-host-engine.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const YAML = `project: shop
environments:
  dev:
    hosts: [tcp://d:1]
    services: &services
      api: { image: "r.example/api:1", deploy: { replicas: 2 } }
      web: { image: "r.example/web:1" }
  staging:
    hosts: [tcp://s:1, tcp://t:1]
    retain: 1
    services: *services
  narrow:
    hosts: [tcp://n:1]
    services:
      api: { image: "r.example/api:1" }
`;

/** Everything that a test works with. */
class World {
  readonly time = new VirtualTime(5000);
  readonly place: Workplace = workplace();
  readonly hosts = new Map<string, FakeHost>();
  readonly cut = new Set<string>();
  /** What the tags name, by service. */
  version = '1';
  readonly #system: System;

  constructor() {
    const { clock } = this.time.process();
    this.place.write('shipper.yaml', Buffer.from(YAML));
    this.#system = { ...this.place.system, clock };
    for (const name of ['d', 's', 't', 'n']) this.hosts.set(name, new FakeHost(name, clock));
  }

  get system(): System {
    return this.#system;
  }

  host(name: string): FakeHost {
    const found = this.hosts.get(name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  }

  ctx(): Context {
    const { signal } = new AbortController();
    return { report: () => undefined, signal, clock: this.#system.clock, scope: {} };
  }

  parts(): RolloutParts {
    return {
      ...realParts(this.#system, '1.2.3', {}),
      connect: async ({ address }) => {
        const name = /\/\/(\w)/.exec(address)?.[1] ?? '';
        const isCut = () => this.cut.has(name);
        return hostEngine(this.host(name), { clock: this.#system.clock, isCut });
      },
      wanted: (ctx, opened, { services = [] }, images) =>
        wantedServices(ctx, opened, services, async (_, { name }) => {
          return images?.get(name) ?? this.image(name);
        }),
    };
  }

  /** `name` in the version of now, which every host can pull. */
  image(name: string): ReleasedImage {
    const digest = `sha256:${createHash('sha256').update(`${name} ${this.version}`).digest('hex')}`;
    const pinned = `r.example/${name}@${digest}`;
    for (const host of this.hosts.values()) host.pullable.set(pinned, digest);
    return { name: `r.example/${name}:1`, pinned, digest };
  }

  async run<T>(work: PromiseLike<T>): Promise<T> {
    return (await this.time.run(Promise.resolve(work))) as T;
  }

  rollout(environment: string, more: Partial<RolloutRequest> = {}): Promise<RolloutReport> {
    const request = { environment, ...more };
    return this.run(rolloutEnvironment(this.#system, this.ctx(), request, this.parts()));
  }

  move(request: Partial<MoveRequest> = {}): Promise<MoveReport> {
    const whole = { from: 'dev', to: 'staging', ...request };
    return this.run(moveServices(this.#system, this.ctx(), whole, () => this.parts()));
  }

  /** Slots that run on a host: `api.1 web.1`. */
  running(name: string): string {
    const slots = this.host(name)
      .running()
      .map(({ spec: { Labels } }) => {
        return `${Labels['shipper.service']}.${Labels['shipper.slot']}`;
      });
    return slots.sort().join(' ');
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.place[Symbol.dispose]());

describe('environmentStatus()', () => {
  const status = (environment: string) =>
    world.run(environmentStatus(world.system, world.ctx(), { environment }, world.parts()));

  it('says that nothing was ever rolled out', async () => {
    expect(await status('staging')).toEqual({
      schema: 1,
      project: 'shop',
      environment: 'staging',
      isMixed: false,
      hosts: [{ host: 'tcp://s:1' }, { host: 'tcp://t:1' }],
      slots: [],
    });
  });

  it('has every slot, and says where one is gone', async () => {
    const { release } = await world.rollout('staging');
    const whole = await status('staging');
    expect(whole).toMatchObject({ current: release, isMixed: false });
    expect(whole.slots.map(({ service, slot, state }) => `${service}.${slot} ${state}`)).toEqual([
      'api.1 running',
      'api.2 running',
      'web.1 running',
    ]);
    world.host('s').containers.clear();
    const mixed = await status('staging');
    expect(mixed.isMixed).toBe(true);
    expect(mixed.slots.filter(({ state }) => state === 'missing').length).toBeGreaterThan(0);
  });

  it('names a host that does not answer, and goes without it; not without any', async () => {
    await world.rollout('staging');
    world.cut.add('t');
    const { hosts, slots } = await status('staging');
    expect(hosts.map(({ host, error }) => [host, error?.code])).toEqual([
      ['tcp://s:1', undefined],
      ['tcp://t:1', 'ENGINE_UNREACHABLE'],
    ]);
    expect(slots.every(({ host }) => host === 'tcp://s:1')).toBe(true);
    world.cut.add('s');
    await expect(status('staging')).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });
});

describe('environmentHistory()', () => {
  it('has the releases, newest first, and who did what', async () => {
    const { release: first } = await world.rollout('dev');
    world.version = '2';
    const { release: second } = await world.rollout('dev');
    const report = await world.run(
      environmentHistory(world.system, world.ctx(), { environment: 'dev' }, world.parts()),
    );
    expect(report.releases.map(({ id, isCurrent }) => [id, isCurrent])).toEqual([
      [second, true],
      [first, false],
    ]);
    expect(report.audit.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'rollout begun',
      'rollout committed',
      'rollout begun',
      'rollout committed',
    ]);
  });
});

describe('unlockEnvironment()', () => {
  const SCOPE = { project: 'shop', environment: 'dev' };
  const request = { environment: 'dev' };
  /** Somebody takes the lock and is never heard of again. */
  async function lockedBySomebody() {
    const engine = hostEngine(world.host('d'), { clock: world.system.clock });
    const hosts = [{ name: 'tcp://d:1', id: 'ID-d', engine }];
    const asked = { scope: SCOPE, by: 'ann@laptop', action: 'rollout', waitMs: 0 };
    return world.run(takeFleetLock(world.ctx(), world.system, hosts, asked));
  }

  it('shows who holds the lock, and removes it', async () => {
    await world.rollout('dev');
    const lock = await lockedBySomebody();
    const found = await world.run(
      environmentLocks(world.system, world.ctx(), request, world.parts()),
    );
    expect(found.locks.map(({ host, holder }) => [host, holder.by, holder.action])).toEqual([
      ['tcp://d:1', 'ann@laptop', 'rollout'],
    ]);
    const tokens = found.locks.map(({ holder }) => holder.token);
    const gone = await world.run(
      unlockEnvironment(world.system, world.ctx(), { ...request, tokens }, world.parts()),
    );
    expect(gone.locks.map(({ host }) => host)).toEqual(['tcp://d:1']);
    await world.run(lock[Symbol.asyncDispose]());
    const none = await world.run(
      environmentLocks(world.system, world.ctx(), request, world.parts()),
    );
    expect(none.locks).toEqual([]);
    const { audit } = await world.run(
      environmentHistory(world.system, world.ctx(), request, world.parts()),
    );
    expect(audit.at(-1)).toMatchObject({ action: 'unlock', detail: 'ann@laptop, rollout' });
  });

  it('leaves the lock of somebody who was not shown', async () => {
    const lock = await lockedBySomebody();
    const asked = { ...request, tokens: ['another'] };
    await expect(
      world.run(unlockEnvironment(world.system, world.ctx(), asked, world.parts())),
    ).rejects.toMatchObject({ code: 'LOCKED' });
    await world.run(lock[Symbol.asyncDispose]());
  });
});

describe('pruneEnvironment()', () => {
  const prune = (dryRun: boolean, environment = 'staging') =>
    world.run(pruneEnvironment(world.system, world.ctx(), { environment, dryRun }, world.parts()));
  const containers = () => world.host('s').containers.size + world.host('t').containers.size;

  it('tells what would go, and removes just that', async () => {
    for (const version of ['1', '2', '3']) {
      world.version = version;
      await world.rollout('staging', { services: ['api'] });
    }
    world.version = '4';
    // What is left where a rollout could not clean up behind itself.
    world.place.write('shipper.yaml', Buffer.from(YAML.replace('retain: 1', 'retain: 9')));
    await world.rollout('staging', { services: ['api'] });
    world.place.write('shipper.yaml', Buffer.from(YAML));
    const before = containers();
    const planned = await prune(true);
    expect(planned.isDryRun).toBe(true);
    expect(containers()).toBe(before);
    const names = (report: typeof planned) =>
      report.hosts.flatMap(({ removed }) => removed.map(({ name }) => name)).sort();
    expect(names(planned).length).toBeGreaterThan(0);
    const done = await prune(false);
    expect(names(done)).toEqual(names(planned));
    expect(containers()).toBeLessThan(before);
    expect(names(await prune(false))).toEqual([]);
    expect(world.running('s') + world.running('t')).toContain('api.1');
  });

  it('removes nothing where nobody remembers anything', async () => {
    const { hosts } = await prune(false, 'narrow');
    expect(hosts).toEqual([{ host: 'tcp://n:1', removed: [], kept: [], bytes: 0 }]);
  });
});

describe('moveServices()', () => {
  it('brings digests up in one environment, then down in the other', async () => {
    await world.rollout('dev');
    const digest = world.image('api').digest;
    world.version = '2';
    const report = await world.move();
    expect(report).toMatchObject({ outcome: 'done', services: ['api', 'web'], mend: [] });
    expect(report.arrived?.services.find(({ name }) => name === 'api')?.digest).toBe(digest);
    expect(world.running('d')).toBe('');
    expect(`${world.running('s')} ${world.running('t')}`.split(' ').sort()).toEqual([
      'api.1',
      'api.2',
      'web.1',
    ]);
    expect(await world.move()).toMatchObject({ outcome: 'unchanged', services: [] });
  });

  it('moves one service, and the others stay', async () => {
    await world.rollout('dev');
    expect(await world.move({ services: ['api'] })).toMatchObject({ outcome: 'done' });
    expect(world.running('d')).toBe('web.1');
    expect(`${world.running('s')} ${world.running('t')}`).toBe('api.1 api.2');
  });

  it('touches nothing of the first where the second fails', async () => {
    await world.rollout('dev');
    const { pinned = '' } = world.image('api');
    for (const name of ['s', 't']) world.host(name).behaviours.set(pinned, { crashAfterMs: 100 });
    const report = await world.move();
    expect(report.outcome).toBe('not-arrived');
    expect(report.left).toBeUndefined();
    expect(world.running('d')).toBe('api.1 api.2 web.1');
    for (const name of ['s', 't']) world.host(name).behaviours.delete(pinned);
    expect((await world.move({ services: ['api'] })).outcome).toMatch(/done|not-arrived/);
  });

  it('goes on where the second half never began', async () => {
    await world.rollout('dev');
    const parts = () => ({
      ...world.parts(),
      hooks: () => ({
        preRollout: async () => undefined,
        postRollout: async () => void world.cut.add('d'),
        route: async () => undefined,
        drain: async () => undefined,
      }),
    });
    const request = { from: 'dev', to: 'staging' };
    const report = await world.run(moveServices(world.system, world.ctx(), request, parts));
    expect(report).toMatchObject({
      outcome: 'not-left',
      arrived: { outcome: 'done' },
      error: { code: 'ENGINE_UNREACHABLE' },
      mend: ['shipper move dev staging'],
    });
    expect(world.running('d')).toBe('api.1 api.2 web.1');
    world.cut.clear();
    expect(await world.move()).toMatchObject({
      outcome: 'done',
      arrived: { outcome: 'unchanged' },
      left: { outcome: 'done' },
    });
    expect(world.running('d')).toBe('');
  });

  it('only plans with dryRun', async () => {
    await world.rollout('dev');
    const { outcome, plans } = await world.move({ dryRun: true });
    expect(outcome).toBe('planned');
    const kinds = (
      plan: { batches: readonly { calls: readonly { kind: string }[] }[] } | undefined,
    ) => [...new Set(plan?.batches.flatMap(({ calls }) => calls.map(({ kind }) => kind)))];
    expect(kinds(plans?.to)).toEqual(expect.arrayContaining(['deliver', 'create', 'start']));
    expect(kinds(plans?.from)).toEqual(expect.arrayContaining(['drain', 'stop']));
    expect(world.running('d')).toBe('api.1 api.2 web.1');
    expect(world.running('s')).toBe('');
  });

  it.each([
    ['one environment', { to: 'dev' }, 'USAGE', 'they are one environment'],
    ['a service that is not there', { services: ['db'] }, 'USAGE', 'dev does not run it'],
    ['a service that the other does not have', { to: 'narrow' }, 'USAGE', '"web" in narrow'],
    ['nothing', { from: 'staging', to: 'dev' }, 'NOT_FOUND', 'nothing was ever rolled out there'],
  ])('refuses %s', async (_, request, code, says) => {
    await world.rollout('dev');
    await expect(world.move(request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(says),
    });
    expect(world.running('d')).toBe('api.1 api.2 web.1');
  });
});
