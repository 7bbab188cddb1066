// What may be tried again, what an answer may not do to us, and what a pull failed of.
import { describe, expect, it } from 'vitest';
import { eventOf, statsOf } from '../../src/engine/container-watch.ts';
import { pullName } from '../../src/engine/image-calls.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { fastClock } from '../support/fake-contract.ts';
import { FakeHost } from '../support/fake-host.ts';
import { clientOf, failureOf, testContext } from './support.ts';

function setUp(): FakeHost {
  const host = new FakeHost('a', fastClock(10));
  host.images.add({ tags: ['app:1'], tar: new Uint8Array() });
  host.create('c', { Image: 'app:1', Labels: {} });
  return host;
}

describe('a failure of a call about a container', () => {
  const ctx = testContext();

  it('is worth another try where that may help', async () => {
    await using fake = await startFakeEngine({ host: setUp() });
    await using engine = clientOf(fake);
    const { containers } = engine;
    const policy = { name: 'no', maximumRetryCount: 0 } as const;
    const rows: readonly (readonly [string, boolean, () => Promise<unknown>])[] = [
      ['/stop', true, () => containers.stop(ctx, 'c', 0)],
      ['/update', true, () => containers.setRestartPolicy(ctx, 'c', policy)],
      ['/containers/c?', true, () => containers.remove(ctx, 'c')],
      ['/start', false, () => containers.start(ctx, 'c')],
      ['/create', false, () => containers.create(ctx, 'd', { Image: 'app:1', Labels: {} })],
    ];
    for (const [where, isRetryable, call] of rows) {
      fake.fault('host', { kind: 'status', status: 500 }, 1, where);
      const error = await failureOf(call());
      expect([where, error.code, error.retryable]).toEqual([where, 'ENGINE', isRetryable]);
    }
    fake.fault('host', { kind: 'status', status: 503 }, 1, '/start');
    expect((await failureOf(containers.start(ctx, 'c'))).retryable).toBe(true);
  });

  it('is retryable where the answer was lost, which has had its effect', async () => {
    const host = setUp();
    await using fake = await startFakeEngine({ host });
    await using engine = clientOf(fake);
    fake.fault('host', { kind: 'cut', afterBytes: 5, how: 'abrupt' }, 1, '/create');
    const creating = engine.containers.create(ctx, 'd', { Image: 'app:1', Labels: {} });
    expect((await failureOf(creating)).retryable).toBe(true);
    expect(host.find('d')?.status).toBe('created');
  });

  it('names container and engine', async () => {
    await using fake = await startFakeEngine();
    await using engine = clientOf(fake);
    const error = await failureOf(engine.containers.start(ctx, 'web'));
    const said = `Cannot start container "web" at ${fake.host}: No such container: web`;
    expect(error.message).toBe(said);
  });

  it('is USAGE for a name that would become another path', async () => {
    await using fake = await startFakeEngine();
    await using engine = clientOf(fake);
    for (const name of ['', '..', 'a/b', 'a\0b']) {
      const error = await failureOf(
        Promise.resolve().then(() => engine.containers.start(ctx, name)),
      );
      expect(error.code).toBe('USAGE');
    }
    expect(fake.requests.filter(({ url }) => url.includes('containers'))).toEqual([]);
  });

  it('waits for a removal that is under way', async () => {
    const host = setUp();
    host.behaviours.set('app:1', { removeMs: 3000 });
    await using fake = await startFakeEngine({ host });
    await using engine = clientOf(fake);
    await Promise.all([engine.containers.remove(ctx, 'c'), engine.containers.remove(ctx, 'c')]);
    expect(host.find('c')).toBeUndefined();
  });

  it('is ENGINE for answers that are not what was asked for', async () => {
    await using fake = await startFakeEngine({ host: setUp() });
    await using engine = clientOf(fake);
    for (const text of ['', 'null', '{}', '[', '[1,{"Id":5}]']) {
      fake.fault('host', { kind: 'body', bytes: Buffer.from(text) }, 1, '/c/json');
      expect((await failureOf(engine.containers.inspect(ctx, 'c'))).code).toBe('ENGINE');
    }
    fake.fault('host', { kind: 'body', bytes: Buffer.from('[1,{"Id":5},{"Id":"x"}]') });
    expect((await engine.containers.list(ctx)).map(({ id, status }) => [id, status])).toEqual([
      ['x', 'dead'],
    ]);
  });
});

describe('a pull', () => {
  const ctx = testContext();
  const NAME = 'r.test/app:1';
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['write /var/lib/docker/tmp: no space left on device', 'NO_SPACE', false],
    ['Head "https://r/v2/": unauthorized: authentication required', 'UNAUTHORIZED', false],
    ['pull access denied for app, repository does not exist', 'UNAUTHORIZED', false],
    ['manifest for app:1 not found: manifest unknown', 'NOT_FOUND', false],
    ['Get "https://r/v2/": dial tcp: i/o timeout', 'ENGINE', true],
    ['toomanyrequests: slow down', 'ENGINE', true],
    ['filesystem layer verification failed', 'ENGINE', false],
  ];
  it.each(rows)('that ends with %j is %s', async (message, code, retryable) => {
    const host = setUp();
    host.pullable.set(NAME, { id: 'sha256:a', refusal: { status: 500, message } });
    await using fake = await startFakeEngine({ host });
    await using engine = clientOf(fake);
    const asStatus = await failureOf(engine.containers.pull(ctx, NAME));
    const line = { errorDetail: { message }, error: message };
    const bytes = Buffer.from(`{"status":"Pulling"}\r\n${JSON.stringify(line)}\r\n`);
    host.pullable.set(NAME, 'sha256:a');
    fake.fault('host', { kind: 'body', bytes });
    const inStream = await failureOf(engine.containers.pull(ctx, NAME));
    expect([asStatus.code, inStream.code]).toEqual([code, code]);
    expect(inStream.retryable).toBe(retryable);
  });

  it.each([
    ['app', 'app', 'latest'],
    ['r:5000/a/b', 'r:5000/a/b', 'latest'],
    ['r:5000/a/b:1', 'r:5000/a/b', '1'],
    ['r/a@sha256:ab', 'r/a', 'sha256:ab'],
    ['r/a:1@sha256:ab', 'r/a', 'sha256:ab'],
  ])('of %s asks for %s and %s', (reference, fromImage, tag) => {
    expect(pullName(reference)).toEqual({ fromImage, tag });
  });
});

describe('what engines tell', () => {
  it('keeps nanoseconds that a number does not, and takes no label for them', () => {
    const line =
      '{"Type":"container","Action":"start","Actor":{"ID":"x","Attributes":{"a":"\\"timeNano\\":1"}},"timeNano":1795735377123456789}';
    expect(eventOf(line)?.timeNano).toBe('1795735377123456789');
    expect(eventOf('{"Action":"start","time":5}')?.timeNano).toBe('5000000000');
    expect(eventOf('no json')).toBeUndefined();
  });

  it('gives cores in use, without the page cache', () => {
    const cpu = (total: number, system: number) => ({
      cpu_usage: { total_usage: total },
      system_cpu_usage: system,
      online_cpus: 4,
    });
    const json = {
      cpu_stats: cpu(3e9, 12e9),
      precpu_stats: cpu(1e9, 8e9),
      memory_stats: { usage: 100, stats: { inactive_file: 40 } },
    };
    expect(statsOf(json, 7)).toEqual({ cpus: 2, memoryBytes: 60, memoryLimitBytes: 7 });
    expect(statsOf({}, 0)).toEqual({ cpus: undefined, memoryBytes: 0, memoryLimitBytes: 0 });
  });
});
