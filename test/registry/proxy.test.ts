// R34: which proxy, and that its password is not told.
import { describe, expect, it } from 'vitest';
import { isInRange, splitHostPort } from '../../src/registry/network.ts';
import { proxyFor, withoutCredentials } from '../../src/registry/proxy.ts';
import { everythingOf } from './support.ts';

type Env = Readonly<Record<string, string>>;
const P = 'http://proxy:3128';
const BOTH: Env = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://secure:2' };

describe('proxyFor()', () => {
  it.each<readonly [Env, string, string | undefined]>([
    [{}, 'https://reg.example', undefined],
    [BOTH, 'https://reg.example', 'http://secure:2/'],
    [BOTH, 'http://reg.example', 'http://plain:1/'],
    [{ HTTP_PROXY: P }, 'https://reg.example', undefined],
    [{ https_proxy: P }, 'https://reg.example', `${P}/`],
    [{ http_proxy: P }, 'http://reg.example', `${P}/`],
    [{ HTTPS_PROXY: 'http://upper:1', https_proxy: P }, 'https://reg.example', 'http://upper:1/'],
    [{ HTTPS_PROXY: '', https_proxy: P }, 'https://reg.example', `${P}/`],
    [{ HTTPS_PROXY: '  ' }, 'https://reg.example', undefined],
    [{ HTTPS_PROXY: 'proxy:3128' }, 'https://reg.example', `${P}/`],
    [{ HTTPS_PROXY: 'https://proxy' }, 'https://reg.example', 'https://proxy/'],
    [{ HTTPS_PROXY: 'http://u:p@proxy:1' }, 'https://reg.example', 'http://u:p@proxy:1/'],
    [{ HTTPS_PROXY: 'u:p@proxy:1' }, 'https://reg.example', 'http://u:p@proxy:1/'],
    [{ HTTP_PROXY: P, REQUEST_METHOD: 'GET' }, 'http://reg.example', undefined],
    [{ HTTPS_PROXY: P, REQUEST_METHOD: 'GET' }, 'https://reg.example', `${P}/`],
    [BOTH, 'http://localhost:5000', undefined],
    [BOTH, 'http://127.0.0.2:5000', undefined],
    [BOTH, 'https://[::1]:5000', undefined],
    [BOTH, 'http://a.localhost', undefined],
    [BOTH, 'http://10.0.0.1', 'http://plain:1/'],
  ])('%j for %s: %s', (env, url, proxy) => {
    expect(proxyFor(env, new URL(url))).toBe(proxy);
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['*', 'https://reg.example', true],
    ['reg.example', 'https://reg.example', true],
    ['REG.Example', 'https://reg.example', true],
    ['reg.example', 'https://a.b.reg.example', true],
    ['reg.example', 'https://areg.example', false],
    ['.reg.example', 'https://reg.example', false],
    ['.reg.example', 'https://a.reg.example', true],
    ['*.reg.example', 'https://a.reg.example', true],
    ['*.reg.example', 'https://reg.example', false],
    ['reg.example:5000', 'https://reg.example:5000', true],
    ['reg.example:5000', 'https://reg.example', false],
    ['reg.example:443', 'https://reg.example', true],
    ['reg.example:80', 'http://reg.example', true],
    ['.example:5000', 'https://reg.example:5000', true],
    ['a, b ,reg.example', 'https://reg.example', true],
    ['a b reg.example', 'https://reg.example', true],
    [',,', 'https://reg.example', false],
    ['10.0.0.1', 'https://10.0.0.1', true],
    ['10.0.0.1', 'https://10.0.0.12', false],
    ['10.0.0.1:5000', 'https://10.0.0.1:5000', true],
    ['10.0.0.0/8', 'https://10.20.30.40:5000', true],
    ['10.0.0.0/8', 'https://11.0.0.1', false],
    ['192.168.4.0/22', 'https://192.168.7.255', true],
    ['192.168.4.0/22', 'https://192.168.8.0', false],
    ['0.0.0.0/0', 'https://8.8.8.8', true],
    ['10.0.0.0/8', 'https://reg.example', false],
    ['10.0.0.0/8', 'https://[::ffff:10.0.0.1]', true],
    ['fd00::/8', 'https://[fd12::1]', true],
    ['fd00::/8', 'https://[fe80::1]', false],
    ['fd12::1', 'https://[fd12::1]', true],
    ['[fd12::1]', 'https://[fd12::1]', true],
    ['[fd12::1]:5000', 'https://[fd12::1]:5000', true],
    ['[fd12::1]:5000', 'https://[fd12::1]', false],
    ['10.0.0.0/33', 'https://10.0.0.0', false],
    ['10.0.0.0/x', 'https://10.0.0.0', false],
    ['reg.example/8', 'https://reg.example', false],
  ])('%s for %s: %s', (list, url, isExempt) => {
    const env = { HTTPS_PROXY: P, HTTP_PROXY: P };
    expect(proxyFor({ ...env, NO_PROXY: list }, new URL(url)) === undefined).toBe(isExempt);
    expect(proxyFor({ ...env, no_proxy: list }, new URL(url)) === undefined).toBe(isExempt);
  });
});

describe('R34: the password of a proxy', () => {
  it('is not shown', () => {
    expect(withoutCredentials('http://user:s3cr3t@proxy:3128/')).toBe('http://proxy:3128');
  });

  it.each([
    'socks5://user:s3cr3t@proxy',
    'http://user:s3cr3t@',
    'http://user:s3cr3t@:x',
    'ftp://s3cr3t@p',
  ])('is not in the refusal of %s', (value) => {
    let thrown: unknown;
    try {
      proxyFor({ HTTPS_PROXY: value }, new URL('https://reg.example'));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'USAGE' });
    expect(everythingOf(thrown)).toContain('Cannot use the proxy of HTTPS_PROXY: ');
    expect(everythingOf(thrown)).not.toContain('s3cr3t');
  });
});

describe('splitHostPort()', () => {
  it.each([
    ['h', 'h', undefined],
    ['h:1', 'h', '1'],
    ['[::1]:1', '[::1]', '1'],
    ['::1', '::1', undefined],
    ['fd12::1', 'fd12::1', undefined],
  ])('takes %s apart', (text, host, port) => {
    expect(splitHostPort(text)).toEqual({ host, port });
  });
});

describe('isInRange()', () => {
  it('knows ranges to the bit', () => {
    expect(isInRange('10.0.0.127', '10.0.0.0/25')).toBe(true);
    expect(isInRange('10.0.0.128', '10.0.0.0/25')).toBe(false);
    expect(isInRange('::1', '::1/128')).toBe(true);
    expect(isInRange('::2', '::1/128')).toBe(false);
    expect(isInRange('10.0.0.1', '10.0.0.0/8/9')).toBe(false);
  });
});
