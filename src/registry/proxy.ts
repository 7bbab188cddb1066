// Which proxy a request goes through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go's programs read them
// (golang.org/x/net/http/httpproxy), since that is what people have set them for. A proxy's URL may hold a password.
import { ShipperError } from '../core/errors.ts';
import { canonicalHost, isLoopbackHost } from './address.ts';
import { isInRange, splitHostPort } from './network.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for `url`, undefined to go without. Never one for this machine itself. `USAGE` when the variable is no URL
 * of an http or https proxy. Show it only through {@link withoutCredentials}.
 */
export function proxyFor(env: Environment, url: URL): string | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value =
    name === 'HTTPS_PROXY'
      ? filled(env['HTTPS_PROXY'], env['https_proxy'])
      : filled(env['HTTP_PROXY'], env['http_proxy']);
  if (value === undefined || isLoopbackHost(url.hostname) || isExempt(env, url)) return undefined;
  // Where a web server runs programs, a client can set HTTP_PROXY by a header (httpoxy).
  if (name === 'HTTP_PROXY' && env['REQUEST_METHOD']) return undefined;
  return parseProxy(value, name).href;
}

/** A proxy's URL for people. */
export function withoutCredentials(proxy: string): string {
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

/** The capitals count first. */
function filled(...values: readonly (string | undefined)[]): string | undefined {
  return values.map((value) => value?.trim()).find((value) => value !== undefined && value !== '');
}

function parseProxy(value: string, name: string): URL {
  // `host:port` is a URL to the parser, with `host:` as scheme.
  const text = value.includes('://') ? value : `http://${value}`;
  if (!URL.canParse(text)) {
    throw new ShipperError('USAGE', `Cannot use the proxy of ${name}: it is not a URL`);
  }
  const proxy = new URL(text);
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') {
    const message = `Cannot use the proxy of ${name}: ${JSON.stringify(proxy.protocol)} is neither http nor https`;
    throw new ShipperError('USAGE', message);
  }
  return proxy;
}

function isExempt(env: Environment, url: URL): boolean {
  const host = canonicalHost(url.hostname) ?? url.hostname;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const rules = (filled(env['NO_PROXY'], env['no_proxy']) ?? '').toLowerCase().split(/[\s,]+/);
  return rules.some((rule) => rule !== '' && matches(rule, host, port));
}

/** `*`, an address, a range, `domain` (also what lies below it), `.domain` and `*.domain` (only that); all but ranges with a port. */
function matches(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true;
  if (rule.includes('/')) return isInRange(host, rule);
  const wanted = splitHostPort(rule);
  if (wanted.port !== undefined && wanted.port !== port) return false;
  const name = wanted.host.replace(/^\*(?=\.)/, '');
  if (name.startsWith('.')) return host.endsWith(name);
  return host === canonicalHost(name) || host.endsWith(`.${name}`);
}
