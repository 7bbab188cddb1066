import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  describeEndpoint,
  type Endpoint,
  type EndpointOptions,
  findEndpoint,
} from '../../src/engine/endpoint.ts';
import { failureOf, fakeMachine } from './support.ts';

const DOCKER = '/home/me/.docker';
const PEM = { ca: 'CA', cert: 'CERT', key: 'KEY' };

function metaPath(name: string, config: string = DOCKER): string {
  return `${config}/contexts/meta/${idOf(name)}/meta.json`;
}

function idOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

function meta(name: string, docker: object): string {
  return JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker } });
}

function certificates(folder: string): Readonly<Record<string, string>> {
  return {
    [`${folder}/ca.pem`]: 'CA',
    [`${folder}/cert.pem`]: 'CERT',
    [`${folder}/key.pem`]: 'KEY',
  };
}

const STAGING = {
  [metaPath('staging')]: meta('staging', { Host: 'ssh://deploy@staging', SkipTLSVerify: false }),
};
const SECURE = {
  [metaPath('secure')]: meta('secure', { Host: 'tcp://h:2376', SkipTLSVerify: false }),
  ...certificates(`${DOCKER}/contexts/tls/${idOf('secure')}/docker`),
};
const OPEN = { [metaPath('open')]: meta('open', { Host: 'tcp://h:2376', SkipTLSVerify: true }) };
const CURRENT = { [`${DOCKER}/config.json`]: '{"currentContext":"staging","auths":{}}' };
const SOCKET = { '/var/run/docker.sock': 'socket' };

const unix = (path: string): Endpoint => ({ kind: 'unix', path });
const tcp = (
  host: string,
  port: number,
  tls?: Extract<Endpoint, { kind: 'tcp' }>['tls'],
  basePath: string = '',
): Endpoint => ({ kind: 'tcp', host, port, basePath, tls });
const ssh = (host: string, parts: Partial<Extract<Endpoint, { kind: 'ssh' }>> = {}): Endpoint => ({
  kind: 'ssh',
  host,
  user: undefined,
  port: undefined,
  socketPath: undefined,
  ...parts,
});

interface Row {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: EndpointOptions;
  readonly platform?: NodeJS.Platform;
  readonly gives: Endpoint;
  readonly origin: string;
}

const STAGED = ssh('staging', { user: 'deploy' });
const ORIGIN_STAGING = 'docker context "staging"';

