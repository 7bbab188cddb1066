// The client with all its real parts against the fake: credentials, certificates, proxies, as a run has them.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/core/context.ts';
import { connectRegistries } from '../../src/registry/connect.ts';
import type { Registry, RegistryChoice } from '../../src/registry/registry.ts';
import { type Certificates, hasOpenssl, makeCertificates } from '../support/certificates.ts';
import {
  type FakeRegistry,
  type FakeRegistryOptions,
  startFakeRegistry,
} from '../support/registry-server.ts';
import { sha256 } from '../support/registry-store.ts';
import {
  blobId,
  collect,
  contextOn,
  failureOf,
  noise,
  pieces,
  TestClock,
} from './client-support.ts';
import { type Home, home } from './support.ts';

const BLOB = noise(2_000_000);
const PATH = 'team/app';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Setup {
  readonly fake: FakeRegistry;
  readonly registry: Registry;
  readonly ctx: Context;
  readonly repository: { readonly domain: string; readonly path: string };
  readonly clock: TestClock;
}

/** A run on a machine of its own. `domain` names the registry. */
async function setUp(
  options: FakeRegistryOptions,
  choice: RegistryChoice = {},
  env: Readonly<Record<string, string>> = {},
  prepare: (place: Home, fake: FakeRegistry) => void = () => undefined,
): Promise<Setup> {
  const fake = await startFakeRegistry(options);
  open.push(() => fake.stop());
  const place = home(env);
  open.push(() => place[Symbol.dispose]());
  prepare(place, fake);
  // Waits between tries take no time; deadlines never come.
  const clock = new TestClock(10_000);
  const system = { ...place.system, clock };
  const registry = connectRegistries(system, choice, {
    idleMs: 1e9,
    thinkMs: 1e9,
    progressMs: 1e9,
  });
  open.push(() => registry[Symbol.asyncDispose]());
  const repository = { domain: fake.address, path: PATH };
  return { fake, registry, ctx: contextOn(clock), repository, clock };
}

/** Stores the blob and reads it again. */
async function roundTrip({ registry, ctx, repository }: Setup): Promise<void> {
  const sent = await registry.uploadBlob(ctx, repository, {
    open: (offset) => pieces(BLOB, offset),
  });
  expect(sent).toEqual({ digest: sha256(BLOB), size: BLOB.length });
  const read = await collect(registry.blob(ctx, repository, blobId(sent)));
  expect(read.equals(BLOB)).toBe(true);
}

const LOGIN = { user: 'someone', password: 'pass:word' };
const CREDS = { creds: 'someone:pass:word' };

