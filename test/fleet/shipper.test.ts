// Class Shipper on hosts in memory: which containers are meant, what is done to them, and that no host hides another.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isShipperError } from '../../src/core/errors.ts';
import type { FleetLine } from '../../src/fleet/output.ts';
import { takeFleetLock } from '../../src/rollout/fleet-lock.ts';
import { slotOf, World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
});
afterEach(() => world[Symbol.dispose]());

const ALL = 'a: api.1 web.1; b: api.2 web.2; c: api.3';

describe('containers()', () => {
  it('are those of the environment, by service and slot, on every host', async () => {
    await world.rollout();
    world.host('a').create('other', { Image: world.image('web').pinned ?? '', Labels: {} });
    const found = await world.run(world.shipper().containers());
    expect(found.ok).toBe(true);
    expect(found.values.map((each) => each.map(({ name, owned }) => owned?.slot && name))).toEqual([
      [expect.stringContaining('shop-staging-api-1-'), expect.stringContaining('-web-1-')],
      [expect.stringContaining('-api-2-'), expect.stringContaining('-web-2-')],
      [expect.stringContaining('-api-3-')],
    ]);
  });

  it('are chosen by service, group, label, image, command, name, state', async () => {
    await world.rollout();
    const ship = world.shipper();
    const count = async (filter: Parameters<typeof ship.containers>[0]) =>
      (await world.run(ship.containers(filter))).values.flat().length;
    expect(await count({ services: ['web'] })).toBe(2);
    expect(await count({ services: ['front'] })).toBe(3);
    expect(await count({ labels: ['shipper.slot=1'] })).toBe(2);
    expect(await count({ labels: ['shipper.slot', 'nothing'] })).toBe(0);
    expect(await count({ image: 'r.example/api' })).toBe(3);
    expect(await count({ image: /api|web/g })).toBe(5);
    expect(await count({ name: '*-web-2-*' })).toBe(1);
    expect(await count({ state: 'exited' })).toBe(0);
    expect(await count({ state: ['exited', 'running'], running: true })).toBe(5);
    const { container } = world.container('web.1');
    expect(await count({ name: container.id.slice(0, 12) })).toBe(1);
    await expect(world.run(ship.containers({ services: ['wep'] }))).rejects.toThrow(
      /Cannot find service "wep" in staging/,
    );
  });

  it('of hosts by themselves are all of them', async () => {
    await world.rollout();
    const found = await world.run(world.shipper({ hosts: ['tcp://b:1'] }).containers());
    expect(found.hosts).toEqual(['tcp://b:1']);
    expect(found.values.flat().length).toBe(2);
    const usual = await world.run(world.shipper({}).containers({ running: true }));
    expect(usual.results).toMatchObject([{ host: 'unix:///a.sock', ok: true }]);
  });

  it('hides no host behind another: one is cut off, one is slow, one answers nonsense', async () => {
    await world.rollout();
    world.cut.add('a');
    world.slowMs.set('b', 5000);
    world.fault = ({ host, method }) =>
      host === 'c' && method === 'facts' ? { status: 500 } : 'pass';
    const told: string[] = [];
    const began = world.time.nowMs;
    const onResult = ({ host, ok }: { host: string; ok: boolean }) =>
      void told.push(`${host} ${ok} ${world.time.nowMs - began}`);
    const found = await world.run(world.shipper().containers({}, { onResult }));
    expect(told).toEqual(['tcp://a:1 false 0', 'tcp://c:1 false 0', 'tcp://b:1 true 10000']);
    expect(found.results.map(({ host, ok }) => `${host} ${ok}`)).toEqual([
      'tcp://a:1 false',
      'tcp://b:1 true',
      'tcp://c:1 false',
    ]);
    expect(() => found.orThrow()).toThrow(/2 of 3 failed: tcp:\/\/a:1: .*; tcp:\/\/c:1: /);
  });

  it('gives a host up after its time', async () => {
    world.slowMs.set('b', 5000);
    const ship = world.shipper({ environment: 'staging', timeoutMs: 2000 });
    const found = await world.run(ship.containers());
    expect(
      found.failures.map(({ host, error }) => [host, isShipperError(error, 'TIMEOUT')]),
    ).toEqual([['tcp://b:1', true]]);
    expect(found.values.length).toBe(2);
  });

  it('refuses one engine under two names', async () => {
    const ship = world.shipper({ hosts: ['tcp://a:1', 'tcp://a:2'] });
    const found = await world.run(ship.containers());
    expect(found.failures.map(({ error }) => String(error))).toEqual([
      'ShipperError: Cannot use tcp://a:2: it is the engine that tcp://a:1 is: name it once',
    ]);
  });
});