const ROWS: Readonly<Record<string, Row>> = {
  'nothing at all': { gives: unix('/var/run/docker.sock'), origin: 'default' },
  'the usual socket before all others': {
    files: { ...SOCKET, '/run/user/1/docker.sock': 'socket' },
    env: { XDG_RUNTIME_DIR: '/run/user/1', CONTAINER_HOST: 'unix:///c.sock' },
    gives: unix('/var/run/docker.sock'),
    origin: 'default',
  },
  'a rootless socket': {
    files: { '/run/user/1/docker.sock': 'socket' },
    env: { XDG_RUNTIME_DIR: '/run/user/1' },
    gives: unix('/run/user/1/docker.sock'),
    origin: 'default',
  },
  'Docker Desktop': {
    files: { '/home/me/.docker/desktop/docker.sock': 'socket' },
    env: { CONTAINER_HOST: 'unix:///c.sock' },
    gives: unix('/home/me/.docker/desktop/docker.sock'),
    origin: 'default',
  },
  'a file that is no socket does not count': {
    files: { '/var/run/docker.sock': 'a file', '/run/podman/podman.sock': 'socket' },
    gives: unix('/run/podman/podman.sock'),
    origin: 'default',
  },
  'CONTAINER_HOST before podman sockets': {
    files: { '/run/podman/podman.sock': 'socket' },
    env: { CONTAINER_HOST: 'unix:///c.sock' },
    gives: unix('/c.sock'),
    origin: 'CONTAINER_HOST',
  },
  'the podman machine': {
    files: { '/home/me/.local/share/containers/podman/machine/podman.sock': 'socket' },
    gives: unix('/home/me/.local/share/containers/podman/machine/podman.sock'),
    origin: 'default',
  },
  'a Windows machine': {
    platform: 'win32',
    gives: { kind: 'npipe', path: '//./pipe/docker_engine' },
    origin: 'default',
  },
  'npipe on Windows': {
    platform: 'win32',
    env: { DOCKER_HOST: 'npipe:////./pipe/other' },
    gives: { kind: 'npipe', path: '//./pipe/other' },
    origin: 'DOCKER_HOST',
  },
  DOCKER_HOST: {
    files: { ...SOCKET, ...CURRENT, ...STAGING },
    env: { DOCKER_HOST: 'unix:///tmp/d.sock', DOCKER_CONTEXT: 'staging' },
    gives: unix('/tmp/d.sock'),
    origin: 'DOCKER_HOST',
  },
  'an empty DOCKER_HOST is none': {
    files: SOCKET,
    env: { DOCKER_HOST: '', DOCKER_CONTEXT: '' },
    gives: unix('/var/run/docker.sock'),
    origin: 'default',
  },
  'DOCKER_CONTEXT before config.json': {
    files: { ...CURRENT, ...STAGING, ...OPEN },
    env: { DOCKER_CONTEXT: 'open' },
    gives: tcp('h', 2376, { ca: undefined, cert: undefined, key: undefined, verify: false }),
    origin: 'docker context "open"',
  },
  currentContext: {
    files: { ...SOCKET, ...CURRENT, ...STAGING },
    gives: STAGED,
    origin: ORIGIN_STAGING,
  },
  'currentContext "default"': {
    files: { ...SOCKET, [`${DOCKER}/config.json`]: '{"currentContext":"default"}' },
    gives: unix('/var/run/docker.sock'),
    origin: 'default',
  },
  'a config.json without a context': {
    files: { ...SOCKET, [`${DOCKER}/config.json`]: '{"auths":{}}' },
    gives: unix('/var/run/docker.sock'),
    origin: 'default',
  },
  'DOCKER_CONFIG moves contexts too': {
    files: {
      '/cfg/config.json': '{"currentContext":"staging"}',
      [metaPath('staging', '/cfg')]: meta('staging', { Host: 'ssh://deploy@staging' }),
    },
    env: { DOCKER_CONFIG: '/cfg' },
    gives: STAGED,
    origin: ORIGIN_STAGING,
  },
  '--config before DOCKER_CONFIG': {
    files: { [metaPath('staging', '/mine')]: meta('staging', { Host: 'ssh://deploy@staging' }) },
    env: { DOCKER_CONFIG: '/cfg', DOCKER_CONTEXT: 'staging' },
    options: { configDirectory: '/mine' },
    gives: STAGED,
    origin: ORIGIN_STAGING,
  },
  '--context before DOCKER_HOST': {
    files: STAGING,
    env: { DOCKER_HOST: 'tcp://h' },
    options: { context: 'staging' },
    gives: STAGED,
    origin: ORIGIN_STAGING,
  },
  '--context default is DOCKER_HOST': {
    env: { DOCKER_HOST: 'tcp://h' },
    options: { context: 'default' },
    gives: tcp('h', 2375),
    origin: 'DOCKER_HOST',
  },
  '--host before everything': {
    files: { ...CURRENT, ...STAGING },
    env: { DOCKER_HOST: 'tcp://h', DOCKER_CONTEXT: 'staging' },
    options: { host: 'unix:///mine.sock' },
    gives: unix('/mine.sock'),
    origin: '--host',
  },
  'a context with TLS': {
    files: SECURE,
    env: { DOCKER_TLS_VERIFY: '' },
    options: { context: 'secure' },
    gives: tcp('h', 2376, { ...PEM, verify: true }),
    origin: 'docker context "secure"',
  },
  'a context heeds no TLS variable': {
    files: { [metaPath('plain')]: meta('plain', { Host: 'tcp://h' }), ...certificates(DOCKER) },
    env: { DOCKER_TLS_VERIFY: '1' },
    options: { context: 'plain' },
    gives: tcp('h', 2375),
    origin: 'docker context "plain"',
  },
  'DOCKER_TLS_VERIFY with any value': {
    files: certificates(DOCKER),
    env: { DOCKER_HOST: 'tcp://h', DOCKER_TLS_VERIFY: '0' },
    gives: tcp('h', 2376, { ...PEM, verify: true }),
    origin: 'DOCKER_HOST',
  },
  'DOCKER_TLS encrypts without verifying': {
    env: { DOCKER_HOST: 'tcp://h', DOCKER_TLS: '1' },
    gives: tcp('h', 2376, { ca: undefined, cert: undefined, key: undefined, verify: false }),
    origin: 'DOCKER_HOST',
  },
  DOCKER_CERT_PATH: {
    files: certificates('/certs'),
    env: { DOCKER_HOST: 'tcp://h:99', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' },
    gives: tcp('h', 99, { ...PEM, verify: true }),
    origin: 'DOCKER_HOST',
  },
  'DOCKER_CERT_PATH alone means nothing, nor does port 2376': {
    files: certificates('/certs'),
    env: { DOCKER_HOST: 'tcp://h:2376', DOCKER_CERT_PATH: '/certs' },
    gives: tcp('h', 2376),
    origin: 'DOCKER_HOST',
  },
  'TLS without a host is the local TLS port': {
    files: { ...SOCKET, ...certificates(DOCKER) },
    env: { DOCKER_TLS_VERIFY: '1' },
    gives: tcp('localhost', 2376, { ...PEM, verify: true }),
    origin: 'default',
  },
  'TLS means nothing to a socket': {
    env: { DOCKER_HOST: 'unix:///d.sock', DOCKER_TLS_VERIFY: '1' },
    gives: unix('/d.sock'),
    origin: 'DOCKER_HOST',
  },
};

describe('findEndpoint()', () => {
  it.each(Object.entries(ROWS))('finds: %s', async (_title, row) => {
    const found = await findEndpoint(fakeMachine(row.files, row.env, row.platform), row.options);
    expect(found.endpoint).toEqual(row.gives);
    expect(found.origin).toBe(row.origin);
    expect(found.text).toBe(describeEndpoint(row.gives));
  });

  const HOSTS: readonly (readonly [string, Endpoint, string])[] = [
    ['unix://', unix('/var/run/docker.sock'), 'unix:///var/run/docker.sock'],
    ['tcp://', tcp('localhost', 2375), 'tcp://localhost:2375'],
    [':99', tcp('localhost', 99), 'tcp://localhost:99'],
    ['1.2.3.4', tcp('1.2.3.4', 2375), 'tcp://1.2.3.4:2375'],
    ['TCP://h:1/docker/', tcp('h', 1, undefined, '/docker'), 'tcp://h:1/docker'],
    ['tcp://[::1]:5', tcp('::1', 5), 'tcp://[::1]:5'],
    ['http://h', tcp('h', 80), 'tcp://h:80'],
    [
      'https://h',
      tcp('h', 443, { ca: undefined, cert: undefined, key: undefined, verify: true }),
      'tcp://h:443',
    ],
    ['ssh://h', ssh('h'), 'ssh://h'],
    ['ssh://me@h:22/', ssh('h', { user: 'me', port: 22 }), 'ssh://me@h:22'],
    ['ssh://h/run/d.sock', ssh('h', { socketPath: '/run/d.sock' }), 'ssh://h/run/d.sock'],
    ['ssh://a%40b@[::1]', ssh('::1', { user: 'a@b' }), 'ssh://a@b@[::1]'],
  ];

  it.each(HOSTS)('reads the host %s', async (host, endpoint, text) => {
    const found = await findEndpoint(fakeMachine(), { host });
    expect(found).toEqual({ endpoint, text, origin: '--host', context: 'default' });
  });

  const REFUSED: readonly (readonly [string, EndpointOptions, Row['files'], Row['env'], RegExp])[] =
    [
      ['both options', { host: 'tcp://h', context: 'x' }, {}, {}, /conflicting options/],
      [
        'no such context',
        { context: 'gone' },
        {},
        {},
        /docker context "gone" \(from --context\): there is no such/,
      ],
      ['no such variable context', {}, {}, { DOCKER_CONTEXT: 'gone' }, /from DOCKER_CONTEXT/],
      [
        'no such current context',
        {},
        { [`${DOCKER}/config.json`]: '{"currentContext":"gone"}' },
        {},
        /from \/home\/me\/.docker\/config.json/,
      ],
      ['broken config.json', {}, { [`${DOCKER}/config.json`]: '{' }, {}, /not a JSON object/],
      ['broken context', { context: 'x' }, { [metaPath('x')]: '[]' }, {}, /has no docker host/],
      [
        'context of another kind',
        { context: 'x' },
        { [metaPath('x')]: meta('x', {}) },
        {},
        /has no docker host/,
      ],
      [
        'no ca.pem',
        {},
        {},
        { DOCKER_HOST: 'tcp://h', DOCKER_TLS_VERIFY: '1' },
        /ca\.pem is not there/,
      ],
      ['npipe elsewhere', { host: 'npipe:////./pipe/x' }, {}, {}, /this is not Windows/],
      ['fd', { host: 'fd://' }, {}, {}, /for the daemon itself/],
      ['unknown scheme', { host: 'ftp://h' }, {}, {}, /scheme ftp:\/\/ is unknown/],
      ['relative socket', { host: 'unix://d.sock' }, {}, {}, /starts with \//],
      ['bad port', { host: 'tcp://h:99999' }, {}, {}, /does not parse/],
      ['no ssh host', { host: 'ssh://' }, {}, {}, /does not parse|host name is missing/],
      ['ssh password', { host: 'ssh://u:hunter2@h' }, {}, {}, /password is not supported/],
      ['ssh query', { host: 'ssh://h?x=hunter2' }, {}, {}, /query/],
      ['tcp password', { host: 'tcp://u:hunter2@h' }, {}, {}, /user name/],
      ['broken escape', { host: 'ssh://%ff@h' }, {}, {}, /broken/],
    ];

  it.each(REFUSED)('refuses: %s', async (_title, options, files, env, message) => {
    const error = await failureOf(findEndpoint(fakeMachine(files, env), options));
    expect(error.code).toBe('USAGE');
    expect(error.message).toMatch(message);
    expect(`${error.message} ${error.hint}`).not.toContain('hunter2');
  });
});
