// How many connections there are, who waits for whom, and what becomes of idle ones (decision 25).
import { describe, expect, it } from 'vitest';
import { startFakeEngine } from '../support/engine-server.ts';
import { fastClock } from '../support/fake-contract.ts';
import { FakeHost } from '../support/fake-host.ts';
import { clientOf, failureOf, testContext } from './support.ts';

const IDLE = { Image: 'app:1', Labels: {} };

function hostWithImage(): FakeHost {
  const host = new FakeHost('a', fastClock(1));
  host.images.add({ tags: ['app:1'], tar: new Uint8Array() });
  return host;
}

describe('calls to one engine', () => {
  it('are four at once at most, and use their connections again', async () => {
    await using fake = await startFakeEngine({ latencyMs: 5 });
    await using engine = clientOf(fake);
    const ctx = testContext();
    await engine.facts(ctx);
    let most = 0;
    const calls = Array.from({ length: 40 }, async () => {
      await engine.containers.list(ctx);
      most = Math.max(most, await fake.connections());
    });
    await Promise.all(calls);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
    expect(fake.requests.length).toBe(43);
  });

  it('that take long keep nobody waiting', async () => {
    const host = hostWithImage();
    host.behaviours.set('app:1', { ignoresStop: true });
    await using fake = await startFakeEngine({ host });
    await using engine = clientOf(fake);
    const ctx = testContext();
    const names = Array.from({ length: 8 }, (_, at) => `c${at}`);
    for (const name of names) await engine.containers.create(ctx, name, IDLE);
    for (const name of names) await engine.containers.start(ctx, name);
    const began = performance.now();
    const stops = names.map((name) => engine.containers.stop(ctx, name, 1000));
    const waits = names.map((name) => engine.containers.wait(ctx, name));
    expect(await engine.containers.list(ctx)).toHaveLength(8);
    expect(performance.now() - began).toBeLessThan(900);
    await Promise.all([...stops, ...waits]);
    expect(performance.now() - began).toBeLessThan(2500);
  });

  it('end their connections when the client is disposed', async () => {
    await using fake = await startFakeEngine();
    const engine = clientOf(fake);
    await engine.containers.list(testContext());
    expect(await fake.connections()).toBe(1);
    await engine[Symbol.asyncDispose]();
    await expect.poll(() => fake.connections()).toBe(0);
  });

  it('that only look are sent once more when an idle connection was closed; others fail', async () => {
    await using fake = await startFakeEngine({ host: hostWithImage() });
    await using engine = clientOf(fake);
    const ctx = testContext();
    await engine.containers.list(ctx);
    const cut = { kind: 'raw', bytes: new Uint8Array() } as const;
    fake.fault('host', cut);
    expect(await engine.containers.list(ctx)).toEqual([]);
    fake.fault('host', cut);
    const error = await failureOf(engine.containers.create(ctx, 'c', IDLE));
    expect(error).toMatchObject({ code: 'ENGINE', retryable: true });
  });

  it('that only look fail too where the connection was a new one', async () => {
    await using fake = await startFakeEngine();
    await using engine = clientOf(fake, { apiVersion: '1.41' });
    fake.fault('host', { kind: 'raw', bytes: new Uint8Array() });
    expect((await failureOf(engine.containers.list(testContext()))).retryable).toBe(true);
  });
});

describe('calls to many engines', () => {
  it('of 30 hosts that take 100 ms each run side by side', async () => {
    const fakes = await Promise.all(
      Array.from({ length: 30 }, () => startFakeEngine({ latencyMs: 100 })),
    );
    const ctx = testContext();
    const engines = fakes.map((fake) => clientOf(fake, { apiVersion: '1.41' }));
    const began = performance.now();
    await Promise.all(engines.map(({ containers }) => containers.list(ctx)));
    expect(performance.now() - began).toBeLessThan(2000);
    await Promise.all(engines.map((engine) => engine[Symbol.asyncDispose]()));
    await Promise.all(fakes.map((fake) => fake.stop()));
  });
});
