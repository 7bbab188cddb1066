// What kind of network a host is in, as far as its spelling tells. A registry may send us elsewhere (redirects, upload
// locations, token realms); what it says must not make us knock at doors behind the firewall. Names are not looked up:
// whoever controls a name controls what it means a moment later, so a look-up would be no proof.

/** Kinds of hosts; `name` is one that does not say where it is. */
export type AddressKind =
  | 'name'
  | 'public'
  | 'loopback'
  | 'private'
  | 'linkLocal'
  | 'unspecified'
  /** Where clouds hand out the keys of a machine. */
  | 'metadata'
  /** Multicast, broadcast, documentation, and what is no host at all. */
  | 'reserved';

/**
 * The kind of `host`: a name or literal without port, with or without the brackets of IPv6. Spellings such as `0x7f.1`,
 * `2130706433` and `[::ffff:127.0.0.1]` count as what they mean to a URL.
 */
export function addressKind(host: string): AddressKind {
  const name = canonicalHost(host);
  if (name === undefined) return 'reserved';
  if (METADATA.has(name)) return 'metadata';
  if (name.startsWith('[')) return kindOfIpv6(groupsOf(name.slice(1, -1)));
  const bytes = ipv4Bytes(name);
  if (bytes !== undefined) return kindOfIpv4(bytes);
  return name === 'localhost' || name.endsWith('.localhost') ? 'loopback' : 'name';
}

/** Whether `host` is this machine: `localhost`, `*.localhost`, 127.0.0.0/8, ::1. */
export function isLoopbackHost(host: string): boolean {
  return addressKind(host) === 'loopback';
}

/**
 * Whether the registry at host `from` may send us to host `to`. It always may to itself. It may to names and public
 * addresses; to a loopback or private one only from one of the same kind; to any other never.
 */
export function maySendTo(from: string, to: string): boolean {
  const target = canonicalHost(to);
  if (target !== undefined && target === canonicalHost(from)) return true;
  const kind = addressKind(to);
  if (kind === 'name' || kind === 'public') return true;
  return (kind === 'loopback' || kind === 'private') && addressKind(from) === kind;
}

/** As a URL spells it: lower case, addresses in full, IPv6 in brackets, no dot at the end; undefined for what is no host. */
export function canonicalHost(host: string): string | undefined {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  if (/[/?#@\\\s]/.test(bracketed)) return undefined;
  const url = `http://${bracketed}/`;
  // A port would be taken for a part of the URL and be lost.
  if (!URL.canParse(url) || /\]:|^[^[]*:/.test(bracketed)) return undefined;
  return new URL(url).hostname.replace(/\.$/, '');
}

/** The four bytes of an IPv4 address as a URL spells it. */
export function ipv4Bytes(name: string): readonly number[] | undefined {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(name)) return undefined;
  return name.split('.').map(Number);
}

/** The eight groups of an IPv6 address as a URL spells it, without brackets. */
export function groupsOf(text: string): readonly number[] {
  const [head = '', tail] = text.split('::');
  const left = hexGroups(head);
  if (tail === undefined) return left;
  const right = hexGroups(tail);
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function hexGroups(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** Link-local 169.254.169.254 is most clouds'; the others are spelled out. */
const METADATA: ReadonlySet<string> = new Set([
  '169.254.169.254',
  // Containers of AWS.
  '169.254.170.2',
  '169.254.170.23',
  '[fd00:ec2::254]',
  '[fd00:ec2::23]',
  // Alibaba, Azure, Oracle.
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '[fd20:ce::254]',
  'metadata.google.internal',
  'metadata.goog',
  'metadata',
]);

type Ipv4Rule = readonly [first: string, bits: number, kind: AddressKind];

const IPV4_RULES: readonly Ipv4Rule[] = [
  ['0.0.0.0', 8, 'unspecified'],
  ['10.0.0.0', 8, 'private'],
  // Behind a provider's own translation.
  ['100.64.0.0', 10, 'private'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'linkLocal'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.0.2.0', 24, 'reserved'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'private'],
  ['198.51.100.0', 24, 'reserved'],
  ['203.0.113.0', 24, 'reserved'],
  ['224.0.0.0', 3, 'reserved'],
];

function kindOfIpv4(bytes: readonly number[]): AddressKind {
  const rule = IPV4_RULES.find(([first, bits]) => inIpv4(bytes, ipv4Bytes(first) ?? [], bits));
  return rule?.[2] ?? 'public';
}

function inIpv4(bytes: readonly number[], first: readonly number[], bits: number): boolean {
  const size = 2 ** (32 - bits);
  return Math.floor(numberOf(bytes) / size) === Math.floor(numberOf(first) / size);
}

function numberOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function kindOfIpv6(groups: readonly number[]): AddressKind {
  const [first = 0] = groups;
  if (groups.every((group) => group === 0)) return 'unspecified';
  if (groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1) return 'loopback';
  const inner = embeddedIpv4(groups);
  if (inner !== undefined) return METADATA.has(inner.join('.')) ? 'metadata' : kindOfIpv4(inner);
  if ((first & 0xffc0) === 0xfe80) return 'linkLocal';
  // Unique local, and the site-local addresses before them.
  if ((first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfec0) return 'private';
  return (first & 0xff00) === 0xff00 ? 'reserved' : 'public';
}

/** The IPv4 address in a mapped, compatible, translated (RFC 6052) or 6to4 address: packets end up there. */
function embeddedIpv4(groups: readonly number[]): readonly number[] | undefined {
  const startsWith = (...start: readonly number[]) =>
    start.every((group, index) => groups[index] === group);
  const at = (index: number) =>
    groups.slice(index, index + 2).flatMap((group) => [group >> 8, group & 0xff]);
  if (startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0, 0, 0, 0, 0, 0)) return at(6);
  if (startsWith(0, 0, 0, 0, 0xffff, 0) || startsWith(0x64, 0xff9b)) return at(6);
  return startsWith(0x2002) ? at(1) : undefined;
}