describe('stop(), start(), restart()', () => {
  it('stop what runs and start it again, the container of the release that runs', async () => {
    await world.rollout();
    world.version = '2';
    await world.rollout();
    const ship = world.shipper();
    const stopped = await world.run(ship.stop({ services: ['api'] }));
    expect(stopped.values.map(({ did, container }) => `${container.owned?.slot} ${did}`)).toEqual([
      '1 stopped',
      '2 stopped',
      '3 stopped',
    ]);
    expect(world.serving()).toBe('a: web.1; b: web.2; c: ');
    expect(world.container('api.1').container.policy.name).toBe('no');
    const started = await world.run(ship.start());
    expect(started.values.filter(({ did }) => did === 'started').length).toBe(3);
    expect(world.serving()).toBe(ALL);
    expect(world.container('api.1').container.policy.name).toBe('unless-stopped');
    expect(world.container('api.1').container.imageId).toBe(world.image('api').digest);
    expect((await world.run(ship.start())).values.every(({ did }) => did === 'unchanged')).toBe(
      true,
    );
  });

  it('start the one that works after a rollout that was undone', async () => {
    await world.rollout();
    const good = world.container('api.1').container.imageId;
    world.version = 'bad';
    for (const host of world.hosts.values()) {
      host.behaviours.set(world.image('api').digest, { crashAfterMs: 100 });
    }
    expect((await world.rollout()).outcome).toBe('rolled-back');
    const ship = world.shipper();
    await world.run(ship.stop());
    await world.run(ship.start());
    expect(world.serving()).toBe(ALL);
    const { host } = world.container('api.1');
    expect(host.running().filter((each) => slotOf(each) === 'api.1')[0]?.imageId).toBe(good);
  });

  it('restart a few at a time, each once those before work, and stop at the first that does not', async () => {
    await world.rollout();
    const ship = world.shipper();
    const begun = world.time.nowMs;
    const result = await world.run(ship.restart({ services: ['web'] }, { batch: 1 }));
    expect(result.ok).toBe(true);
    expect(world.time.nowMs - begun).toBeGreaterThan(2000);
    for (const host of world.hosts.values()) {
      host.behaviours.set('api', { crashAfterMs: 100 });
    }
    const broken = await world.run(ship.restart({ services: ['api'] }, { batch: 1 }));
    expect(broken.failures.length).toBe(3);
    expect(broken.failures.map(({ error }) => isShipperError(error) && error.code).sort()).toEqual([
      'PARTIAL',
      'PARTIAL',
      'UNHEALTHY',
    ]);
  });

  it('do nothing in a dry run', async () => {
    await world.rollout();
    world.calls.splice(0);
    const ship = world.shipper({ environment: 'staging', dryRun: true });
    const result = await world.run(ship.restart());
    expect(result.values.map(({ did }) => did)).toEqual(Array(5).fill('planned'));
    await world.run(ship.exec({}, ['true']));
    await world.run(ship.run('r.example/job', ['x']));
    expect(world.changes()).toEqual([]);
  });

  it('leave an environment alone that somebody else is changing', async () => {
    await world.rollout();
    const engine = world.engine('a');
    const ctx = world.ctx();
    const host = { name: 'tcp://a:1', id: 'ID-a', engine, facts: await engine.facts(ctx) };
    const scope = { project: 'shop', environment: 'staging' };
    const request = { scope, by: 'ann@laptop', action: 'rollout', waitMs: 0 };
    const system = {
      ...world.system,
      files: { ...world.system.files, owner: { ...world.system.files.owner, tag: 'far-1-1' } },
    };
    const lock = await world.run(takeFleetLock(ctx, system, [host], request));
    const result = await world.run(world.shipper().restart());
    expect(result.failures.map(({ error }) => String(error))).toEqual([
      expect.stringMatching(/Cannot change shop\/staging on tcp:\/\/a:1: ann@laptop has held it/),
    ]);
    expect(result.values.length).toBe(3);
    await world.run(lock[Symbol.asyncDispose]());
  });
});

