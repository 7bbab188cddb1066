// ensure() on hosts in memory: whatever became of a slot, it ends with exactly what the release wants there.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isShipperError } from '../../src/core/errors.ts';
import { rolloutEnvironment } from '../../src/rollout/rollout.ts';
import type { FakeContainer, FakeHost } from '../support/fake-host.ts';
import { slotOf, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.rollout();
});
afterEach(() => world[Symbol.dispose]());

const ALL = 'a: api.1 web.1; b: api.2 web.2; c: api.3';

/** Whatever serves of a slot, it is of the wanted image, healthy and restarted as it should be. */
function expectRight(): void {
  expect(world.serving()).toBe(ALL);
  for (const host of world.hosts.values()) {
    for (const container of host.running()) {
      const service = slotOf(container).split('.')[0] ?? '';
      expect(container.imageId).toBe(world.image(service).digest);
      expect(container.policy.name).toBe(service === 'api' ? 'unless-stopped' : 'no');
      expect(host.healthOf(container)?.status ?? 'healthy').toBe('healthy');
    }
  }
}

type Trouble = (host: FakeHost, container: FakeContainer) => unknown;

/** Another container in its place, with its labels and these changes. */
function replaced(status: 'created' | 'running', image?: string): Trouble {
  return (host, container) => {
    host.stop(container);
    host.remove(container);
    const spec = { ...container.spec, Image: image ?? container.spec.Image };
    const made = host.create(`${container.name}-x`, spec);
    if (status === 'running') host.start(made);
  };
}

const TROUBLES: readonly (readonly [string, Trouble])[] = [
  [
    'missing',
    (host, container) => {
      host.stop(container);
      host.remove(container);
    },
  ],
  ['stopped', (host, container) => host.stop(container)],
  ['paused', (host, container) => host.pause(container, true)],
  ['created', replaced('created')],
];

describe('ensure()', () => {
  it('changes nothing where all is as it should be', async () => {
    world.calls.splice(0);
    const result = await world.run(world.shipper().ensure());
    expect(result.values.map(({ found, did }) => `${found} ${did}`)).toEqual(
      Array(5).fill('running unchanged'),
    );
    expect(world.changes().filter((call) => !/create|remove/.test(call))).toEqual([]);
  });

  it.each(TROUBLES)('mends what is %s', async (found, trouble) => {
    for (const slot of ['api.2', 'web.1']) {
      const { host, container } = world.container(slot);
      trouble(host, container);
    }
    const result = await world.run(world.shipper().ensure());
    expect(result.failures).toEqual([]);
    const mended = result.values.filter(({ did }) => did === 'mended');
    expect(mended.map((each) => `${each.service}.${each.slot} ${each.found}`).sort()).toEqual([
      `api.2 ${found}`,
      `web.1 ${found}`,
    ]);
    expectRight();
    const again = await world.run(world.shipper().ensure());
    expect(again.values.every(({ did }) => did === 'unchanged')).toBe(true);
  });

  it('replaces a container of another image, whatever its labels say', async () => {
    const { host, container } = world.container('web.1');
    replaced('running', world.image('api').pinned)(host, container);
    const result = await world.run(world.shipper().ensure(['web']));
    expect(result.values.map(({ found, did }) => `${found} ${did}`)).toEqual([
      'wrong image mended',
      'running unchanged',
    ]);
    expectRight();
  });

  it('replaces a container of another release, and stops one that is too many', async () => {
    const { host, container } = world.container('api.1');
    world.version = '2';
    await world.rollout();
    const now = world.container('api.1').container;
    host.stop(now);
    host.start(container);
    const extra = world.host('c').create('more', {
      ...container.spec,
      Labels: { ...container.spec.Labels, 'shipper.slot': '9' },
    });
    world.host('c').start(extra);
    const result = await world.run(world.shipper().ensure());
    expect(result.failures).toEqual([]);
    const mended = result.values.filter(({ did }) => did === 'mended');
    expect(mended.map(({ service, slot, found }) => `${service}.${slot} ${found}`)).toEqual([
      'api.1 stopped',
      'api.9 not wanted',
    ]);
    expectRight();
  });

  it('restarts what is unhealthy, and waits until it is healthy', async () => {
    const { host, container } = world.container('web.2');
    host.behaviours.set('web', { unhealthyAfterMs: 30_000 });
    await world.run(world.system.clock.sleep(60_000));
    expect(host.healthOf(container)?.status).toBe('unhealthy');
    const result = await world.run(world.shipper().ensure(['web']));
    const own = result.values.find(({ slot }) => slot === 2);
    expect(own).toMatchObject({ found: 'unhealthy', did: 'mended' });
    expect(own?.why).toMatch(/health checks failed/);
    expectRight();
  });

  it('starts what a restart of the host left stopped', async () => {
    for (const host of world.hosts.values()) host.reboot();
    expect(world.serving()).toBe('a: api.1; b: api.2; c: api.3');
    expect((await world.run(world.shipper().ensure())).ok).toBe(true);
    expectRight();
  });

  it('says why a slot cannot be mended, and mends the others', async () => {
    for (const slot of ['api.1', 'web.1']) {
      const { host, container } = world.container(slot);
      host.stop(container);
    }
    world.host('a').behaviours.set('web', { crashAfterMs: 100, log: ['no database'] });
    const result = await world.run(world.shipper().ensure());
    expect(result.failures.map(({ container }) => container)).toEqual(['web.1']);
    const [failure] = result.failures;
    expect(isShipperError(failure?.error, 'UNHEALTHY') && failure.error.details.log).toContain(
      'no database',
    );
    expect(world.serving()).toBe('a: api.1; b: api.2 web.2; c: api.3');
  });

  it('does what it can where a host is down, and ends with 3', async () => {
    world.cut.add('a');
    const { host, container } = world.container('api.3');
    host.stop(container);
    const { code, out, err } = await world.line('ensure', 'staging');
    expect(code).toBe(3);
    expect(out).toContain('api.3 on tcp://c:1: was stopped (exit code 143), runs now\n');
    expect(err).toContain('failed: tcp://a:1: ');
    expect(err).toContain('mend: shipper ensure staging --hosts tcp://a:1\n');
  });

  it('refuses where nothing was rolled out, and while a release is half-way', async () => {
    const empty = new World();
    await expect(empty.run(empty.shipper().ensure())).rejects.toThrow(/nothing was rolled out/);
    empty[Symbol.dispose]();
    world.version = '2';
    const stop = new AbortController();
    world.fault = ({ method }) => {
      if (method === 'containers.start') stop.abort();
      return 'pass';
    };
    const ctx = { ...world.ctx(), signal: stop.signal };
    const request = { environment: 'staging' };
    const parts = world.rolloutParts();
    const report = await world.run(rolloutEnvironment(world.system, ctx, request, parts));
    expect(report.outcome).toBe('interrupted');
    await expect(world.run(world.shipper().ensure())).rejects.toThrow(
      /Cannot tell what should run in staging: the rollout of .* is half-way/,
    );
  });

  it('tells what it would mend with --dry-run', async () => {
    const { host, container } = world.container('api.3');
    host.pause(container, true);
    world.calls.splice(0);
    const { code, out } = await world.line('ensure', 'staging', 'api', '--dry-run');
    expect([code, out]).toEqual([
      0,
      'api.1 on tcp://a:1: runs\napi.2 on tcp://b:1: runs\napi.3 on tcp://c:1: is paused, would be mended\n',
    ]);
    expect(world.changes()).toEqual([]);
  });
});
