// Requests in HTTP/1.0 against servers that answer as no engine does.
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BareGet } from '../../src/engine/bare-get.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { Exchange } from '../../src/engine/exchange.ts';
import { nodeClock } from '../../src/system/node.ts';
import { collect, failureOf, testContext } from './support.ts';

const doing = { action: 'read it', endpoint: 'unix:///here', path: '/it' };
const PATIENCE = { idleMs: 30_000, thinkMs: 30_000 };

let server: Server | undefined;
let asked = '';

afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  server = undefined;
  asked = '';
});

function pathOfSocket(): string {
  return join(tmpdir(), `shipper-bare-${process.pid}-${Math.random().toString(36).slice(2)}`);
}

/** A server that does `answer` once it was asked. */
async function serve(answer: (socket: Socket) => void): Promise<string> {
  const path = pathOfSocket();
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      asked = bytes.toString();
      answer(socket);
    });
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return path;
}

function get(path: string, query?: Readonly<Record<string, string>>): Exchange {
  const exchange = new Exchange(testContext(), doing, PATIENCE);
  exchange.attach(new BareGet(path, '/it', query));
  exchange.finishRequest(PATIENCE.thinkMs);
  return exchange;
}

async function body(exchange: Exchange): Promise<string> {
  return (await collect(exchange.chunks(PATIENCE.thinkMs))).toString();
}

/** What stands before an engine and does with HTTP/1.0 what it likes. */
async function proxy(answer: (call: IncomingMessage, reply: ServerResponse) => void) {
  const path = pathOfSocket();
  const http = createHttpServer((call, reply) => {
    if (call.url === '/_ping') reply.writeHead(200, { 'Api-Version': '1.41' }).end('OK');
    else answer(call, reply);
  });
  server = http;
  await new Promise<void>((resolve) => http.listen(path, resolve));
  return connectEngine({ kind: 'unix', path }, { env: {}, clock: nodeClock(), spawnDuplex });
}

function spawnDuplex(): never {
  throw new Error('no program is run');
}

describe('an export that is to be bare', () => {
  it('is asked for again where it comes framed all the same', async () => {
    const versions: string[] = [];
    await using engine = await proxy((call, reply) => {
      versions.push(call.httpVersion);
      reply.writeHead(200, { 'Transfer-Encoding': 'chunked' }).write('hel');
      reply.end('lo');
    });
    const bytes = await collect(engine.saveImage(testContext(), 'app:1', undefined, 'tar'));
    expect([bytes.toString(), versions]).toEqual(['hello', ['1.0', '1.1']]);
  });

  it('is asked for again where HTTP/1.0 is refused', async () => {
    await using engine = await proxy((call, reply) => {
      if (call.httpVersion === '1.0') reply.writeHead(505).end('no');
      else reply.end('hello');
    });
    const bytes = await collect(engine.saveImage(testContext(), 'app:1', undefined, 'tar'));
    expect(bytes.toString()).toBe('hello');
  });
});

describe('a refusal of what is to be bare', () => {
  it('is told whole, in however many pieces it comes', async () => {
    const words = 'the disk is gone, '.repeat(3000);
    await using engine = await proxy((_, reply) => {
      reply.writeHead(500, { 'Content-Length': String(words.length) });
      reply.write(words.slice(0, 20_000), () => setImmediate(() => reply.end(words.slice(20_000))));
    });
    const saving = collect(engine.saveImage(testContext(), 'app:1', undefined, 'tar'));
    const { message, code } = await failureOf(saving);
    expect(code).toBe('ENGINE');
    expect(message).toMatch(/: (?:the disk is gone, ){5}/);
  });
});

describe('a bare GET', () => {
  it('asks in HTTP/1.0, with its query', async () => {
    const path = await serve((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'));
    expect(await body(get(path, { platform: '{"os":"linux"}', of: 'a b' }))).toBe('hello');
    expect(asked).toBe(
      'GET /it?platform=%7B%22os%22%3A%22linux%22%7D&of=a+b HTTP/1.0\r\nHost: localhost\r\nUser-Agent: shipper\r\nConnection: close\r\n\r\n',
    );
  });

  it('takes a head that comes byte by byte, and a body of any length', async () => {
    const head = 'HTTP/1.1 206 Part\r\nServer: it\r\nX-A:b\r\n\r\n';
    const path = await serve((socket) => {
      const next = (at: number): void => {
        if (at === head.length) socket.end(Buffer.alloc(3_000_000, 'x'));
        else socket.write(head.charAt(at), () => setImmediate(next, at + 1));
      };
      next(0);
    });
    const exchange = get(path);
    const answer = await exchange.response;
    expect(answer.statusCode).toBe(206);
    expect(answer.headers).toEqual({ server: 'it', 'x-a': 'b' });
    expect((await body(exchange)).length).toBe(3_000_000);
  });

  it('gives nothing where there is no body', async () => {
    const path = await serve((socket) => socket.end('HTTP/1.0 204 No Content\r\n\r\n'));
    expect(await body(get(path))).toBe('');
  });

  it.each([
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['has a head without an end', `HTTP/1.0 200 OK\r\n${'X-A: b\r\n'.repeat(10_000)}`],
  ])('fails where what answers %s', async (_, text) => {
    const path = await serve((socket) => socket.end(text));
    const error = await failureOf(get(path).response);
    expect(error.code).toMatch(/^ENGINE/);
    expect(error.message).toContain('does not speak HTTP');
  });

  it('fails where the connection ends in the head, or cannot be made', async () => {
    const path = await serve((socket) => socket.end('HTTP/1.0 200'));
    expect((await failureOf(get(path).response)).code).toMatch(/^ENGINE/);
    expect((await failureOf(get(`${path}.none`).response)).code).toMatch(/^ENGINE/);
  });

  it('is never sent where its exchange was over before', async () => {
    let connections = 0;
    const path = await serve(() => undefined);
    server?.on('connection', () => {
      connections += 1;
    });
    const exchange = new Exchange(testContext(AbortSignal.abort()), doing, PATIENCE);
    exchange.attach(new BareGet(path, '/it'));
    exchange.finishRequest(PATIENCE.thinkMs);
    expect((await failureOf(exchange.response)).code).toBe('INTERRUPTED');
    await nodeClock().sleep(50);
    expect(connections).toBe(0);
  });

  it('is over when its exchange is closed', async () => {
    let isClosed = false;
    const path = await serve((socket) => {
      socket.on('close', () => {
        isClosed = true;
      });
      socket.write('HTTP/1.0 200 OK\r\n\r\nhello');
    });
    const exchange = get(path);
    for await (const _ of exchange.chunks(PATIENCE.thinkMs)) break;
    exchange.close();
    await expect.poll(() => isClosed).toBe(true);
  });
});