describe('run()', () => {
  it('runs a container on every host, and once only where none runs', async () => {
    for (const host of world.hosts.values()) host.pullable.set('r.example/job:1', 'sha256:job');
    const ship = world.shipper({ hosts: ['tcp://a:1', 'tcp://b:1'] });
    const options = { environment: { A: 'b' }, ports: ['8080:80'], volumes: ['data:/data:ro'] };
    const first = await world.run(ship.run('r.example/job:1', ['work', 'a b'], options));
    expect(first.values.map(({ did }) => did)).toEqual(['ran', 'ran']);
    expect(first.values[0]?.container.command).toBe("work 'a b'");
    const again = () => ship.run('r.example/job:1', ['work', 'a b'], { ...options, once: true });
    expect((await world.run(again())).values.map(({ did }) => did)).toEqual(['found', 'found']);
    await world.run(ship.stop({ name: 'job-run-*' }));
    world.host('b').containers.clear();
    expect((await world.run(again())).values.map(({ did }) => did)).toEqual(['ran', 'ran']);
    const like = { once: { image: 'r.example/job', command: /^work/ } };
    const other = await world.run(ship.run('r.example/job:1', ['work', 'else'], like));
    expect(other.values.map(({ did }) => did)).toEqual(['found', 'found']);
  });

  it('leaves nothing behind that does not start', async () => {
    const host = world.host('a');
    host.pullable.set('r.example/job:1', 'sha256:job');
    host.behaviours.set('job', { startError: 'no such program' });
    const ship = world.shipper({ hosts: ['tcp://a:1'] });
    const result = await world.run(ship.run('r.example/job:1'));
    expect(result.failures.map(({ error }) => String(error))).toEqual([
      expect.stringContaining('no such program'),
    ]);
    expect(host.containers.size).toBe(0);
  });

  it('refuses what is no port, volume or image', async () => {
    const ship = world.shipper({});
    const refusal = (...args: Parameters<typeof ship.run>) =>
      expect(async () => ship.run(...args)).rejects;
    await refusal('x', [], { ports: ['70000'] }).toThrow(/Cannot publish port "70000"/);
    await refusal('x', [], { volumes: ['a:b'] }).toThrow(/Cannot mount volume "a:b"/);
    await refusal('', []).toThrow(/it is no image/);
  });
});

