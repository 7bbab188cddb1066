// R3, R5, R23: what a registry may send us to, by the spelling of the host.
import { describe, expect, it } from 'vitest';
import {
  type AddressKind,
  addressKind,
  canonicalHost,
  isLoopbackHost,
  maySendTo,
} from '../../src/registry/address.ts';

const KINDS: Readonly<Record<AddressKind, readonly string[]>> = {
  name: ['registry.example.com', 'docker.io', 'db', 'localhost.example.com', '10.example.com'],
  public: [
    '8.8.8.8',
    '172.32.0.1',
    '172.15.255.255',
    '11.0.0.1',
    '2606:4700::1111',
    '[2001:4860::1]',
  ],
  loopback: [
    'localhost',
    'LOCALHOST.',
    'a.b.localhost',
    '127.0.0.1',
    '127.255.1.2',
    '127.1',
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '127.0.0.1.',
    '①②⑦.0.0.1',
    '::1',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
  ],
  private: [
    '10.0.0.1',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '192.168.257',
    '100.64.0.1',
    '0xa000001',
    '[fc00::1]',
    'fdff:1::2',
    '[fec0::1]',
    '[::ffff:10.0.0.1]',
    '[::ffff:0:10.0.0.1]',
  ],
  linkLocal: ['169.254.0.1', '[fe80::1]', '[febf::1]', '[::ffff:169.254.1.1]'],
  unspecified: ['0.0.0.0', '0', '0.1.2.3', '::', '[::]', '[::ffff:0.0.0.0]'],
  metadata: [
    '169.254.169.254',
    '0xa9fea9fe',
    '2852039166',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '[fd00:ec2::254]',
    'fd00:0ec2::0254',
    '100.100.100.200',
    '168.63.129.16',
    'metadata.google.internal',
    'Metadata.Google.Internal.',
  ],
  reserved: [
    '255.255.255.255',
    '224.0.0.1',
    '240.0.0.1',
    '192.0.2.1',
    '[ff02::1]',
    '',
    'a b',
    'host:80',
    '[::1]:80',
    '[fe80::1%25eth0]',
    'user@host',
    '1.2.3.4.5',
    '256.256.256.256',
  ],
};

const rows = Object.entries(KINDS).flatMap(([kind, hosts]) => hosts.map((host) => [host, kind]));

describe('addressKind()', () => {
  it.each(rows)('takes %j for %s', (host, kind) => {
    expect(addressKind(host)).toBe(kind);
  });
});

describe('isLoopbackHost()', () => {
  it('knows this machine', () => {
    expect(KINDS.loopback.every(isLoopbackHost)).toBe(true);
    expect([...KINDS.name, ...KINDS.private, ...KINDS.unspecified].some(isLoopbackHost)).toBe(
      false,
    );
  });
});

describe('canonicalHost()', () => {
  it.each([
    ['Registry.Example.COM.', 'registry.example.com'],
    ['0x7f.1', '127.0.0.1'],
    ['::FFFF:127.0.0.1', '[::ffff:7f00:1]'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['a/b', undefined],
    ['a:1', undefined],
  ])('spells %j as %j', (host, canonical) => {
    expect(canonicalHost(host)).toBe(canonical);
  });
});

describe('R3: maySendTo()', () => {
  it.each([
    ['registry.example.com', 'cdn.example.net', true],
    ['registry.example.com', '8.8.8.8', true],
    ['registry.example.com', '127.0.0.1', false],
    ['registry.example.com', 'localhost', false],
    ['registry.example.com', '10.0.0.1', false],
    ['registry.example.com', '169.254.169.254', false],
    ['registry.example.com', '0.0.0.0', false],
    ['registry.example.com', '[::ffff:10.0.0.1]', false],
    ['8.8.8.8', '192.168.0.1', false],
    ['10.0.0.1', '10.0.0.2', true],
    ['10.0.0.1', '127.0.0.1', false],
    ['10.0.0.1', '0xa000001', true],
    ['localhost', '127.0.0.1', true],
    ['127.0.0.1', '10.0.0.1', false],
    ['127.0.0.1', '169.254.169.254', false],
    ['127.0.0.1', '0.0.0.0', false],
    ['169.254.1.1', '169.254.169.254', false],
    ['169.254.1.1', '169.254.1.1', true],
    ['0.0.0.0', '0', true],
    ['Registry.example.com', 'registry.example.com.', true],
  ])('from %s to %s: %s', (from, to, isAllowed) => {
    expect(maySendTo(from, to)).toBe(isAllowed);
  });
});
