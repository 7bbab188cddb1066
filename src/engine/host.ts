// Host texts as in DOCKER_HOST, parsed by the docker command's rules (docker/cli opts/hosts.go, connhelper/ssh).
import { ShipperError } from '../core/errors.ts';
import type { Endpoint, TlsMaterial } from './endpoint.ts';

/** What a host text is read with. */
export interface HostRules {
  /** TLS for the schemes that can have it. */
  readonly tls: TlsMaterial | undefined;
  readonly platform: NodeJS.Platform;
  /** Who named the host, for messages. */
  readonly origin: string;
}

/** Where the daemon of this machine listens. */
export const DEFAULT_SOCKET = '/var/run/docker.sock';

/** Parses a host. `USAGE`, without a password that may stand in it, for what is not one. */
export function parseHost(text: string, rules: HostRules): Endpoint {
  const host = text.trim();
  const found = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(host);
  const scheme = found?.[1]?.toLowerCase() ?? 'tcp';
  const rest = found?.[2] ?? host;
  switch (scheme) {
    case 'unix':
      return unixHost(rest, text, rules);
    case 'npipe':
      return pipeHost(rest, text, rules);
    case 'tcp':
    case 'http':
    case 'https':
      return tcpHost(scheme, rest, text, rules);
    case 'ssh':
      return sshHost(rest, text, rules);
    case 'fd':
      throw refuse(text, rules, 'fd:// is for the daemon itself');
    default:
      throw refuse(text, rules, `the scheme ${scheme}:// is unknown`);
  }
}

function unixHost(rest: string, text: string, rules: HostRules): Endpoint {
  const path = rest === '' ? DEFAULT_SOCKET : rest;
  if (!path.startsWith('/')) throw refuse(text, rules, 'the path of a socket starts with /');
  return { kind: 'unix', path };
}

function pipeHost(rest: string, text: string, rules: HostRules): Endpoint {
  if (rules.platform !== 'win32') {
    throw refuse(text, rules, 'npipe:// names a Windows pipe, and this is not Windows');
  }
  const path = rest === '' ? '//./pipe/docker_engine' : rest.replaceAll('\\', '/');
  return { kind: 'npipe', path };
}

function tcpHost(
  scheme: 'tcp' | 'http' | 'https',
  rest: string,
  text: string,
  rules: HostRules,
): Endpoint {
  const url = parseUrl(withHost(rest), text, rules);
  if (url.username !== '' || url.password !== '') {
    throw refuse(text, rules, 'a user name has no meaning there');
  }
  const tls =
    scheme === 'http' ? undefined : (rules.tls ?? (scheme === 'https' ? PLAIN_TLS : undefined));
  const usual = scheme === 'tcp' ? (tls === undefined ? 2375 : 2376) : scheme === 'http' ? 80 : 443;
  return {
    kind: 'tcp',
    host: bare(url.hostname),
    port: url.port === '' ? usual : Number(url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
    tls,
  };
}

/** TLS with the certificate authorities that Node knows. */
const PLAIN_TLS: TlsMaterial = { ca: undefined, cert: undefined, key: undefined, verify: true };

/** `tcp://` and `:2375` mean this machine. */
function withHost(rest: string): string {
  return rest === '' || /^[:/]/.test(rest) ? `localhost${rest}` : rest;
}

function sshHost(rest: string, text: string, rules: HostRules): Endpoint {
  const url = parseUrl(rest, text, rules);
  if (url.password !== '') throw refuse(text, rules, 'a password is not supported, use a key');
  const socketPath = decode(url.pathname, text, rules);
  return {
    kind: 'ssh',
    host: bare(url.hostname),
    user: url.username === '' ? undefined : decode(url.username, text, rules),
    port: url.port === '' ? undefined : Number(url.port),
    socketPath: /^\/*$/.test(socketPath) ? undefined : socketPath,
  };
}

/** Parses what follows the scheme. The scheme in place of it is one that `URL` gives no port and keeps the host of. */
function parseUrl(rest: string, text: string, rules: HostRules): URL {
  let url: URL;
  try {
    url = new URL(`engine://${rest}`);
  } catch {
    throw refuse(text, rules, 'it does not parse');
  }
  if (url.hostname === '') throw refuse(text, rules, 'the host name is missing');
  if (url.search !== '' || url.hash !== '') {
    throw refuse(text, rules, 'a query or fragment has no meaning there');
  }
  return url;
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function decode(text: string, whole: string, rules: HostRules): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse(whole, rules, 'a % sequence in it is broken');
  }
}

function refuse(text: string, rules: HostRules, state: string): ShipperError {
  const shown = JSON.stringify(text.replace(/\/\/.*@/, '//***@').replace(/[?#].*$/, '?***'));
  const message = `Cannot use the host ${shown} of ${rules.origin}: ${state}`;
  const hint = 'Hosts are unix:///path, tcp://host:port, ssh://user@host or npipe:////./pipe/name.';
  return new ShipperError('USAGE', message, { hint });
}
