// Where a registry may send us: by a redirect, by the `Location` of an upload, by the link to a next page (`faults.md`
// R1-R4, R23). What it says is not trusted: never out of TLS, never behind the firewall from outside.
import { maySendTo } from './address.ts';

/** Redirects that one request follows. */
export const MAX_HOPS = 10;

/** The place that was named, or why we do not go there: a clause for a message. */
export type Target = { readonly url: URL } | { readonly refusal: string };

/** Resolves `location` as named by the answer to a request to `from`. Keeps its query, drops any login in it. */
export function targetOf(location: string | undefined, from: URL): Target {
  if (location === undefined || location === '') return { refusal: 'it names no Location' };
  if (!URL.canParse(location, from.href)) return { refusal: 'its Location is not a URL' };
  const url = new URL(location, from);
  url.username = '';
  url.password = '';
  url.hash = '';
  const refusal = refusalOf(url, from);
  return refusal === undefined ? { url } : { refusal };
}

function refusalOf(url: URL, from: URL): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return `it sends us to a URL of type ${JSON.stringify(url.protocol)}`;
  }
  const place = JSON.stringify(url.host);
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    return `it sends us to plain http at ${place}`;
  }
  if (!maySendTo(from.hostname, url.hostname)) {
    return `it sends us to ${place}, which is in a private network`;
  }
  return undefined;
}

/** The URL of the `next` link among the values of a `Link` header (RFC 8288). */
export function nextLink(values: readonly string[]): string | undefined {
  for (const value of values) {
    const found = /<([^>]*)>\s*;[^<]*\brel="?next"?(?:[\s;,]|$)/i.exec(value);
    if (found !== null) return found[1];
  }
  return undefined;
}

/** `url` with one more parameter in its query. */
export function withQuery(url: URL, name: string, value: string): URL {
  const changed = new URL(url);
  // Appended as text: a parsed and rewritten query may no longer be what the registry signed.
  const glue = changed.search === '' ? '?' : `${changed.search}&`;
  changed.search = `${glue}${name}=${encodeURIComponent(value)}`;
  return changed;
}
