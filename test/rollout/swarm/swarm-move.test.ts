// Moves from and to a swarm, to and from single hosts or another environment of the same swarm.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { amount } from '../../support/amount.ts';
import { SwarmWorld } from './world.ts';

let world: SwarmWorld;
beforeEach(() => {
  world = new SwarmWorld();
});
afterEach(() => world.place[Symbol.dispose]());

const SWARM = 'engine: swarm, hosts: [tcp://a:1, tcp://b:1]';
const HOSTS = 'hosts: [tcp://c:1]';

/** Writes shipper.yaml: `dev` and `prod`, on what is said. */
function configure(dev: string, prod: string, does: { dev?: string; prod?: string } = {}): void {
  const services = (words = 'idle 1') => {
    const config = 'update_config: { monitor: 1s }, rollback_config: { monitor: 1s }';
    const command = `command: [${JSON.stringify(words)}]`;
    return ['api', 'web']
      .map((name) => {
        return `      ${name}: { image: "r.example/${name}:1", ${command}, deploy: { replicas: 2, ${config} } }`;
      })
      .join('\n');
  };
  const environment = (name: string, where: string, words: string | undefined) => `
  ${name}:
    ${where.replaceAll(', hosts', '\n    hosts')}
    services:
${services(words)}`;
  const text = `project: shop
environments:${environment('dev', dev, does.dev)}${environment('prod', prod, does.prod)}
`;
  world.place.write('shipper.yaml', Buffer.from(text));
}

/** Slots of single hosts that run, in an environment. */
function onHosts(environment: string): string {
  return world
    .host('c')
    .running()
    .filter(({ spec }) => spec.Labels['shipper.env'] === environment)
    .map(({ spec }) => `${spec.Labels['shipper.service']}.${spec.Labels['shipper.slot']}`)
    .sort()
    .join(' ');
}

const IN_SWARM = 'api=idle 1*2 web=idle 1*2';
const ON_HOSTS = 'api.1 api.2 web.1 web.2';

describe('a move', () => {
  it.each([
    ['a swarm to itself', SWARM, SWARM],
    ['a swarm to hosts', SWARM, HOSTS],
    ['hosts to a swarm', HOSTS, SWARM],
  ])('from %s brings the digests up there, then down here', async (_, dev, prod) => {
    configure(dev, prod);
    expect((await world.rollout({ environment: 'dev' })).outcome).toBe('done');
    const { digest } = world.image('api');
    world.version = '2';
    const report = await world.move();
    expect(report).toMatchObject({ outcome: 'done', services: ['api', 'web'], mend: [] });
    expect(report.arrived?.services.map(({ digest: each }) => each)).toContain(digest);
    const at = (where: string, environment: string) =>
      where === SWARM ? world.running(environment) : onHosts(environment);
    expect(at(prod, 'prod')).toBe(prod === SWARM ? IN_SWARM : ON_HOSTS);
    expect(at(dev, 'dev')).toBe('');
    expect(report.left?.slots.every(({ state }) => state === 'stopped')).toBe(true);
    expect(await world.move()).toMatchObject({ outcome: 'unchanged' });
    // What is away can be had again.
    expect((await world.rollback({ environment: 'dev' })).outcome).toBe('done');
    expect(at(dev, 'dev')).toBe(dev === SWARM ? IN_SWARM : ON_HOSTS);
  });

  it('of one service leaves the others', async () => {
    configure(SWARM, SWARM);
    await world.rollout({ environment: 'dev' });
    const planned = await world.move({ services: ['api'], dryRun: true });
    const calls = (plan: typeof planned.plans extends infer P ? P : never, side: 'to' | 'from') =>
      plan?.[side].batches.flatMap((batch) =>
        batch.calls.map(({ kind, what }) => `${kind} ${what}`),
      );
    expect(calls(planned.plans, 'to')).toEqual(['create service shop_prod_api']);
    expect(calls(planned.plans, 'from')).toEqual(['remove service shop_dev_api']);
    expect((await world.move({ services: ['api'] })).outcome).toBe('done');
    expect([world.running('dev'), world.running('prod')]).toEqual(['web=idle 1*2', 'api=idle 1*2']);
    const [current] = (await world.history('dev')).releases;
    expect(current?.services.map(({ name }) => name)).toEqual(['web']);
    expect((await world.move()).outcome).toBe('done');
    expect([world.running('dev'), world.running('prod')]).toEqual(['', IN_SWARM]);
  });

  it('touches nothing where it begins when the other side does not work', async () => {
    configure(SWARM, SWARM, { prod: 'bad' });
    await world.rollout({ environment: 'dev' });
    const report = await world.move();
    expect(report).toMatchObject({ outcome: 'not-arrived', arrived: { outcome: 'rolled-back' } });
    expect(report.left).toBeUndefined();
    expect([world.running('dev'), world.running('prod')]).toEqual([IN_SWARM, '']);
  });

  it('does not believe that what is there already works', async () => {
    configure(SWARM, SWARM);
    await world.rollout({ environment: 'dev' });
    await world.rollout({ environment: 'prod' });
    // What it had has died since, and is not placed again.
    const web = world.swarm.service('shop_prod_web')?.id;
    world.swarm.tasks = world.swarm.tasks.filter(({ serviceId }) => serviceId !== web);
    world.swarm.isFull = true;
    const report = await world.move({ healthTimeoutMs: 10_000 });
    expect(report).toMatchObject({
      outcome: 'not-arrived',
      arrived: { outcome: 'failed', error: { message: expect.stringContaining('web') } },
    });
    expect(world.running('dev')).toBe(IN_SWARM);
  });

  it('is gone on with, at whatever call of its second half it died', async () => {
    const killed = async (at: number) => {
      world.place[Symbol.dispose]();
      world = new SwarmWorld();
      configure(SWARM, SWARM);
      await world.rollout({ environment: 'dev' });
      let isLeaving = 0;
      world.intercept = () => {
        if (world.running('prod') !== IN_SWARM) return 'pass';
        isLeaving += 1;
        return isLeaving === at ? 'kill-after' : 'pass';
      };
      const report = await world.move();
      return { report, isLeaving };
    };
    const { isLeaving: calls } = await killed(0);
    expect(calls).toBeGreaterThan(20);
    for (let at = 2; at <= calls; at += amount(13, 1)) {
      expect((await killed(at)).report).toBeUndefined();
      world.revive();
      const again = await world.move({ lockWaitMs: 120_000 });
      expect([at, again.error?.message]).toEqual([at, undefined]);
      expect(['done', 'unchanged']).toContain(again.outcome);
      expect([at, world.running('dev'), world.running('prod')]).toEqual([at, '', IN_SWARM]);
      expect((await world.status('dev')).unfinished).toBeUndefined();
      // What was left by one that had nothing more to do goes with the next.
      await world.prune({ environment: 'dev', lockWaitMs: 120_000 });
      expect(world.configs().filter((name) => !name.startsWith('shipper-release'))).toEqual([]);
    }
  });

  it('is refused while another release is half-way where it begins', async () => {
    configure(SWARM, SWARM);
    await world.rollout({ environment: 'dev' });
    configure(SWARM, SWARM, { dev: 'idle 2' });
    world.intercept = (method) => (method === 'updateService' ? 'kill-after' : 'pass');
    await world.rollout({ environment: 'dev' });
    world.revive();
    await expect(world.move()).rejects.toMatchObject({
      code: 'PARTIAL',
      hint: 'shipper resume dev or shipper rollback dev',
    });
  });
});

