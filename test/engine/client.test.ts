import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/session.ts';
import {
  type FakeEngine,
  type FakeEngineOptions,
  startFakeEngine,
} from '../support/engine-server.ts';
import { clientOf, collect, failureOf, pieces, testContext } from './support.ts';

let fake: FakeEngine;
let engine: Engine;

/** So long that a busy machine is never taken for an engine that hangs. */
const PATIENT: EngineOptions = { idleMs: 30_000, thinkMs: 30_000 };

async function start(
  options: FakeEngineOptions = {},
  patience: EngineOptions = PATIENT,
): Promise<void> {
  await stop();
  fake = await startFakeEngine(options);
  engine = clientOf(fake, patience);
}

async function stop(): Promise<void> {
  await engine?.[Symbol.asyncDispose]();
  await fake?.stop();
}

beforeEach(() => start());
afterEach(stop);

const ctx = testContext();
/** A tar without entries. */
const EMPTY = Buffer.alloc(1024);
const TAR = Buffer.alloc(300_000, 'not really a tar ');

async function* endless(chunk: Uint8Array = TAR): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) yield chunk;
}

describe('negotiation', () => {
  it.each([
    ['1.41', '1.41'],
    ['1.24', '1.24'],
    ['1.99', '1.52'],
    ['2.0', '1.52'],
  ])('with an engine of API %s speaks %s', async (theirs, spoken) => {
    await start({ apiVersion: theirs });
    expect((await engine.facts(ctx)).apiVersion).toBe(spoken);
    const urls = fake.requests.map(({ url }) => url);
    expect(urls).toEqual(['/_ping', `/v${spoken}/version`, `/v${spoken}/info`]);
  });

  it('is asked for once by many calls', async () => {
    await Promise.all([1, 2, 3].map(() => engine.facts(ctx)));
    expect(fake.requests.length).toBe(3);
  });

  it('is switched off by DOCKER_API_VERSION', async () => {
    engine = clientOf(fake, {}, { DOCKER_API_VERSION: 'v1.30' });
    expect((await engine.facts(ctx)).apiVersion).toBe('1.30');
    expect(fake.requests[0]?.url).toBe('/v1.30/version');
    const broken = clientOf(fake, {}, { DOCKER_API_VERSION: 'new' });
    expect((await failureOf(broken.facts(ctx))).code).toBe('USAGE');
  });

  it('refuses an engine that is too new', async () => {
    await start({ apiVersion: '1.99', minApiVersion: '1.60' });
    const error = await failureOf(engine.facts(ctx));
    expect(error.code).toBe('ENGINE');
    expect(error.message).toContain('Minimum supported API version is 1.60');
  });

  it('is not spoilt for others by one who is cancelled, nor by a failure', async () => {
    fake.fault('ping', { kind: 'hang' });
    const abort = new AbortController();
    const first = failureOf(engine.facts(testContext(abort.signal)));
    const second = engine.facts(ctx);
    await expect.poll(() => fake.requests.length, { interval: 5 }).toBe(1);
    abort.abort();
    expect((await first).code).toBe('INTERRUPTED');
    expect((await second).version).toBe('20.10.24');
  });

  it('tells podman and the containerd store apart', async () => {
    await start({ product: 'podman' });
    expect(await engine.facts(ctx)).toMatchObject({ product: 'podman', store: 'unknown' });
    await start({ store: 'containerd' });
    expect(await engine.facts(ctx)).toMatchObject({ product: 'docker', store: 'containerd' });
  });

  it('tells a web server from an engine', async () => {
    fake.fault('ping', { kind: 'status', status: 200, body: '<html>' });
    const error = await failureOf(engine.facts(ctx));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toContain('not a Docker Engine');
  });
});

describe('an endpoint that does not answer', () => {
  it('that is not there', async () => {
    await fake.stop();
    const error = await failureOf(engine.facts(ctx));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toBe(
      `Cannot reach the engine at unix://${fake.socketPath}: the socket is not there`,
    );
    expect(error.hint).toContain('Is the daemon running?');
  });

  it('that is a file and no socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'engine-'));
    const path = join(directory, 'sock');
    await writeFile(path, '');
    const error = await failureOf(clientOf({ ...fake, socketPath: path }).facts(ctx));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toContain('connection refused');
    await rm(directory, { recursive: true });
  });

  it('that speaks something else', async () => {
    fake.fault('ping', { kind: 'raw', bytes: Buffer.from('SSH-2.0-OpenSSH_9.2\r\n') });
    const error = await failureOf(engine.facts(ctx));
    expect(error.code).toBe('ENGINE_UNREACHABLE');
    expect(error.message).toContain('does not speak HTTP');
  });

  it('that redirects elsewhere is not followed', async () => {
    fake.fault('ping', { kind: 'status', status: 302, headers: { Location: 'ftp://elsewhere/' } });
    const error = await failureOf(engine.facts(ctx));
    expect(error.code).toBe('ENGINE');
    expect(error.details.status).toBe(302);
  });
});