describe('credentials', () => {
  it('Basic and Bearer, as somebody and as nobody', async () => {
    await roundTrip(await setUp({}));
    await roundTrip(await setUp({ auth: { kind: 'basic', ...LOGIN } }, CREDS));
    await roundTrip(await setUp({ auth: { kind: 'token' } }));
    await roundTrip(await setUp({ auth: { kind: 'token', login: LOGIN } }, CREDS));
    const config = await setUp({ auth: { kind: 'basic', ...LOGIN } }, {}, {}, (place, fake) => {
      const auth = Buffer.from('someone:pass:word').toString('base64');
      place.write('.docker/config.json', { auths: { [fake.address]: { auth } } });
    });
    await roundTrip(config);
  });

  it('R7 wrong ones are UNAUTHORIZED, soon, and shown nowhere', async () => {
    for (const auth of [
      { kind: 'basic', ...LOGIN },
      { kind: 'token', login: LOGIN },
    ] as const) {
      const made = await setUp({ auth }, { creds: 'someone:hunter2' });
      const error = await failureOf(roundTrip(made));
      expect(error.code).toBe('UNAUTHORIZED');
      expect(made.fake.requests.length).toBeLessThanOrEqual(4);
      const shown = JSON.stringify([error.message, error.hint, error.details]);
      expect(shown).not.toMatch(/hunter2|aHVudGVyMg/);
    }
  });

  it('R8 tokens that end in the middle of a push are renewed, and the upload goes on', async () => {
    const made = await setUp({ auth: { kind: 'token', login: LOGIN } }, CREDS);
    for (const operation of ['upload.patch', 'upload.put', 'blob.get'] as const) {
      made.fake.fault(operation, { kind: 'expireTokens' });
      await roundTrip(made);
      // What is refused at once was never good; what is refused later has ended.
      made.clock.advance(60_000);
    }
    expect(made.fake.repository(PATH).uploads.size).toBe(0);
  });

  it('R10 a mount asks for the other repository too', async () => {
    const made = await setUp({ auth: { kind: 'token' } });
    const { fake, registry, ctx, repository } = made;
    const { digest } = blobId(fake.repository('team/base').putBlob(BLOB));
    const from = { ...repository, path: 'team/base' };
    expect(await registry.mountBlob(ctx, repository, digest, from)).toBe(true);
    const asked = fake.requests.find(({ operation }) => operation === 'token');
    expect(asked?.url).toContain('team%2Fbase');
  });

  it('R1 R23 go to no other origin', async () => {
    const made = await setUp({ auth: { kind: 'token', login: LOGIN } }, CREDS);
    await roundTrip(made);
    const { fake, registry, ctx, repository } = made;
    fake.fault('blob.get', { kind: 'redirect', to: 'elsewhere' });
    const blob = blobId({ digest: sha256(BLOB), size: BLOB.length });
    expect((await collect(registry.blob(ctx, repository, blob))).equals(BLOB)).toBe(true);
    const away = fake.requests.filter(({ origin }) => origin === 'elsewhere');
    expect(away.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });
});

describe.runIf(hasOpenssl())('TLS', () => {
  let certificates: Certificates;
  beforeAll(() => {
    certificates = makeCertificates();
  });
  const trust = (place: Home, fake: FakeRegistry) =>
    place.write(`.config/containers/certs.d/${fake.address}/ca.crt`, certificates.ca);

  it('R30 a certificate that is not trusted is refused, until its CA is', async () => {
    const tls = { key: certificates.key, cert: certificates.cert };
    const trusted = await setUp({ tls }, {}, {}, (place, fake) => void trust(place, fake));
    await roundTrip(trusted);
    // A CA of our own for this host: what another one has signed is refused.
    const other = makeCertificates();
    const made = await setUp({ tls }, {}, {}, (place, fake) => {
      place.write(`.config/containers/certs.d/${fake.address}/ca.crt`, other.ca);
    });
    const error = await failureOf(roundTrip(made));
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE', retryable: false });
    expect(error.message).toContain('certificate');
    expect(made.fake.requests).toEqual([]);
  });

  it('R30 --insecure takes it', async () => {
    const tls = { key: certificates.key, cert: certificates.cert };
    await roundTrip(await setUp({ tls }, { insecure: ['127.0.0.1'] }));
  });

  it('R2 no redirect and no Location leads out of TLS', async () => {
    const tls = { key: certificates.key, cert: certificates.cert };
    const made = await setUp({ tls }, {}, {}, (place, fake) => void trust(place, fake));
    const { fake, registry, ctx, repository } = made;
    await roundTrip(made);
    const blob = blobId({ digest: sha256(BLOB), size: BLOB.length });
    const plain = fake.origin.replace('https:', 'http:');
    for (const to of ['elsewhere', `${plain}/v2/${PATH}/blobs/${blob.digest}`]) {
      fake.fault('blob.get', { kind: 'redirect', to });
      const error = await failureOf(collect(registry.blob(ctx, repository, blob)));
      expect(error.code).toBe('REGISTRY');
      expect(error.message).toContain('it sends us to plain http at');
    }
    const set = { Location: `${plain}/v2/${PATH}/blobs/uploads/1` };
    fake.fault('upload.start', { kind: 'headers', set });
    const upload = { open: () => pieces(BLOB) };
    expect((await failureOf(registry.uploadBlob(ctx, repository, upload))).code).toBe('REGISTRY');
    expect(fake.requests.some(({ origin }) => origin === 'elsewhere')).toBe(false);
  });
});

describe('a proxy', () => {
  it('R34 gets its login, and nobody else does', async () => {
    const proxy = await startProxy();
    const port = (proxy.server.address() as AddressInfo).port;
    const made = await setUp(
      {},
      { insecure: ['registry.test'] },
      { HTTP_PROXY: `http://someone:pro%40xy@127.0.0.1:${port}` },
    );
    const { fake, registry, ctx } = made;
    // Names that only the proxy knows.
    proxy.names.set('registry.test', fake.origin);
    proxy.names.set('store.test', fake.elsewhere);
    const repository = { domain: 'registry.test', path: PATH };
    fake.repository(PATH).putBlob(BLOB);
    const to = `http://store.test/v2/${PATH}/blobs/${sha256(BLOB)}`;
    fake.fault('blob.get', { kind: 'redirect', to });
    const blob = blobId({ digest: sha256(BLOB), size: BLOB.length });
    expect((await collect(registry.blob(ctx, repository, blob))).equals(BLOB)).toBe(true);
    expect(proxy.logins.size).toBe(1);
    expect([...proxy.logins]).toEqual([
      `Basic ${Buffer.from('someone:pro@xy').toString('base64')}`,
    ]);
    expect(fake.requests.map(({ origin }) => origin)).toContain('elsewhere');
    for (const { headers } of fake.requests) {
      expect(headers['proxy-authorization']).toBeUndefined();
      expect(headers.authorization).toBeUndefined();
    }
  });

  it('that refuses a tunnel is told, and not asked again', async () => {
    for (const [status, code] of [
      [407, 'asks for a login'],
      [403, 'NO_PROXY'],
    ] as const) {
      const proxy = await startProxy(status);
      const port = (proxy.server.address() as AddressInfo).port;
      const env = { HTTPS_PROXY: `http://someone:pro%40xy@127.0.0.1:${port}` };
      const { registry, ctx } = await setUp({}, {}, env);
      const repository = { domain: 'registry.test', path: PATH };
      const error = await failureOf(registry.manifest(ctx, repository, 'one'));
      expect(error.code).toBe('REGISTRY_UNREACHABLE');
      expect(error.message).toMatch(new RegExp(`: the proxy answered with ${status}$`));
      expect(error.hint).toContain(code);
      expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain('pro%40xy');
      expect(proxy.logins.size).toBe(1);
      expect(proxy.tunnels()).toBe(1);
    }
  });
});

interface TestProxy {
  /** How many tunnels it was asked for. */
  tunnels(): number;
  readonly server: Server;
  /** Origins by host name. */
  readonly names: Map<string, string>;
  readonly logins: Set<string | undefined>;
}

/** A proxy for plain http, in both of its forms; it asks for a login and keeps it to itself. */
async function startProxy(refusal?: number): Promise<TestProxy> {
  let tunnels = 0;
  const names = new Map<string, string>();
  const logins = new Set<string | undefined>();
  const targetOf = (request: IncomingMessage, host: string) => {
    logins.add(request.headers['proxy-authorization']);
    return new URL(names.get(host.split(':')[0] ?? '') ?? 'http://127.0.0.1:1');
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '');
    const target = targetOf(request, url.hostname);
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const answer = await fetch(new URL(`${url.pathname}${url.search}`, target), {
      method: request.method ?? 'GET',
      headers: Object.entries(headers).flatMap(([name, value]) =>
        typeof value === 'string' && !['host', 'connection'].includes(name) ? [[name, value]] : [],
      ),
      redirect: 'manual',
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  server.on('connect', (request, socket) => {
    tunnels += 1;
    socket.on('error', () => socket.destroy());
    if (refusal !== undefined) {
      logins.add(request.headers['proxy-authorization']);
      socket.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const target = targetOf(request, request.url ?? '');
    const there = connect(Number(target.port), target.hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    there.on('error', () => socket.destroy());
    socket.on('error', () => there.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { server, names, logins, tunnels: () => tunnels };
}
