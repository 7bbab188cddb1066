// Where the registry of a domain is really served, and how it may be spoken to: the Hub's other name, plain http for
// what is on this machine or was named as insecure, certificates, mirrors.
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { canonicalHost, isLoopbackHost } from './address.ts';
import { type CertsSystem, certificatesOf, environmentAuthorities } from './certs.ts';
import type { Send } from './exchange.ts';
import { Flights } from './flights.ts';
import type { RegistryHost, TlsFiles } from './host.ts';
import { isInRange, splitHostPort } from './network.ts';
import type { RegistryChoice } from './registry.ts';

/** Finds hosts; what it has found out stays for the run. */
export interface Hosts {
  /**
   * Where images of `domain` are read, in order: its mirrors, then the registry itself, which is the last and the only one
   * to write to. Asks a host on this machine or an insecure one which scheme it speaks.
   */
  of(ctx: Context, domain: string): Promise<readonly RegistryHost[]>;
  /** The host of a URL that a registry has named: a token server, the target of a redirect. Asks nobody. */
  at(ctx: Context, url: URL): Promise<RegistryHost>;
}

/** What of a run's choice says how hosts are spoken to. */
export type HostChoice = Pick<RegistryChoice, 'insecure' | 'mirrors'>;

/** Finds the hosts of a run; `send` asks for schemes. `USAGE` when the choice names no hosts. */
export function createHosts(system: CertsSystem, choice: HostChoice, send: Send): Hosts {
  const insecure = (choice.insecure ?? []).map(checkInsecure);
  const mirrors = new Map(
    Object.entries(choice.mirrors ?? {}).map(([domain, texts]) => [domain, texts.map(parseMirror)]),
  );
  return new HostFinder(system, insecure, mirrors, send);
}

type Scheme = 'http' | 'https';

/** What a host's certificates are checked with. */
interface Trust {
  /** What people keep for the host: it says that the host speaks TLS. */
  readonly own: TlsFiles;
  /** That, and what they keep for all hosts. */
  readonly tls: TlsFiles;
}

const HUB_SERVER = 'registry-1.docker.io';
const HUB_NAMES: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io']);

/** A mirror as it was named; the scheme is to be found out where none was given. */
interface Mirror {
  readonly scheme: Scheme | undefined;
  readonly domain: string;
}

class HostFinder implements Hosts {
  readonly #system: CertsSystem;
  readonly #insecure: readonly string[];
  readonly #mirrors: ReadonlyMap<string, readonly Mirror[]>;
  readonly #send: Send;
  readonly #found = new Map<string, readonly RegistryHost[]>();
  readonly #finding = new Flights<readonly RegistryHost[]>();
  readonly #trust = new Map<string, Promise<Trust>>();

  constructor(
    system: CertsSystem,
    insecure: readonly string[],
    mirrors: ReadonlyMap<string, readonly Mirror[]>,
    send: Send,
  ) {
    this.#system = system;
    this.#insecure = insecure;
    this.#mirrors = mirrors;
    this.#send = send;
  }

  async of(ctx: Context, domain: string): Promise<readonly RegistryHost[]> {
    const known = this.#found.get(domain);
    if (known !== undefined) return known;
    return this.#finding.join(ctx, domain, async () => {
      const hosts: RegistryHost[] = [];
      for (const mirror of this.#mirrors.get(domain) ?? []) {
        hosts.push({ ...(await this.#one(ctx, mirror)), isMirror: true });
      }
      hosts.push(await this.#one(ctx, { scheme: undefined, domain }));
      this.#found.set(domain, hosts);
      return hosts;
    });
  }

  async at(_ctx: Context, url: URL): Promise<RegistryHost> {
    return this.#host(url.origin, url.host, await this.#trustIn(url.host));
  }

  async #one(ctx: Context, { scheme, domain }: Mirror): Promise<RegistryHost> {
    const trust = await this.#trustIn(domain);
    const server = HUB_NAMES.has(domain) ? HUB_SERVER : domain;
    const hostWith = (each: Scheme) => this.#host(`${each}://${server}`, domain, trust);
    const [likely, ...others] = this.#schemes(domain, scheme, trust.own);
    return firstThatAnswers(ctx, this.#send, [hostWith(likely), ...others.map(hostWith)]);
  }

  /** The schemes that the host may speak, the likelier one first. */
  #schemes(
    domain: string,
    named: Scheme | undefined,
    own: TlsFiles,
  ): readonly [Scheme, ...Scheme[]] {
    const isListed = this.#isListed(domain);
    const { host, port } = splitHostPort(domain);
    const isLoopback = isLoopbackHost(host);
    if (named === 'http' && !isListed && !isLoopback) {
      const message = `Cannot use mirror http://${domain}: it is neither on this machine nor listed as insecure`;
      throw new ShipperError('USAGE', message, { hint: `--insecure ${domain} allows plain http.` });
    }
    if (named !== undefined) return [named];
    // Who has put certificates there means TLS.
    if (port === '443' || own.cert !== undefined || own.ca !== undefined) return ['https'];
    if (isLoopback) return ['http', 'https'];
    return isListed ? ['https', 'http'] : ['https'];
  }

  #host(origin: string, domain: string, { own, tls }: Trust): RegistryHost {
    const isLoopback = isLoopbackHost(splitHostPort(domain).host);
    const isInsecure = this.#isListed(domain) || (isLoopback && own.ca === undefined);
    return { origin, domain, isMirror: false, isInsecure, tls };
  }