describe('a refusal', () => {
  it('says what the engine says, and whether it may pass', async () => {
    await engine.facts(ctx);
    fake.fault('inspect', {
      kind: 'status',
      status: 503,
      body: '{"message":"Server is\\n starting."}',
    });
    const error = await failureOf(engine.inspectImage(ctx, 'app:1'));
    expect(error.message).toBe(
      `Cannot inspect image "app:1" in the engine at unix://${fake.socketPath}: Server is starting (HTTP 503)`,
    );
    expect(error.retryable).toBe(true);
    expect(error.details).toMatchObject({
      status: 503,
      image: 'app:1',
      path: '/v1.41/images/app:1/json',
    });
  });

  it.each([
    [500, 'x'.repeat(3_000_000)],
    [500, ''],
    [500, '[1]'],
    [409, '{"message":7}'],
  ])('of status %s with an odd body is ENGINE and short', async (status, body) => {
    fake.fault('inspect', { kind: 'status', status, body });
    const error = await failureOf(engine.inspectImage(ctx, 'app:1'));
    expect(error.code).toBe('ENGINE');
    expect(error.message.length).toBeLessThan(1000);
  });

  it('of a missing route is not taken for a missing image', async () => {
    fake.fault('inspect', { kind: 'status', status: 404, body: '404 page not found\n' });
    expect((await failureOf(engine.inspectImage(ctx, 'app:1'))).code).toBe('ENGINE');
  });

  it.each(['', '.', 'a/../b', 'a//b'])('of the name %j comes from us', async (name) => {
    expect((await failureOf(engine.inspectImage(ctx, name))).code).toBe('BAD_REFERENCE');
  });

  it.each(['{', '[]', '{}'])('of the answer %j to an inspect is ENGINE', async (body) => {
    fake.fault('inspect', { kind: 'status', status: 200, body });
    expect((await failureOf(engine.inspectImage(ctx, 'app:1'))).code).toBe('ENGINE');
  });
});

describe.each(['http', 'tar'] as const)('saveImage(), framed by %s', (framing) => {
  const save = (name = 'app:1', platform?: string, context = ctx) =>
    engine.saveImage(context, name, platform, framing);

  beforeEach(() => void fake.images.add({ tags: ['app:1'], tar: TAR }));

  it('streams what the engine has', async () => {
    expect((await collect(save())).equals(TAR)).toBe(true);
    expect(fake.requests.at(-1)?.url).toBe('/v1.41/images/app:1/get');
  });

  it.runIf(framing === 'http')(
    'fails when the connection is cut, at any of 51 places',
    async () => {
      await engine.facts(ctx);
      for (let afterBytes = 0; afterBytes <= TAR.length; afterBytes += TAR.length / 50) {
        fake.fault('save', { kind: 'cut', afterBytes, how: 'abrupt' });
        const got: Uint8Array[] = [];
        const error = await failureOf(
          (async () => {
            for await (const chunk of save()) got.push(chunk);
          })(),
        );
        expect(error.code).toBe('ENGINE');
        expect(error.retryable).toBe(true);
        expect(error.details).toMatchObject({ image: 'app:1', path: '/v1.41/images/app:1/get' });
        const received = Buffer.concat(got);
        expect(received.length).toBeLessThanOrEqual(afterBytes);
        expect(received.equals(TAR.subarray(0, received.length))).toBe(true);
      }
    },
  );

  it('ends where HTTP ends: a clean cut is for the reader of the tar to see', async () => {
    fake.fault('save', { kind: 'cut', afterBytes: 1000, how: 'clean' });
    expect((await collect(save())).length).toBe(1000);
  });

  it('says what an engine refuses it with', async () => {
    const missing = await failureOf(collect(save('none:1')));
    expect(missing.code).toBe('NOT_FOUND');
    fake.fault('save', { kind: 'status', status: 500, body: '{"message":"the disk is gone"}' });
    const refused = await failureOf(collect(save()));
    expect(refused.code).toBe('ENGINE');
    expect(refused.message).toContain('the disk is gone');
  });

  it('times out when the engine hangs in the stream, and before it', async () => {
    await start({}, { idleMs: 200, thinkMs: 1000 });
    fake.images.add({ tags: ['app:1'], tar: TAR });
    fake.fault('save', { kind: 'hang', afterBytes: 1000 });
    const midway = await failureOf(collect(save()));
    expect(midway.code).toBe('TIMEOUT');
    expect(midway.message).toContain('nothing came or went for 0.2 s');
    fake.fault('save', { kind: 'hang' });
    const begin = performance.now();
    const thinking = await failureOf(collect(save()));
    expect(thinking.message).toContain('for 1 s');
    expect(performance.now() - begin).toBeGreaterThan(990);
  });

  it('waits for a slow engine and for a slow reader', async () => {
    await start({}, { ...PATIENT, idleMs: 400 });
    fake.images.add({ tags: ['app:1'], tar: TAR });
    // In all longer than it may be silent.
    fake.fault('save', { kind: 'slow', chunkBytes: 40_000, everyMs: 60 });
    expect((await collect(save())).length).toBe(300_000);
    let size = 0;
    for await (const chunk of save()) {
      if (size === 0) await ctx.clock.sleep(500);
      size += chunk.length;
    }
    expect(size).toBe(300_000);
  });

  it('holds the engine back while nobody reads', async () => {
    fake.images.add({ tags: ['big:1'], tar: Buffer.alloc(50_000_000) });
    const before = process.memoryUsage().rss;
    const stream = save('big:1')[Symbol.asyncIterator]();
    await stream.next();
    await ctx.clock.sleep(100);
    expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000);
    await stream.return?.();
  });

  it('ends the connection when it is cancelled or left', async () => {
    const abort = new AbortController();
    const stopped = failureOf(
      (async () => {
        for await (const _ of save('app:1', undefined, testContext(abort.signal))) abort.abort();
      })(),
    );
    expect((await stopped).code).toBe('INTERRUPTED');
    for await (const _ of save()) break;
    await expect.poll(() => fake.connections()).toBe(0);
  });

  it('asks for a platform where the API has that, and checks it where not', async () => {
    const other = collect(save('app:1', 'linux/arm64'));
    expect((await failureOf(other)).code).toBe('NOT_FOUND');
    expect((await failureOf(collect(save('app:1', 'arm64')))).code).toBe('USAGE');
    await start({ apiVersion: '1.48' });
    fake.images.add({ tags: ['app:1'], tar: TAR });
    await collect(save('app:1', 'linux/arm64/v8'));
    const { searchParams } = new URL(fake.requests.at(-1)?.url ?? '', 'http://x');
    expect(JSON.parse(searchParams.get('platform') ?? '')).toEqual({
      os: 'linux',
      architecture: 'arm64',
      variant: 'v8',
    });
  });
});

