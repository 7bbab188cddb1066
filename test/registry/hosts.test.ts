// Where registries are served: schemes that real servers answer to, certificates, mirrors. R30: plain http and bad
// certificates only for this machine and what is listed.
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { CertsSystem } from '../../src/registry/certs.ts';
import type { HttpRequest } from '../../src/registry/exchange.ts';
import type { RegistryHost } from '../../src/registry/host.ts';
import { createHosts, type HostChoice } from '../../src/registry/hosts.ts';
import { hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { failureOf, plainSend, testContext } from './support.ts';

/** A machine of a few files. */
function machine(
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): CertsSystem {
  const below = (path: string) =>
    Object.keys(files)
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => name.slice(path.length + 1));
  return {
    env,
    homedir: '/home/me',
    files: {
      async stat(path) {
        const isFolder = below(path).length > 0;
        if (!isFolder && files[path] === undefined) return undefined;
        return { kind: isFolder ? 'directory' : 'file', size: 1, version: '', mtimeMs: 0 };
      },
      async list(path) {
        if (path.includes('forbidden')) throw new ShipperError('IO', `Cannot list ${path}: no`);
        return below(path);
      },
      async read(path) {
        if (files[path] === 'unreadable') throw new ShipperError('IO', `Cannot read ${path}: no`);
        return Buffer.from(files[path] ?? '');
      },
    },
  };
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const nobody = async () => {
  throw new ShipperError('REGISTRY_UNREACHABLE', 'Cannot reach it: it is a test');
};

function hostsOf(domain: string, choice: HostChoice = {}, system = machine()) {
  return createHosts(system, choice, nobody).of(testContext(), domain);
}

async function hostOf(domain: string, choice: HostChoice = {}, system = machine()) {
  return (await hostsOf(domain, choice, system)).at(-1);
}

const plain = (origin: string, domain: string, changes: Partial<RegistryHost> = {}) => ({
  origin,
  domain,
  isMirror: false,
  isInsecure: false,
  tls: {},
  ...changes,
});

describe('hosts', () => {
  it.each([
    ['docker.io', 'https://registry-1.docker.io'],
    ['index.docker.io', 'https://registry-1.docker.io'],
    ['registry-1.docker.io', 'https://registry-1.docker.io'],
    ['quay.io', 'https://quay.io'],
    ['reg.example:5000', 'https://reg.example:5000'],
    ['10.0.0.1:5000', 'https://10.0.0.1:5000'],
    ['192.168.0.1', 'https://192.168.0.1'],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000'],
  ])('R30: speaks TLS to %s', async (domain, origin) => {
    expect(await hostsOf(domain)).toEqual([plain(origin, domain)]);
  });

  it.each([
    'localhost:5000',
    'a.localhost',
    '127.0.0.1:5000',
    '127.3.2.1',
    '[::1]:5000',
  ])('takes plain http for %s, where nothing answers', async (domain) => {
    expect(await hostOf(domain)).toEqual(plain(`http://${domain}`, domain, { isInsecure: true }));
  });

  it('R30: speaks only TLS to port 443', async () => {
    expect((await hostOf('localhost:443'))?.origin).toBe('https://localhost:443');
    expect((await hostOf('reg:443', { insecure: ['reg:443'] }))?.origin).toBe('https://reg:443');
  });

  it.each([
    ['reg.example:5000', true],
    ['REG.example:5000', true],
    ['reg.example', true],
    ['reg.example:5001', false],
    ['example', false],
    ['10.0.0.0/8', false],
  ])('lists %s as insecure for reg.example:5000: %s', async (entry, isInsecure) => {
    const host = await hostOf('reg.example:5000', { insecure: [entry] });
    expect(host).toEqual(plain('https://reg.example:5000', 'reg.example:5000', { isInsecure }));
  });

  it('lists ranges as insecure', async () => {
    const choice = { insecure: ['10.0.0.0/8', 'fd00::/8'] };
    expect((await hostOf('10.1.2.3:5000', choice))?.isInsecure).toBe(true);
    expect((await hostOf('[fd00::1]', choice))?.isInsecure).toBe(true);
    expect((await hostOf('11.1.2.3:5000', choice))?.isInsecure).toBe(false);
  });

  it.each([
    'http://reg.example',
    'reg.example/x',
    '10.0.0.0/99',
    '',
    'a b',
    'reg:99999',
  ])('does not take %j for an insecure registry', (entry) => {
    expect(() => createHosts(machine(), { insecure: [entry] }, nobody)).toThrow(
      `Cannot take ${JSON.stringify(entry)} for an insecure registry`,
    );
  });

  it('knows those that a registry names', async () => {
    const hosts = createHosts(machine(), { insecure: ['reg.example'] }, nobody);
    const at = (url: string) => hosts.at(testContext(), new URL(url));
    expect(await at('https://auth.example/token?x')).toEqual(
      plain('https://auth.example', 'auth.example'),
    );
    expect(await at('http://localhost:5001/t')).toMatchObject({ isInsecure: true });
    expect(await at('https://reg.example:9/t')).toMatchObject({ isInsecure: true });
  });
});

describe('the scheme', () => {
  it('is what a server on this machine speaks, asked once', async () => {
    const requests: HttpRequest[] = [];
    const domain = await listening(createServer((_, response) => response.end()));
    const hosts = createHosts(machine(), {}, plainSend(requests));
    const asked = await Promise.all([1, 2, 3].map(() => hosts.of(testContext(), domain)));
    asked.push(await hosts.of(testContext(), domain));
    for (const [host] of asked) expect(host?.origin).toBe(`http://${domain}`);
    expect(requests.map(({ method, url }) => `${method} ${url.href}`)).toEqual([
      `GET http://${domain}/v2/`,
    ]);
  });

  it('stays the first where an insecure server says 400 to everything', async () => {
    const domain = await listening(
      createServer((_, response) => response.writeHead(400).end('Client sent an HTTP request')),
    );
    const hosts = createHosts(machine(), {}, plainSend());
    expect((await hosts.of(testContext(), domain))[0]?.origin).toBe(`http://${domain}`);
  });

  it('is not asked for where there is no choice', async () => {
    const requests: HttpRequest[] = [];
    const hosts = createHosts(machine(), {}, plainSend(requests));
    await hosts.of(testContext(), 'reg.example');
    expect(requests).toEqual([]);
  });

  it('is asked for until the run is cancelled', async () => {
    const domain = await listening(createServer(() => undefined));
    const controller = new AbortController();
    const ctx = testContext({ signal: controller.signal });
    const asking = createHosts(machine(), {}, plainSend()).of(ctx, domain);
    controller.abort();
    expect((await failureOf(asking)).code).toBe('INTERRUPTED');
  });

  describe.skipIf(!hasOpenssl())('of a server with TLS', () => {
    it('is found out, with http first on this machine', async () => {
      const certificates = makeCertificates();
      const domain = await listening(createTlsServer(certificates, (_, answer) => answer.end()));
      const hosts = createHosts(machine(), {}, plainSend());
      expect(await hosts.of(testContext(), domain)).toEqual([
        plain(`https://${domain}`, domain, { isInsecure: true }),
      ]);
      const files = { [`/etc/docker/certs.d/${domain}/ca.crt`]: certificates.ca };
      const known = createHosts(machine(files), {}, nobody);
      const [host] = await known.of(testContext(), domain);
      expect(host).toEqual(plain(`https://${domain}`, domain, { tls: { ca: certificates.ca } }));
    });

    it('is https first where a host is listed, and http where it has none', async () => {
      const certificates = makeCertificates();
      const secure = await listening(createTlsServer(certificates, (_, answer) => answer.end()));
      const bare = await listening(createServer((_, answer) => answer.end()));
      // Names that are listed and lead here.
      const listed = [secure, bare].map((domain) => domain.replace('127.0.0.1', 'reg.invalid'));
      const send = plainSend();
      const there = (url: URL) => new URL(url.href.replace('reg.invalid', '127.0.0.1'));
      const hosts = createHosts(machine(), { insecure: ['reg.invalid'] }, (ctx, host, request) =>
        send(ctx, host, { ...request, url: there(request.url) }),
      );
      const found = listed.map((domain) => hosts.of(testContext(), domain));
      expect((await Promise.all(found)).map(([host]) => host?.origin)).toEqual([
        `https://${listed[0]}`,
        `http://${listed[1]}`,
      ]);
    });
  });
});

describe('certificates', () => {
  const HOST = 'reg.example:5000';
  const tlsOf = async (files: Record<string, string>, env: Record<string, string> = {}) =>
    (await hostOf(HOST, {}, machine(files, env)))?.tls;
  const FOLDERS = [
    '/home/me/.config/containers/certs.d',
    '/home/me/.config/docker/certs.d',
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ];

  it.each(FOLDERS)('are read from %s', async (folder) => {
    const files = {
      [`${folder}/${HOST}/b.crt`]: 'B',
      [`${folder}/${HOST}/a.crt`]: 'A',
      [`${folder}/${HOST}/x.cert`]: 'CERT',
      [`${folder}/${HOST}/x.key`]: 'KEY',
      [`${folder}/${HOST}/readme`]: 'no',
      [`${folder}/reg.example/ca.crt`]: 'no',
    };
    expect(await tlsOf(files)).toEqual({ ca: 'A\nB', cert: 'CERT', key: 'KEY' });
  });

  it('are those of the user before those of the machine', async () => {
    const files = Object.fromEntries(FOLDERS.map((folder) => [`${folder}/${HOST}/ca.crt`, folder]));
    expect(await tlsOf(files)).toEqual({ ca: FOLDERS[0] });
    const elsewhere = { [`/xdg/docker/certs.d/${HOST}/ca.crt`]: 'X', ...files };
    expect(await tlsOf(elsewhere, { XDG_CONFIG_HOME: '/xdg' })).toEqual({ ca: 'X' });
  });

  it('are joined by SSL_CERT_FILE', async () => {
    const files = { '/all.pem': 'ALL', [`/etc/docker/certs.d/${HOST}/ca.crt`]: 'CA' };
    expect(await tlsOf(files, { SSL_CERT_FILE: '/all.pem' })).toEqual({ ca: 'CA\nALL' });
    expect(await tlsOf({ '/all.pem': 'ALL' }, { SSL_CERT_FILE: '/all.pem' })).toEqual({
      ca: 'ALL',
    });
    expect(await tlsOf({}, { SSL_CERT_FILE: '/not-there.pem' })).toEqual({});
  });

  it('of SSL_CERT_FILE do not make a server on this machine one with TLS', async () => {
    const system = machine({ '/all.pem': 'ALL' }, { SSL_CERT_FILE: '/all.pem' });
    const host = await hostOf('localhost:5000', {}, system);
    expect(host).toMatchObject({ origin: 'http://localhost:5000', isInsecure: true });
  });

  it('that nobody may look at are none', async () => {
    const files = { '/forbidden/docker/certs.d/reg.example:5000/ca.crt': 'CA' };
    expect(await tlsOf(files, { XDG_CONFIG_HOME: '/forbidden' })).toEqual({});
  });

  it.each([
    [{ 'x.cert': 'C' }, 'x.cert: x.key is not beside it'],
    [{ 'x.key': 'K' }, 'x.key: x.cert is not beside it'],
    [{ 'x.key': 'K', 'y.cert': 'C' }, 'y.cert: y.key is not beside it'],
  ])('come in pairs: %j', async (names, problem) => {
    const folder = `/etc/docker/certs.d/${HOST}`;
    const files = Object.entries(names).map(([name, text]) => [`${folder}/${name}`, text]);
    const error = await failureOf(tlsOf(Object.fromEntries(files)));
    expect(error.code).toBe('USAGE');
    expect(error.message).toBe(`Cannot use ${folder}/${problem}`);
  });

  it('that cannot be read are told', async () => {
    const error = await failureOf(tlsOf({ [`/etc/docker/certs.d/${HOST}/ca.crt`]: 'unreadable' }));
    expect(error.message).toContain('/ca.crt');
  });

  it('are of no other folder', async () => {
    const files = { '/etc/docker/ca.crt': 'no', '/etc/docker/certs.d/ca.crt': 'no' };
    for (const domain of ['..', '.', '']) {
      expect((await hostOf(domain, {}, machine(files)))?.tls).toEqual({});
    }
  });
});

describe('mirrors', () => {
  it('come first, with a domain of their own', async () => {
    const mirrors = { 'docker.io': ['mirror.example', 'https://b.example:5000/'] };
    expect(await hostsOf('docker.io', { mirrors })).toEqual([
      plain('https://mirror.example', 'mirror.example', { isMirror: true }),
      plain('https://b.example:5000', 'b.example:5000', { isMirror: true }),
      plain('https://registry-1.docker.io', 'docker.io'),
    ]);
    expect(await hostsOf('quay.io', { mirrors })).toHaveLength(1);
  });

  it('R30: speak plain http on this machine, or when they are listed', async () => {
    const mirrors = { 'docker.io': ['http://localhost:5000', 'http://m.example'] };
    const error = await failureOf(hostsOf('docker.io', { mirrors }));
    expect(error.code).toBe('USAGE');
    expect(error.message).toBe(
      'Cannot use mirror http://m.example: it is neither on this machine nor listed as insecure',
    );
    const [a, b] = await hostsOf('docker.io', { mirrors, insecure: ['m.example'] });
    expect(a).toMatchObject({ origin: 'http://localhost:5000', isInsecure: true, isMirror: true });
    expect(b).toMatchObject({ origin: 'http://m.example', isInsecure: true, isMirror: true });
  });

  it.each([
    'https://u:s3cr3t@m.example',
    'https://m.example/s3cr3t',
    'ftp://s3cr3t',
    '',
    'a b',
  ])('are hosts and nothing else: %j', (mirror) => {
    const act = () => createHosts(machine(), { mirrors: { 'docker.io': [mirror] } }, nobody);
    expect(act).toThrow('Cannot use a mirror: it is neither HOST[:PORT] nor a URL of just that');
  });
});