  #isListed(domain: string): boolean {
    const { host } = splitHostPort(domain);
    return this.#insecure.some((entry) =>
      entry.includes('/')
        ? isInRange(host, entry)
        : [domain, host].some((name) => name.toLowerCase() === entry.toLowerCase()),
    );
  }

  #trustIn(domain: string): Promise<Trust> {
    const reading = this.#trust.get(domain) ?? this.#readTrust(domain);
    this.#trust.set(domain, reading);
    return reading;
  }

  async #readTrust(domain: string): Promise<Trust> {
    const own = await certificatesOf(this.#system, domain);
    const common = await environmentAuthorities(this.#system);
    if (common === undefined) return { own, tls: own };
    return { own, tls: { ...own, ca: own.ca === undefined ? common : `${own.ca}\n${common}` } };
  }
}

/** The first that answers a request as its scheme does; the first of all when none does, so that its failure is the one told. */
async function firstThatAnswers(
  ctx: Context,
  send: Send,
  candidates: readonly [RegistryHost, ...RegistryHost[]],
): Promise<RegistryHost> {
  if (candidates.length > 1) {
    for (const host of candidates) if (await answers(ctx, send, host)) return host;
  }
  return candidates[0];
}

/** Servers of TLS tell a plain request by closing the connection, or with a 400. */
async function answers(ctx: Context, send: Send, host: RegistryHost): Promise<boolean> {
  const url = new URL('/v2/', host.origin);
  try {
    const response = await send(ctx, host, { method: 'GET', url, headers: {} });
    await response.discard();
    return response.status !== 400 || url.protocol === 'https:';
  } catch (error) {
    if (isShipperError(error, 'REGISTRY_UNREACHABLE') || isShipperError(error, 'TIMEOUT'))
      return false;
    throw error;
  }
}

/** `host`, `host:port` or a range, as it is; `USAGE` for anything else. */
function checkInsecure(entry: string): string {
  const isRange = entry.includes('/') && isInRange(entry.slice(0, entry.indexOf('/')), entry);
  if (isRange || isHostAndPort(entry)) return entry;
  const message = `Cannot take ${JSON.stringify(entry)} for an insecure registry: it is neither HOST[:PORT] nor a range such as 10.0.0.0/8`;
  throw new ShipperError('USAGE', message);
}

/** `host[:port]`, or a URL of nothing else. What is refused is not repeated: it may hold a password. */
function parseMirror(text: string): Mirror {
  const found = /^(?:(https?):\/\/)?([^/]+)\/?$/i.exec(text);
  const [, scheme, domain = ''] = found ?? [];
  if (!isHostAndPort(domain)) {
    const message = 'Cannot use a mirror: it is neither HOST[:PORT] nor a URL of just that';
    throw new ShipperError('USAGE', message);
  }
  return { scheme: scheme?.toLowerCase() as Scheme | undefined, domain };
}

function isHostAndPort(text: string): boolean {
  const { host, port } = splitHostPort(text);
  return canonicalHost(host) !== undefined && (port === undefined || Number(port) < 65_536);
}