describe('loadImages()', () => {
  const echo = async (tar: Uint8Array) => [`Loaded image: app:${tar.length}`];

  it('returns what the engine names, whatever else it says', async () => {
    await start({ load: async () => ['Loaded image: a:1', 'Loaded image ID: sha256:ab', 'hello'] });
    expect(await engine.loadImages(ctx, pieces(TAR))).toEqual(['a:1', 'sha256:ab']);
    fake.fault('load', {
      kind: 'prefix',
      bytes: Buffer.from('{"stream":"Loaded image(s): b:1,c:2"}\n'),
    });
    expect(await engine.loadImages(ctx, pieces(TAR))).toEqual(['b:1', 'c:2', 'a:1', 'sha256:ab']);
  });

  it('fails on an errorDetail although the status is 200', async () => {
    fake.fault('load', { kind: 'errorDetail', message: 'no space left on device' });
    const error = await failureOf(engine.loadImages(ctx, pieces(TAR)));
    expect(error.code).toBe('ENGINE');
    expect(error.message).toContain('no space left on device');
  });

  it('K16: survives garbage, a line of 1 MiB and one of 2, and notes it', async () => {
    await start({ load: echo });
    const noted = testContext();
    const bytes = Buffer.concat([
      Buffer.from('{broken\n\xff\xfe\n', 'latin1'),
      Buffer.from(`${JSON.stringify({ progress: 'x'.repeat(1_000_000) })}\n`),
      Buffer.from(`${JSON.stringify({ progress: 'x'.repeat(2_000_000) })}\n`),
    ]);
    fake.fault('load', { kind: 'prefix', bytes });
    expect(await engine.loadImages(noted, pieces(TAR))).toEqual(['app:300000']);
    expect(noted.events).toHaveLength(1);
    expect(noted.events[0]).toMatchObject({ type: 'note', level: 'warn' });
  });

  it('sees that the answer was cut', async () => {
    fake.fault('load', { kind: 'cut', afterBytes: 5, how: 'abrupt' });
    expect((await failureOf(engine.loadImages(ctx, pieces(TAR)))).code).toBe('ENGINE');
    fake.fault('load', { kind: 'cutUpload', afterBytes: 100_000 });
    const error = await failureOf(engine.loadImages(ctx, endless()));
    expect(error.code).toBe('ENGINE');
    expect(error.message).toContain('the connection was closed before the answer was complete');
    expect(error.retryable).toBe(true);
  });

  it('sees a refusal that comes before all of the body was read', async () => {
    fake.fault('load', { kind: 'status', status: 507, body: '{"message":"disk is full"}' });
    const error = await failureOf(engine.loadImages(ctx, endless()));
    expect(error.code).toBe('ENGINE');
    expect(error.message).toContain('disk is full (HTTP 507)');
  });

  it('times out when the engine stops reading, or thinks for too long', async () => {
    await start({}, { ...PATIENT, idleMs: 200 });
    fake.fault('load', { kind: 'stopReading', afterBytes: 1000 });
    const reading = await failureOf(engine.loadImages(ctx, endless()));
    expect(reading.message).toContain('nothing came or went for 0.2 s');
    await start({ load: () => new Promise(() => undefined) }, { idleMs: 400, thinkMs: 800 });
    const thinking = await failureOf(engine.loadImages(ctx, pieces(TAR)));
    expect(thinking.message).toContain('nothing came or went for 0.8 s');
  });

  it('lets the engine think after the last byte, and our caller before it', async () => {
    const { clock } = ctx;
    const load = (tar: Uint8Array) => clock.sleep(600).then(() => echo(tar));
    await start({ load }, { ...PATIENT, idleMs: 400 });
    expect(await engine.loadImages(ctx, pieces(TAR))).toEqual(['app:300000']);
    async function* slow(): AsyncGenerator<Uint8Array, void, undefined> {
      yield TAR;
      await clock.sleep(600);
      yield TAR;
    }
    expect(await engine.loadImages(ctx, slow())).toEqual(['app:600000']);
  });

  it('needs no chunk any more when it asks for the next', async () => {
    const wrong: number[] = [];
    await start({
      load: async (tar) => {
        tar.forEach((byte, at) => {
          if (byte !== 1 + (Math.floor(at / 100_000) % 40)) wrong.push(at);
        });
        return [];
      },
    });
    const buffer = Buffer.alloc(100_000);
    async function* reusing(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let turn = 1; turn <= 40; turn += 1) {
        buffer.fill(turn);
        yield buffer;
      }
      buffer.fill(0);
    }
    await engine.loadImages(ctx, reusing());
    expect(fake.requests.at(-1)?.bytes).toBe(4_000_000);
    expect(wrong).toEqual([]);
  });

  it('closes the body that it did not read to its end', async () => {
    let isClosed = false;
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield* endless();
      } finally {
        isClosed = true;
      }
    }
    fake.fault('load', { kind: 'cutUpload', afterBytes: 1 });
    await failureOf(engine.loadImages(ctx, body()));
    await expect.poll(() => isClosed).toBe(true);
  });

  it('of an empty body and of empty chunks is a whole request', async () => {
    await start({ load: echo });
    expect(await engine.loadImages(ctx, pieces(Buffer.alloc(0)))).toEqual(['app:0']);
    async function* hollow(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.alloc(0);
      yield Buffer.from('x');
      yield Buffer.alloc(0);
    }
    expect(await engine.loadImages(ctx, hollow())).toEqual(['app:1']);
  });

  it('does nothing when it is cancelled already', async () => {
    await engine.facts(ctx);
    const before = fake.requests.length;
    const loading = engine.loadImages(testContext(AbortSignal.abort()), endless());
    expect((await failureOf(loading)).code).toBe('INTERRUPTED');
    expect(fake.requests.length).toBe(before);
  });
});

describe('importLayer()', () => {
  it('asks for the image when the engine does not say what it became', async () => {
    const silent = { kind: 'body', bytes: Buffer.from('{"status":"done"}\n') } as const;
    fake.fault('import', silent, 2);
    const id = await engine.importLayer(ctx, pieces(EMPTY), { name: 'app:1' });
    expect(id).toBe(fake.images.find('app:1')?.id);
    fake.fault('inspect', { kind: 'status', status: 404 });
    const unknown = engine.importLayer(ctx, pieces(EMPTY), { name: 'app:2' });
    expect((await failureOf(unknown)).message).toContain('did not say what the image became');
  });

  it('passes name and platform on', async () => {
    const options = { name: 'docker.io/library/app:1', platform: 'linux/arm64' };
    await failureOf(engine.importLayer(ctx, pieces(TAR), options));
    const { searchParams } = new URL(fake.requests.at(-1)?.url ?? '', 'http://x');
    expect(Object.fromEntries(searchParams)).toEqual({
      fromSrc: '-',
      repo: 'docker.io/library/app:1',
      platform: 'linux/arm64',
    });
  });
});
