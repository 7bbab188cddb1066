// Connections: a bounded pool for every host, with its certificates, through its proxy. What is imported of undici at run
// time is imported here.
import * as tls from 'node:tls';
import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { RegistryHost } from './host.ts';
import type { Patience } from './watch.ts';

/** Sockets to one host in each lane. */
export const SOCKETS_PER_LANE = 8;

/**
 * What sockets are used for. Downloads and uploads last as long as our caller likes, and one may wait for the other, or
 * for a token; so neither may take the sockets of the other, or of questions, which are short.
 */
export type Lane = 'questions' | 'downloads' | 'uploads';

/** Says by which proxy a URL is reached; undefined for none. */
export type ProxyFor = (url: URL) => string | undefined;

/** Pools of connections, one for each way to reach a host. Close it. */
export class Dispatchers {
  readonly #proxyFor: ProxyFor;
  readonly #patience: Patience;
  readonly #pools = new Map<string, Dispatcher>();

  constructor(proxyFor: ProxyFor, patience: Patience) {
    this.#proxyFor = proxyFor;
    this.#patience = patience;
  }

  /** The pool for `url`, spoken to as `host` is. Certificates of a host never count for another one. */
  pool(url: URL, host: RegistryHost, lane: Lane): Dispatcher {
    const isHost = new URL(host.origin).hostname === url.hostname;
    const options = isHost ? tlsOptions(host) : {};
    const proxy = this.#proxyFor(url);
    const key = JSON.stringify([url.origin, lane, proxy, isHost, host.isInsecure, host.tls]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = this.#open(url.origin, options, proxy);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Ends all connections; what is under way fails. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #open(origin: string, options: TlsOptions, proxy: string | undefined): Dispatcher {
    const timeout = this.#patience.connectMs;
    // Happy Eyeballs (RFC 8305): a name with a dead IPv6 address is reached by its IPv4 one.
    const connect = { ...options, timeout, autoSelectFamily: true };
    const limits = { connections: SOCKETS_PER_LANE, headersTimeout: 0, bodyTimeout: 0 };
    if (proxy === undefined) return new Pool(origin, { ...limits, connect });
    const { uri, token } = splitProxy(proxy);
    return new ProxyAgent({
      ...limits,
      uri,
      ...(token === undefined ? {} : { token }),
      requestTls: connect,
      proxyTls: { timeout, autoSelectFamily: true },
      // Many proxies let CONNECT reach port 443 only.
      proxyTunnel: false,
      // What speaks plain http to a proxy knows no other limits.
      factory: (at, given) => new Pool(at, { ...given, ...limits }),
      // A proxy that takes the connection and does not answer CONNECT is one that cannot be reached.
      clientFactory: (at, given) => new Pool(at, { ...given, headersTimeout: timeout }),
    });
  }
}

interface TlsOptions {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

function tlsOptions({ tls: files, isInsecure }: RegistryHost): TlsOptions {
  return {
    // Node takes `ca` in place of what it trusts, docker adds it to that.
    ...(files.ca === undefined ? {} : { ca: [...trusted(), files.ca] }),
    ...(files.cert === undefined ? {} : { cert: files.cert }),
    ...(files.key === undefined ? {} : { key: files.key }),
    ...(isInsecure ? { rejectUnauthorized: false } : {}),
  };
}

/** What this Node trusts, with NODE_EXTRA_CA_CERTS and the system's own store where it can tell. */
function trusted(): readonly string[] {
  // From Node 22.15 on.
  return tls.getCACertificates?.('default') ?? tls.rootCertificates;
}

/** The proxy without its credentials, and these as a header. */
function splitProxy(proxy: string): { readonly uri: string; readonly token: string | undefined } {
  const url = new URL(proxy);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { uri: url.href, token: undefined };
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { uri: url.href, token: `Basic ${Buffer.from(login).toString('base64')}` };
}
