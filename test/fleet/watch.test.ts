// watch() on hosts in memory: it mends by itself what ensure() mends, ever more slowly, and gives up.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WatchCall } from '../../src/fleet/shipper-options.ts';
import type { WatchEvent } from '../../src/fleet/watch.ts';
import { takeFleetLock } from '../../src/rollout/fleet-lock.ts';
import { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.rollout();
});
afterEach(() => world[Symbol.dispose]());

const ALL = 'a: api.1 web.1; b: api.2 web.2; c: api.3';

/** Watches while `story` goes on, and tells what was told. */
async function watched(
  story: (sleep: (ms: number) => Promise<void>) => Promise<void>,
  call: Partial<WatchCall> = {},
): Promise<readonly WatchEvent[]> {
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  const onEvent = (event: WatchEvent) => void events.push(event);
  const ship = world.shipper({ environment: 'staging', signal: stop.signal });
  const watching = ship.watch({ ...call, onEvent }).catch((error: Error) => error.message);
  const telling = (async () => {
    // Files are read in real time, in which no virtual one passes.
    while (events.length < world.hosts.size) await world.system.clock.sleep(10);
    await story((ms) => world.system.clock.sleep(ms));
    stop.abort();
  })();
  const [message] = await world.run(Promise.all([watching, telling]));
  expect(message).toMatch(/the run was cancelled/);
  return events;
}

function told(events: readonly WatchEvent[], slot?: string): readonly string[] {
  return events
    .filter((event) => slot === undefined || event.slot === slot)
    .map(({ kind, reason }) => `${kind}: ${reason}`);
}

describe('watch()', () => {
  it('mends what stops, is paused, removed or turns unhealthy', async () => {
    const events = await watched(async (sleep) => {
      const stopped = world.container('api.1');
      stopped.host.kill(stopped.container, 'KILL');
      const paused = world.container('api.2');
      paused.host.pause(paused.container, true);
      const gone = world.container('api.3');
      gone.host.stop(gone.container);
      gone.host.remove(gone.container);
      world.host('b').behaviours.set('web', { unhealthyAfterMs: 10_000 });
      await sleep(30_000);
      world.host('b').behaviours.delete('web');
      await sleep(60_000);
    });
    expect(world.serving()).toBe(ALL);
    expect(told(events, 'api.1')).toEqual([
      'ails: stopped (exit code 137)',
      'mended: was stopped (exit code 137)',
    ]);
    expect(told(events, 'api.2')).toEqual(['ails: paused', 'mended: was paused']);
    expect(told(events, 'api.3')).toEqual(['ails: missing', 'mended: was missing']);
    expect(told(events, 'web.2')[0]).toMatch(/^ails: unhealthy \(\d+ health checks failed/);
    const { host, container } = world.container('web.2');
    expect(host.healthOf(container)?.status).toBe('healthy');
  });

  it('gives up on a crash loop, as it is told to, and begins anew once the slot has worked', async () => {
    const events = await watched(
      async (sleep) => {
        world.host('a').behaviours.set('web', { crashAfterMs: 300, exitCode: 9, log: ['no db'] });
        const { host, container } = world.container('web.1');
        host.stop(container);
        await sleep(300_000);
        expect(host.running().length).toBe(1);
        world.host('a').behaviours.delete('web');
        host.start(container);
        await sleep(100_000);
        host.kill(container, 'KILL');
        await sleep(30_000);
      },
      { limit: 3, firstPauseMs: 2000, settledMs: 60_000 },
    );
    const own = events.filter(({ slot }) => slot === 'web.1');
    expect(own.map(({ kind }) => kind)).toEqual([
      ...['ails', 'failed', 'ails', 'failed', 'ails', 'failed', 'given-up'],
      ...['ails', 'mended'],
    ]);
    expect(own.flatMap(({ pauseMs }) => pauseMs ?? [])).toEqual([2000, 4000, 8000, 2000]);
    expect(own[1]?.error?.log).toContain('no db');
    expect(own[6]?.reason).toBe('stopped (exit code 9), 3 times in a row');
    expect(world.serving()).toBe(ALL);
  });

  it('leaves restarts to an engine that restarts, and tells when they do not end', async () => {
    const events = await watched(async (sleep) => {
      world.host('a').behaviours.set('api', { crashAfterMs: 300 });
      const { host, container } = world.container('api.1');
      host.kill(container, 'KILL');
      await sleep(300_000);
    });
    const own = events.filter(({ slot }) => slot === 'api.1');
    expect(own.filter(({ kind }) => kind === 'given-up').length).toBe(1);
  });

  it('leaves alone what was stopped on purpose', async () => {
    const events = await watched(async (sleep) => {
      await world.shipper().stop({ services: ['api'] });
      await sleep(120_000);
    });
    expect(world.serving()).toBe('a: web.1; b: web.2; c: ');
    expect(events.filter(({ slot }) => slot !== undefined)).toEqual([]);
  });

  it('comes back to a host that was away, and waits for whoever is at work', async () => {
    const events = await watched(async (sleep) => {
      world.cut.add('c');
      const { host, container } = world.container('api.3');
      host.stop(container);
      await sleep(90_000);
      world.cut.delete('c');
      await sleep(60_000);
      expect(world.serving()).toBe(ALL);
      const engine = world.engine('c');
      const ctx = world.ctx();
      const own = { name: 'tcp://c:1', id: 'ID-c', engine, facts: await engine.facts(ctx) };
      const scope = { project: 'shop', environment: 'staging' };
      const request = { scope, by: 'ann@laptop', action: 'rollout', waitMs: 0 };
      const lock = await takeFleetLock(ctx, world.system, [own], request);
      host.stop(container);
      await sleep(60_000);
      expect(world.serving()).not.toBe(ALL);
      await lock[Symbol.asyncDispose]();
      await sleep(30_000);
    });
    expect(world.serving()).toBe(ALL);
    const away = events.filter(({ host, slot }) => host === 'tcp://c:1' && slot === undefined);
    expect(away.map(({ kind }) => kind).at(-1)).toBe('watched');
    expect(away.some(({ kind }) => kind === 'lost')).toBe(true);
    expect(told(events, 'api.3').filter((text) => text.startsWith('mended')).length).toBe(2);
  });

  it('needs an environment', async () => {
    const watching = world.shipper({}).watch({ onEvent: () => undefined });
    await expect(world.run(watching)).rejects.toThrow(/no environment is named/);
  });
});
