// Token servers are named by whoever answers the request (`faults.md` R5): where we go there at all, and whether with
// credentials.
import { ShipperError } from '../core/errors.ts';
import { canonicalHost, isLoopbackHost, maySendTo } from './address.ts';
import type { RegistryHost } from './host.ts';

const REALM_CHARACTERS = 8192;

/**
 * The realm that a registry names, as a URL. `UNAUTHORIZED` when it is none, leaves TLS, or lies behind the firewall where
 * the registry does not.
 */
export function checkRealm(host: RegistryHost, realm: string | undefined): URL {
  const url = parseRealm(realm);
  const registry = new URL(host.origin);
  if (url === undefined) throw refused(host, 'the realm of its challenge is not a URL');
  const place = JSON.stringify(url.host);
  if (url.username !== '' || url.password !== '') {
    throw refused(host, `its token server ${place} is named with a user`);
  }
  if (url.protocol !== 'https:' && registry.protocol !== 'http:') {
    throw refused(host, `its token server ${place} speaks plain http`);
  }
  if (!maySendTo(registry.hostname, url.hostname)) {
    throw refused(
      host,
      `its token server ${place} has a private address, where it must not send us`,
    );
  }
  return url;
}

/**
 * Refuses to show credentials to a token server in plain http that is another host than the registry; `server` is how that
 * host is spoken to, insecure where the user has listed it.
 */
export function checkCredentialsTo(host: RegistryHost, server: RegistryHost): void {
  const realm = new URL(server.origin);
  const registry = new URL(host.origin);
  if (realm.protocol === 'https:' || isSameHost(registry, realm) || server.isInsecure) return;
  const place = JSON.stringify(realm.host);
  const state = `its token server ${place} speaks plain http, and credentials must not be sent there`;
  throw refused(host, state, `--insecure ${realm.host} allows it.`);
}

/** Whether two URLs are served by one host, whatever the port; this machine is one, by any of its names. */
export function isSameHost(a: URL, b: URL): boolean {
  if (isLoopbackHost(a.hostname) && isLoopbackHost(b.hostname)) return true;
  return canonicalHost(a.hostname) === canonicalHost(b.hostname);
}

function parseRealm(realm: string | undefined): URL | undefined {
  if (realm === undefined || realm.length > REALM_CHARACTERS || !URL.canParse(realm))
    return undefined;
  const url = new URL(realm);
  url.hash = '';
  return url.protocol === 'https:' || url.protocol === 'http:' ? url : undefined;
}

function refused(host: RegistryHost, state: string, hint?: string): ShipperError {
  return new ShipperError('UNAUTHORIZED', `Cannot log in to ${host.domain}: ${state}`, {
    host: host.domain,
    ...(hint === undefined ? {} : { hint }),
  });
}
