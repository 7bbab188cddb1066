// One exchange over undici: who is waited for and how long, what a socket or a stranger may do to us.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { HttpRequest } from '../../src/registry/exchange.ts';
import { undiciSend } from '../../src/registry/undici-exchange.ts';
import type { Patience } from '../../src/registry/watch.ts';
import { nodeClock } from '../../src/system/node.ts';
import { type FakeRegistry, startFakeRegistry } from '../support/registry-server.ts';
import { sha256 } from '../support/registry-store.ts';
import {
  blobId,
  clientOf,
  collect,
  contextOn,
  failureOf,
  hostAt,
  noise,
  pieces,
  TestClock,
  until,
} from './client-support.ts';

const BLOB = noise(3_000_000);

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

/** A sender with a clock that stands still. */
function sender(patience: Partial<Patience> = {}) {
  const { send, close } = undiciSend({ proxyFor: () => undefined, patience });
  open.push({ [Symbol.asyncDispose]: close });
  return send;
}

async function startFake(): Promise<FakeRegistry> {
  const fake = await startFakeRegistry();
  open.push(fake);
  return fake;
}

/** A server that does with a connection what `serve` does. */
async function startServer(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function get(origin: string, path: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url: new URL(path, origin), headers: {}, ...more };
}

describe('R29 time-outs', () => {
  it('a registry that does not answer for a minute is given up', async () => {
    const fake = await startFake();
    fake.fault('ping', { kind: 'hang' });
    const clock = new TestClock();
    const sent = sender()(contextOn(clock), hostAt(fake.origin), get(fake.origin, '/v2/'));
    const failing = failureOf(sent);
    await until(() => fake.requests.length === 1);
    clock.advance(59_999);
    clock.advance(1);
    const error = await failing;
    expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(error.message).toMatch(/: nothing came or went for 60 s$/);
  });

  it('nor is one that is silent after its head, and the client tries three times', async () => {
    const fake = await startFake();
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    fake.fault('blob.get', { kind: 'hang', afterBytes: 1000 }, 50);
    const clock = new TestClock(10_000);
    const { registry, ctx, repository } = client(fake, clock);
    let given = 0;
    const reading = (async () => {
      for await (const chunk of registry.blob(ctx, repository, blob)) given += chunk.length;
    })();
    const failing = failureOf(reading);
    for (let round = 1; round <= 3; round += 1) {
      await until(() => given === round * 1000);
      // The reader waits again once it has taken the last chunk.
      await until(() => clock.sleeping > 0);
      clock.advance(60_000);
    }
    expect((await failing).code).toBe('TIMEOUT');
    expect(fake.count('blob.get')).toBe(3);
  });

  it('nor is one that gives a byte now and then: a minute must bring a mebibyte', async () => {
    let drip: (text: string) => void = () => undefined;
    const origin = await startServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n'));
      drip = (text) => void socket.write(text);
    });
    const clock = new TestClock();
    const response = await sender()(contextOn(clock), hostAt(origin), get(origin, '/'));
    let given = 0;
    const failing = failureOf(
      (async () => {
        for await (const chunk of response.body) given += chunk.length;
      })(),
    );
    for (let second = 1; second <= 6; second += 1) {
      drip('x');
      await until(() => given === second);
      await until(() => clock.sleeping > 0);
      clock.advance(10_000);
    }
    const error = await failing;
    expect(error.code).toBe('TIMEOUT');
    expect(error.message).toMatch(/: only 6 bytes came or went in 60 s$/);
  });

  it('a reader that takes its time is no fault of the registry', async () => {
    const fake = await startFake();
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    const clock = new TestClock();
    const { registry, ctx, repository } = client(fake, clock);
    let given = 0;
    for await (const chunk of registry.blob(ctx, repository, blob)) {
      given += chunk.length;
      clock.advance(3_600_000);
    }
    expect(given).toBe(BLOB.length);
  });

  it('nor is a body that is made slowly', async () => {
    const fake = await startFake();
    const clock = new TestClock();
    const { registry, ctx, repository } = client(fake, clock);
    async function* slowly() {
      for await (const piece of pieces(BLOB, 0, 500_000)) {
        clock.advance(3_600_000);
        yield piece;
      }
    }
    const { digest } = await registry.uploadBlob(ctx, repository, { open: () => slowly() });
    expect(digest).toBe(sha256(BLOB));
  });

  it('a registry that does not read what it is sent is given up', async () => {
    const fake = await startFake();
    fake.fault('upload.patch', { kind: 'stopReading' });
    const clock = new TestClock();
    async function* endless() {
      for (;;) yield BLOB;
    }
    const request = { method: 'PATCH', body: endless() } as const;
    const sent = sender()(
      contextOn(clock),
      hostAt(fake.origin),
      get(fake.origin, '/v2/a/blobs/uploads/1', request),
    );
    const failing = failureOf(sent);
    await until(() => fake.requests.length === 1 && clock.sleeping > 0);
    for (let round = 0; round < 100 && clock.sleeping > 0; round += 1) {
      clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await failing).code).toBe('TIMEOUT');
  });
});

