// Lists of hosts as people write them, for NO_PROXY and for insecure registries: addresses and ranges.
import { canonicalHost, groupsOf, ipv4Bytes } from './address.ts';

/** A host and the port behind it, where there is one. */
export interface HostAndPort {
  readonly host: string;
  readonly port: string | undefined;
}

/** Takes `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address apart. */
export function splitHostPort(text: string): HostAndPort {
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text);
  return found === null
    ? { host: text, port: undefined }
    : { host: found[1] ?? '', port: found[2] };
}

/** Whether `host` is an address in `range`, such as `10.0.0.0/8` or `fd00::/8`; false for what is no range. */
export function isInRange(host: string, range: string): boolean {
  const [first = '', size = '', ...rest] = range.split('/');
  const start = bitsOf(first);
  const address = bitsOf(host);
  if (start === undefined || address === undefined || rest.length > 0) return false;
  if (!/^\d{1,3}$/.test(size) || Number(size) > start.length) return false;
  return start.length === address.length && address.startsWith(start.slice(0, Number(size)));
}

/** An address as a text of zeros and ones; undefined for a name. An IPv4 address inside IPv6 is taken out of it. */
function bitsOf(host: string): string | undefined {
  const name = canonicalHost(host);
  if (name === undefined) return undefined;
  const bits = (numbers: readonly number[], width: number) =>
    numbers.map((number) => number.toString(2).padStart(width, '0')).join('');
  const bytes = ipv4Bytes(name);
  if (bytes !== undefined) return bits(bytes, 8);
  if (!name.startsWith('[')) return undefined;
  const all = bits(groupsOf(name.slice(1, -1)), 16);
  return all.startsWith(MAPPED) ? all.slice(MAPPED.length) : all;
}

const MAPPED = '0'.repeat(80) + '1'.repeat(16);