describe('what a swarm remembers', () => {
  async function rolled(does: string) {
    configure(HOSTS, SWARM, { prod: does });
    return (await world.rollout()).release;
  }

  it('goes by a prune, beyond what is retained, with a line in the log', async () => {
    const releases: string[] = [];
    for (const does of ['idle 1', 'idle 2', 'idle 3', 'idle 4']) releases.push(await rolled(does));
    const yaml = world.place.read('shipper.yaml').toString();
    const less = yaml.replace('  prod:\n', '  prod:\n    retain: 1\n');
    world.place.write('shipper.yaml', Buffer.from(less));
    const names = releases.map((id) => `shipper-release-shop-prod-${id}`);
    const planned = await world.prune({ dryRun: true });
    expect(planned.hosts).toMatchObject([
      {
        host: 'the swarm',
        removed: [
          {
            kind: 'release',
            name: names[0],
            cause: 'it is not one of the newest 1 that were complete',
          },
          { name: names[1] },
        ],
        kept: [
          { name: names[2], cause: 'it is one of the newest 1 that were complete' },
          { name: names[3], cause: 'it runs' },
        ],
      },
    ]);
    expect(world.configs()).toHaveLength(4);
    expect((await world.prune()).hosts[0]?.removed.map(({ name }) => name)).toEqual(
      names.slice(0, 2),
    );
    expect(world.configs()).toHaveLength(2);
    const history = await world.history();
    expect(history.releases.map(({ id }) => id)).toEqual([releases[3], releases[2]]);
    expect(history.audit.at(-1)).toMatchObject({ action: 'prune', outcome: '2 removed' });
    expect((await world.prune()).hosts[0]?.removed).toEqual([]);
    expect(world.running()).toBe('api=idle 4*2 web=idle 4*2');
  });

  it('stays where it is half-way, and where no release is known to be complete', async () => {
    world.intercept = (method) => (method === 'createService' ? 'kill-after' : 'pass');
    configure(HOSTS, SWARM);
    await world.rollout();
    world.revive();
    const [swarm] = (await world.prune({ lockWaitMs: 60_000 })).hosts;
    expect(swarm?.removed).toEqual([]);
    expect(swarm?.kept).toMatchObject([{ cause: 'no release is known to be complete' }]);
    expect((await world.resume()).outcome).toBe('done');
  });

  it('has a line when its lock is taken away', async () => {
    await rolled('idle 1');
    configure(HOSTS, SWARM, { prod: 'idle 2' });
    world.intercept = (method) => (method === 'updateService' ? 'kill-before' : 'pass');
    await world.rollout();
    world.revive();
    const { locks } = await world.locks();
    expect(locks).toMatchObject([{ host: 'the swarm', holder: { action: 'rollout' } }]);
    await world.unlock(locks.map(({ holder }) => holder.token));
    expect((await world.locks()).locks).toEqual([]);
    const { audit } = await world.history();
    expect(audit.find(({ action }) => action === 'unlock')).toMatchObject({
      outcome: 'removed',
      detail: expect.stringMatching(/@.+, rollout$/),
    });
  });
});