describe('R31 R32 connections', () => {
  it('R31 a connection that does not come to be is given up', async () => {
    // TLS to a server that says nothing: connected, and no connection yet.
    const origin = (await startServer(() => undefined)).replace('http:', 'https:');
    const send = sender({ connectMs: 300 });
    const ctx = contextOn(nodeClock());
    const error = await failureOf(send(ctx, hostAt(origin), get(origin, '/v2/')));
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: true });
    expect(error.message).toBe(
      `Cannot reach registry "${new URL(origin).host}": no connection in time`,
    );
  });

  it('R31 a name that is not known, a port where nobody listens', async () => {
    const send = sender();
    const ctx = contextOn(nodeClock());
    const unknown = 'http://none.invalid:5000';
    const name = await failureOf(send(ctx, hostAt(unknown), get(unknown, '/v2/')));
    expect(name.code).toBe('REGISTRY_UNREACHABLE');
    expect(name.message).toMatch(/the host name (?:is not known|cannot be looked up now)$/);
    const origin = await startServer((socket) => socket.destroy());
    await open.pop()?.[Symbol.asyncDispose]();
    const port = await failureOf(send(ctx, hostAt(origin), get(origin, '/v2/')));
    expect(port.message).toMatch(/: connection refused$/);
    expect(port.hint).toContain('Check the host name');
  });

  it('R31 a name with a dead address is reached by its other one', async () => {
    // `localhost` may resolve to ::1 first, where nobody listens.
    const origin = (await startServer(answerOk)).replace('127.0.0.1', 'localhost');
    const response = await sender()(contextOn(nodeClock()), hostAt(origin), get(origin, '/'));
    expect(response.status).toBe(200);
    await response.discard();
  });

  it('R32 a connection that was closed in between is opened anew by the next try', async () => {
    const fake = await startFake();
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    const { registry, ctx, repository } = clientOf(fake);
    open.push(registry);
    for (let round = 0; round < 3; round += 1) {
      expect(await registry.hasBlob(ctx, repository, blob)).toBe(true);
      fake.dropConnections();
    }
    fake.fault('blob.get', { kind: 'cut', afterBytes: 1_000_000 });
    expect(sha256(await collect(registry.blob(ctx, repository, blob)))).toBe(blob.digest);
  });

  it('what does not speak HTTP is told so, and not asked again', async () => {
    let connections = 0;
    const origin = await startServer((socket) => {
      connections += 1;
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    const ctx = contextOn(nodeClock());
    const error = await failureOf(sender()(ctx, hostAt(origin), get(origin, '/')));
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: false });
    expect(error.message).toMatch(/does not speak HTTP$/);
    expect(connections).toBe(1);
  });

  it('R13 an end in the middle of chunks is a cut, whatever the socket says', async () => {
    const heads = ['Transfer-Encoding: chunked\r\n\r\n5\r\nhel', 'Content-Length: 9\r\n\r\nhel'];
    for (const head of heads) {
      for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
        const origin = await startServer((socket) => {
          socket.once('data', () =>
            socket.write(`HTTP/1.1 200 OK\r\n${head}`, () => setTimeout(() => socket[end](), 20)),
          );
        });
        const ctx = contextOn(nodeClock());
        const response = await sender()(ctx, hostAt(origin), get(origin, '/'));
        const error = await failureOf(collect(response.body));
        expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: true });
        expect(error.message).toMatch(/closed before the answer was complete$/);
      }
    }
  });

  it('R6 a head of a mebibyte is refused', async () => {
    const fake = await startFake();
    const headers = { 'WWW-Authenticate': `Bearer realm="${'x'.repeat(1_048_576)}"` };
    fake.fault('ping', { kind: 'status', status: 401, headers });
    const ctx = contextOn(nodeClock());
    const error = await failureOf(sender()(ctx, hostAt(fake.origin), get(fake.origin, '/v2/')));
    expect(error.message).toMatch(/: the head of its answer is too long$/);
  });

  it('sockets are kept, also after HEAD and after answers that nobody reads', async () => {
    const fake = await startFake();
    const { registry, ctx, repository } = clientOf(fake);
    open.push(registry);
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    for (let round = 0; round < 20; round += 1) await registry.hasBlob(ctx, repository, blob);
    expect(await registry.resolve(ctx, repository, 'none')).toBeUndefined();
    // The second one because undici uses a socket again a moment after its answer.
    expect(fake.mostConnections()).toBeLessThanOrEqual(2);
  });

  it('downloads that wait, and uploads that wait for them, hold back no questions', async () => {
    const fake = await startFake();
    const { registry, ctx, repository } = clientOf(fake);
    open.push(registry);
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    const paused = Array.from({ length: 8 }, () =>
      registry.blob(ctx, repository, blob)[Symbol.asyncIterator](),
    );
    await Promise.all(paused.map((each) => each.next()));
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* slow(bytes: Buffer) {
      yield bytes;
      await gate;
    }
    const uploads = Array.from({ length: 12 }, (_, index) =>
      registry.uploadBlob(ctx, repository, { open: () => slow(noise(100_000 + index)) }),
    );
    await until(() => fake.count('upload.patch') === 8);
    expect(await registry.hasBlob(ctx, repository, blob)).toBe(true);
    expect(fake.connections()).toBeLessThanOrEqual(24);
    goOn();
    expect(await Promise.all(uploads)).toHaveLength(12);
    await Promise.all(paused.map((each) => each.return?.()));
  });
});