describe('exec(), wait(), attach(), logs()', () => {
  it('runs a command in every running container', async () => {
    await world.rollout();
    for (const host of world.hosts.values()) {
      host.behaviours.set('api', {
        exec: ({ command }) => ({
          code: host.name === 'b' ? 3 : 0,
          lines: [{ stream: 'stdout', text: `${host.name} ${command.join(' ')}` }],
        }),
      });
    }
    const ship = world.shipper();
    const result = await world.run(ship.exec({ services: ['api'] }, ['ls', '-l']));
    expect(result.values.map(({ exitCode, lines }) => [exitCode, lines[0]?.text])).toEqual([
      [0, 'a ls -l'],
      [3, 'b ls -l'],
      [0, 'c ls -l'],
    ]);
  });

  it('waits for exit codes', async () => {
    const host = world.host('a');
    host.pullable.set('r.example/job:1', 'sha256:job');
    host.behaviours.set('job', { crashAfterMs: 60_000, exitCode: 4 });
    const ship = world.shipper({ hosts: ['tcp://a:1'] });
    const ran = await world.run(ship.run('r.example/job:1'));
    const ended = await world.run(ship.wait(ran.map(({ container }) => container)));
    expect(ended.values.map(({ exitCode }) => exitCode)).toEqual([4]);
  });

  it('listens until a line comes', async () => {
    await world.rollout();
    for (const host of world.hosts.values()) host.behaviours.set('api', { talksEveryMs: 1000 });
    const heard: string[] = [];
    const result = await world.run(
      world
        .shipper()
        .attach(
          { services: ['api'] },
          { stopLine: /line \d*5$/, onLines: ([line]) => void heard.push(line?.text ?? '') },
        ),
    );
    expect(result.values.map(({ stoppedBy }) => stoppedBy?.endsWith('5'))).toEqual([
      true,
      true,
      true,
    ]);
    expect(heard.length).toBeGreaterThan(3);
  });

  it('reads the logs of all in order of time', async () => {
    await world.rollout();
    for (const host of world.hosts.values()) {
      host.behaviours.set('api', { talksEveryMs: 700 });
      host.behaviours.set('web', { talksEveryMs: 900 });
    }
    const start = world.time.nowMs;
    await world.run(world.system.clock.sleep(10_000));
    const lines: FleetLine[] = [];
    const onLines = (more: readonly FleetLine[]) => void lines.push(...more);
    const since = new Date(start);
    const result = await world.run(world.shipper().logs({}, { since, onLines }));
    expect(result.values.reduce((sum, each) => sum + each.lines, 0)).toBe(lines.length);
    expect(lines.length).toBeGreaterThan(50);
    const times = lines.map(({ time }) => time);
    expect(times).toEqual([...times].sort());
  });

  it('follows logs over a cut, a restart and a new container, without losing or repeating a line', async () => {
    await world.rollout({ services: ['web'] });
    for (const host of world.hosts.values()) host.behaviours.set('web', { talksEveryMs: 100 });
    const lines: FleetLine[] = [];
    const onLines = (more: readonly FleetLine[]) => void lines.push(...more);
    const following = world.shipper().logs({ services: ['web'] }, { follow: true, onLines });
    const { clock } = world.system;
    const story = (async () => {
      // Time passes while the real file of the environment is read: nothing is cut before both are followed.
      while (new Set(lines.map(({ container }) => container.host)).size < 2) await clock.sleep(100);
      await clock.sleep(2000);
      world.cut.add('a');
      await clock.sleep(3000);
      world.cut.delete('a');
      await clock.sleep(3000);
      const { host, container } = world.container('web.2');
      host.stop(container);
      await clock.sleep(1000);
      host.start(container);
      await clock.sleep(5000);
      for (const each of world.hosts.values()) {
        for (const own of each.running()) each.stop(own);
      }
    })();
    const [result] = await world.run(Promise.all([following, story]));
    expect(result.failures).toEqual([]);
    for (const slot of ['web.1', 'web.2']) {
      const own = lines.filter(({ container }) => slot === `web.${container.owned?.slot}`);
      const numbers = own.map(({ text }) => Number(text.replace('line ', '')));
      const runs = numbers.filter((number) => number === 1).length;
      expect(runs).toBe(slot === 'web.1' ? 1 : 2);
      const jumps = numbers.filter((number, at) => at > 0 && number !== (numbers[at - 1] ?? 0) + 1);
      expect(jumps).toEqual(slot === 'web.1' ? [] : [1]);
      expect(numbers.length).toBeGreaterThan(100);
    }
  });
});