describe('a run that is cancelled', () => {
  it('ends at once, wherever it waits', async () => {
    const fake = await startFake();
    const blob = blobId(fake.repository('team/app').putBlob(BLOB));
    const reason = new ShipperError('INTERRUPTED', 'Cannot go on: the run was cancelled');
    type Made = ReturnType<typeof clientOf>;
    const waits = {
      'blob.head': ({ registry, ctx, repository }: Made) => registry.hasBlob(ctx, repository, blob),
      'blob.get': ({ registry, ctx, repository }: Made) =>
        collect(registry.blob(ctx, repository, blob)),
      'upload.patch': ({ registry, ctx, repository }: Made) =>
        registry.uploadBlob(ctx, repository, { open: () => pieces(BLOB) }),
    } as const;
    fake.fault('blob.head', { kind: 'hang' });
    fake.fault('blob.get', { kind: 'hang', afterBytes: 5000 });
    fake.fault('upload.patch', { kind: 'stopReading' });
    for (const [operation, wait] of Object.entries(waits)) {
      const stop = new AbortController();
      const made = clientOf(fake, { signal: stop.signal });
      const failing = failureOf(wait(made));
      await until(() => fake.count(operation as keyof typeof waits) === 1);
      stop.abort(reason);
      expect(await failing).toBe(reason);
      await made[Symbol.asyncDispose]();
      // A server that does not read does not hear of an end either.
      if (operation !== 'upload.patch') await until(() => fake.connections() === 0);
    }
  });

  it('does not begin when it was cancelled before, nor waits between tries', async () => {
    const fake = await startFake();
    const stop = new AbortController();
    const clock = new TestClock(0);
    const made = clientOf(fake, { signal: stop.signal, clock });
    open.push(made);
    fake.fault('manifest.get', { kind: 'status', status: 503 });
    const failing = failureOf(made.registry.manifest(made.ctx, made.repository, 'one'));
    await until(() => fake.requests.length === 1 && clock.sleeping > 0);
    stop.abort();
    expect((await failing).code).toBe('INTERRUPTED');
    const late = failureOf(made.registry.manifest(made.ctx, made.repository, 'one'));
    expect((await late).code).toBe('INTERRUPTED');
    expect(fake.requests).toHaveLength(1);
  });
});

/** A client whose time-outs are the real ones. */
function client(fake: FakeRegistry, clock: TestClock) {
  const made = clientOf(fake, { clock, patience: {} });
  open.push(made);
  return made;
}

function answerOk(socket: Socket): void {
  socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
}
