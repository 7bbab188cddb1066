// Who may speak to a registry: challenges of real servers answered with passwords and tokens. R5 to R10, R35.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { isShipperError, type ShipperError } from '../../src/core/errors.ts';
import type { Clock } from '../../src/core/events.ts';
import type { Authorizer, Scope } from '../../src/registry/authorizer.ts';
import { createAuthorizer } from '../../src/registry/bearer.ts';
import type { HttpRequest, Send } from '../../src/registry/exchange.ts';
import type { RegistryHost } from '../../src/registry/host.ts';
import { createHosts, type HostChoice } from '../../src/registry/hosts.ts';
import { createKeychain } from '../../src/registry/keychain.ts';
import { nodeClock } from '../../src/system/node.ts';
import { hasOpenssl, makeCertificates } from '../support/certificates.ts';
import { startTokenServer, type TokenManners, type TokenServer } from '../support/token-server.ts';
import { everythingOf, failureOf, home, hostAt, plainSend, testContext } from './support.ts';

const PULL = ['repository:team/app:pull'];
const PUSH = ['repository:team/app:pull,push'];
const SECRET = randomBytes(12).toString('hex');

const ended: (Disposable | AsyncDisposable)[] = [];
afterEach(async () => {
  for (const each of ended.splice(0)) {
    if (Symbol.asyncDispose in each) await each[Symbol.asyncDispose]();
    else each[Symbol.dispose]();
  }
});

async function tokenServer(manners: TokenManners = {}): Promise<TokenServer> {
  const server = await startTokenServer(manners);
  ended.push(server);
  return server;
}

interface Desk {
  readonly authorizer: Authorizer;
  /** Everything that was sent. */
  readonly sent: HttpRequest[];
  ask(challenge: string | readonly string[], ask?: Partial<Ask>): Promise<string | undefined>;
}

interface Ask {
  readonly host: RegistryHost;
  readonly scopes: readonly Scope[];
  readonly used: string | undefined;
  readonly signal: AbortSignal;
}

const REGISTRY = hostAt('http://localhost:5000');

/** An authorizer; `auth` is what the docker configuration has for the registry, `.test` names lead to this machine. */
function desk(
  auth: object | undefined = undefined,
  options: { clock?: Clock; choice?: HostChoice; send?: Send } = {},
): Desk {
  const place = home();
  ended.push(place);
  if (auth !== undefined) place.write('.docker/config.json', auth);
  const sent: HttpRequest[] = [];
  const plain = options.send ?? plainSend();
  const send: Send = (ctx, host, request) => {
    sent.push(request);
    const url = new URL(request.url);
    if (url.hostname.endsWith('.test')) url.hostname = '127.0.0.1';
    return plain(ctx, host, { ...request, url });
  };
  const { system } = place;
  const clock = options.clock ?? nodeClock();
  const hosts = createHosts(system, options.choice ?? {}, send);
  const authorizer = createAuthorizer({ send, hosts, keychain: createKeychain(system), clock });
  return {
    authorizer,
    sent,
    ask(challenge, { host = REGISTRY, scopes = PULL, used, signal } = {}) {
      const ctx = testContext({ clock, ...(signal === undefined ? {} : { signal }) });
      return authorizer.challenged(ctx, host, scopes, [challenge].flat(), used);
    },
  };
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const userFor = (user: string, domain = REGISTRY.domain) => ({
  auths: { [domain]: { auth: base64(user) } },
});
const BASIC = `Basic ${base64(`me:${SECRET}`)}`;
const ME = userFor(`me:${SECRET}`);
const IDENTITY = { auths: { [REGISTRY.domain]: { identitytoken: SECRET } } };

describe('Basic', () => {
  it('is answered with the password, which is then sent from the start', async () => {
    const { authorizer, ask, sent } = desk(ME);
    expect(authorizer.current(REGISTRY, PULL)).toBeUndefined();
    expect(await ask('Basic realm="x"')).toBe(BASIC);
    expect(authorizer.current(REGISTRY, PUSH)).toBe(BASIC);
    expect(sent).toEqual([]);
  });

  it('R7: is not tried twice', async () => {
    expect(await desk(ME).ask('Basic realm="x"', { used: BASIC })).toBeUndefined();
  });

  it('is not answered by nobody', async () => {
    expect(await desk().ask('Basic realm="x"')).toBeUndefined();
    expect(await desk(IDENTITY).ask('Basic realm="x"')).toBeUndefined();
  });

  it('is for one host and namespace', async () => {
    const { auths } = userFor('team:p', `${REGISTRY.domain}/team`);
    const { authorizer, ask } = desk({ auths: { ...ME.auths, ...auths } });
    const other = ['repository:other/app:pull'];
    expect(await ask('Basic realm="x"')).toBe(`Basic ${base64('team:p')}`);
    expect(authorizer.current(REGISTRY, other)).toBeUndefined();
    expect(await ask('Basic realm="x"', { scopes: other })).toBe(BASIC);
    expect(authorizer.current(hostAt('http://localhost:5001'), PULL)).toBeUndefined();
    expect(authorizer.current(REGISTRY, PULL)).toBe(`Basic ${base64('team:p')}`);
  });
});

describe('Bearer', () => {
  it('is answered with a token of the server, by nobody', async () => {
    const server = await tokenServer();
    const { authorizer, ask } = desk();
    const header = await ask(server.challenge(PULL[0]));
    expect(server.accepts(header, PULL[0])).toBe(true);
    expect(authorizer.current(REGISTRY, PULL)).toBe(header);
    const { method, path, authorization, service, scopes } = server.requests[0] ?? {};
    expect({ method, path, authorization, service, scopes }).toEqual({
      method: 'GET',
      path: '/token',
      authorization: undefined,
      service: 'registry.test',
      scopes: PULL,
    });
  });

  it('is answered with a token for a user', async () => {
    const server = await tokenServer({ users: { me: SECRET } });
    expect(server.accepts(await desk(ME).ask(server.challenge()))).toBe(true);
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([BASIC]);
  });

  it.each(['token', 'access_token', 'both'] as const)('may be in %s', async (field) => {
    const server = await tokenServer({ field });
    expect(server.accepts(await desk().ask(server.challenge()))).toBe(true);
  });

  it('keeps the query of the realm', async () => {
    const server = await tokenServer();
    const { ask, sent } = desk();
    await ask(`Bearer realm="${server.realm}?service=own&x=1#y",service="a&b"`);
    expect(sent[0]?.url.href).toBe(
      `${server.realm}?service=own&x=1&service=a%26b&scope=repository%3Ateam%2Fapp%3Apull`,
    );
  });

  it('asks for the scope of the refused request first', async () => {
    const server = await tokenServer();
    const { ask } = desk();
    const scopes = ['repository:team/app:pull,push', 'repository:base:pull'];
    await ask(server.challenge('repository:base:pull repository:team/app:pull'), { scopes });
    expect(server.requests[0]?.scopes).toEqual([
      'repository:base:pull',
      'repository:team/app:pull,push',
    ]);
  });

  it('is kept for host and scopes, and for less than these', async () => {
    const server = await tokenServer();
    const { authorizer, ask } = desk();
    const header = await ask(server.challenge(), { scopes: PUSH });
    expect(authorizer.current(REGISTRY, PUSH)).toBe(header);
    expect(authorizer.current(REGISTRY, PULL)).toBe(header);
    expect(authorizer.current(REGISTRY, ['repository:other:pull'])).toBeUndefined();
    expect(authorizer.current(REGISTRY, [...PUSH, 'repository:b:pull'])).toBeUndefined();
    expect(authorizer.current(hostAt('http://localhost:5001'), PULL)).toBeUndefined();
  });

  it('is preferred to Basic, unless it has no realm', async () => {
    const server = await tokenServer();
    const { ask } = desk(ME);
    expect(await ask(['Basic realm="x"', server.challenge()])).toMatch(/^Bearer /);
    expect(await desk(ME).ask('Bearer service="x", Basic realm="x"')).toBe(BASIC);
  });

  it('is a registry token as it is', async () => {
    const { ask, sent } = desk({ auths: { [REGISTRY.domain]: { registrytoken: SECRET } } });
    const used = await ask('Bearer realm="https://auth.example/t"');
    expect(used).toBe(`Bearer ${SECRET}`);
    expect(await ask('Bearer realm="https://auth.example/t"', { used })).toBeUndefined();
    expect(sent).toEqual([]);
  });

  it('is fetched once for many who wait', async () => {
    const server = await tokenServer({ delayMs: 50 });
    const { ask } = desk();
    const all = await Promise.all(Array.from({ length: 40 }, () => ask(server.challenge())));
    expect(new Set(all).size).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it('is still fetched when the one who asked first is cancelled', async () => {
    const server = await tokenServer({ delayMs: 100 });
    const { ask } = desk();
    const controller = new AbortController();
    const first = ask(server.challenge(), { signal: controller.signal });
    const second = ask(server.challenge());
    await new Promise((resolve) => setTimeout(resolve, 30));
    controller.abort();
    expect((await failureOf(first)).code).toBe('INTERRUPTED');
    expect(server.accepts(await second)).toBe(true);
  });
});

describe('identity tokens', () => {
  it('are exchanged in a POST', async () => {
    const server = await tokenServer({ identities: [SECRET], field: 'access_token' });
    const header = await desk(IDENTITY).ask(server.challenge(), { scopes: [...PUSH, 'a:b:c'] });
    expect(server.accepts(header, 'repository:team/app:push')).toBe(true);
    expect(server.requests).toMatchObject([
      {
        method: 'POST',
        authorization: undefined,
        form: {
          grant_type: 'refresh_token',
          service: 'registry.test',
          client_id: 'shipper',
          scope: 'repository:team/app:pull,push a:b:c',
          refresh_token: SECRET,
        },
      },
    ]);
  });

  it.each([404, 405])('are a password where a POST is answered with %i', async (postStatus) => {
    const server = await tokenServer({ postStatus, users: { '<token>': SECRET } });
    expect(server.accepts(await desk(IDENTITY).ask(server.challenge()))).toBe(true);
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it('are a password of the user that is known', async () => {
    const server = await tokenServer({ postStatus: 404, users: { me: SECRET } });
    const entry = { auth: base64('me:'), identitytoken: SECRET };
    const header = await desk({ auths: { [REGISTRY.domain]: entry } }).ask(server.challenge());
    expect(server.accepts(header)).toBe(true);
  });

  it('are replaced by what the server gives', async () => {
    const server = await tokenServer({ identities: [SECRET], nextIdentity: 'second' });
    const { ask } = desk(IDENTITY);
    const used = await ask(server.challenge());
    server.revoke();
    expect(server.accepts(await ask(server.challenge(), { used }))).toBe(true);
    expect(server.requests.map(({ form }) => form['refresh_token'])).toEqual([SECRET, 'second']);
  });
});

describe('R5: realms', () => {
  const secure = hostAt('https://reg.test');
  const bare = hostAt('http://reg.test', { isInsecure: true });
  const inside = hostAt('http://10.0.0.1', { isInsecure: true });

  const REFUSED = [
    [secure, 'http://auth.test/t', '"auth.test" speaks plain http'],
    [secure, 'http://reg.test/t', '"reg.test" speaks plain http'],
    [hostAt('https://localhost'), 'http://localhost/t', '"localhost" speaks plain http'],
    [secure, 'https://10.0.0.1/t', '"10.0.0.1" has a private address'],
    [secure, 'https://169.254.169.254/t', '"169.254.169.254" has a private address'],
    [secure, 'https://127.0.0.1/t', '"127.0.0.1" has a private address'],
    [secure, 'https://localhost:8080/t', '"localhost:8080" has a private address'],
    [secure, 'https://[::1]/t', '"[::1]" has a private address'],
    [secure, 'https://0x7f.1/t', '"127.0.0.1" has a private address'],
    [secure, 'https://[::ffff:10.0.0.1]/t', '"[::ffff:a00:1]" has a private address'],
    [secure, 'https://0.0.0.0/t', '"0.0.0.0" has a private address'],
    [bare, 'http://169.254.169.254/t', '"169.254.169.254" has a private address'],
    [inside, 'http://169.254.169.254/t', '"169.254.169.254" has a private address'],
    [REGISTRY, 'http://10.0.0.1/t', '"10.0.0.1" has a private address'],
    [secure, 'https://user:pw@auth.test/t', '"auth.test" is named with a user'],
    [secure, '/token', 'is not a URL'],
    [secure, '', 'is not a URL'],
    [secure, 'ftp://auth.test', 'is not a URL'],
    [secure, 'file:///etc/passwd', 'is not a URL'],
    [secure, `https://auth.test/${'x'.repeat(10_000)}`, 'is not a URL'],
  ] as const;
  const rows = REFUSED.map(([host, realm, state]) => ({ host, realm, state }));
  it.each(rows)('of $host.origin at $realm are refused', async ({ host, realm, state }) => {
    for (const auth of [undefined, userFor(`me:${SECRET}`, host.domain)]) {
      const { ask, sent } = desk(auth);
      const error = await failureOf(ask(`Bearer realm="${realm}"`, { host }));
      expect(error.code).toBe('UNAUTHORIZED');
      expect(error.message).toContain(`Cannot log in to ${host.domain}: `);
      expect(error.message).toContain(state);
      expect(everythingOf(error)).not.toMatch(new RegExp(`${SECRET}|pw`));
      expect(sent).toEqual([]);
    }
  });

  it('in plain http of another host get no credentials', async () => {
    const server = await tokenServer();
    const realm = server.realm.replace('127.0.0.1', 'auth.test');
    const challenge = `Bearer realm="${realm}"`;
    const { ask, sent } = desk(userFor(`me:${SECRET}`, 'reg.test'));
    const error = await failureOf(ask(challenge, { host: bare }));
    expect(error.message).toMatch(
      /^Cannot log in to reg.test: its token server "auth.test:\d+" speaks plain http, and credentials must not be sent there$/,
    );
    expect(sent).toEqual([]);
    expect(server.accepts(await desk().ask(challenge, { host: bare }))).toBe(true);
  });

  it('in plain http get credentials where the user has listed them, or they are the registry', async () => {
    const server = await tokenServer({ users: { me: SECRET } });
    const me = userFor(`me:${SECRET}`, 'reg.test');
    const at = (name: string) => `Bearer realm="${server.realm.replace('127.0.0.1', name)}"`;
    const listed = desk(me, { choice: { insecure: ['auth.test'] } });
    expect(server.accepts(await listed.ask(at('auth.test'), { host: bare }))).toBe(true);
    expect(server.accepts(await desk(me).ask(at('reg.test'), { host: bare }))).toBe(true);
    expect(server.accepts(await desk(ME).ask(at('127.0.0.1')))).toBe(true);
  });

  it.skipIf(!hasOpenssl())(
    'are trusted by the authority of the registry, not by its leniency',
    async () => {
      const { ca, cert, key } = makeCertificates();
      const server = await startTokenServer({}, { cert, key });
      ended.push(server);
      // Only the name leads to this machine: it is not one that is always insecure.
      const challenge = `Bearer realm="${server.realm.replace('127.0.0.1', 'auth.test')}"`;
      const trusting = { ...secure, tls: { ca, cert, key } };
      expect(server.accepts(await desk().ask(challenge, { host: trusting }))).toBe(true);
      const lenient = { ...secure, isInsecure: true };
      expect((await failureOf(desk().ask(challenge, { host: lenient }))).code).toBe(
        'REGISTRY_UNREACHABLE',
      );
    },
  );
});

describe('R6: challenges', () => {
  it.each([
    ['Bearer realm="https://auth', 'its challenge cannot be understood'],
    [`Bearer realm="${'x'.repeat(1_048_576)}"`, 'its challenge cannot be understood'],
    ['', 'its challenge cannot be understood'],
    ['Negotiate', 'it asks for "negotiate", which is neither Basic nor Bearer'],
    ['Digest realm="x"', 'it asks for "digest", which is neither Basic nor Bearer'],
    ['Bearer service="x"', 'the realm of its challenge is not a URL'],
  ])('such as %.40s are refused', async (challenge, state) => {
    const error = await failureOf(desk(ME).ask(challenge));
    expect(error.code).toBe('UNAUTHORIZED');
    expect(error.message).toBe(`Cannot log in to localhost:5000: ${state}`);
  });

  it('that are not there are not answered', async () => {
    expect(await desk(ME).ask([])).toBeUndefined();
  });

  it('that are unknown are passed over where one is known', async () => {
    expect(await desk(ME).ask('Negotiate, Basic realm="x"')).toBe(BASIC);
  });
});

/** What a client does with a request: once, and again with what the authorizer gives, while it gives something. */
async function persist(
  { authorizer, ask }: Desk,
  accepts: (header: string | undefined) => boolean,
  challenge: string,
  scopes: readonly Scope[] = PULL,
): Promise<{ tries: number; isGood: boolean }> {
  let used = authorizer.current(REGISTRY, scopes);
  for (let tries = 1; ; tries += 1) {
    if (accepts(used)) return { tries, isGood: true };
    const next = await ask(challenge, { scopes, used });
    if (next === undefined || tries > 20) return { tries, isGood: false };
    used = next;
  }
}

describe('R7: a registry that always says 401', () => {
  it('gets one token, one more, and that is it', async () => {
    const server = await tokenServer();
    const result = await persist(desk(), () => false, server.challenge(PULL[0]));
    expect(result).toEqual({ tries: 3, isGood: false });
    expect(server.requests).toHaveLength(2);
  });

  it('ends for many requests at once', async () => {
    const server = await tokenServer({ delayMs: 5 });
    const here = desk();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => persist(here, () => false, server.challenge(PULL[0]))),
    );
    expect(all.every(({ tries, isGood }) => tries <= 4 && !isGood)).toBe(true);
    expect(server.requests.length).toBeLessThanOrEqual(3);
  });

  it('ends with a password after one try', async () => {
    const result = await persist(desk(ME), () => false, 'Basic realm="x"');
    expect(result).toEqual({ tries: 2, isGood: false });
  });
});

describe('R8: a token that ends before its time', () => {
  it('is renewed once, for all who were refused', async () => {
    const server = await tokenServer({ expiresIn: 3600 });
    const here = desk();
    const accepts = (header: string | undefined) => server.accepts(header, PULL[0]);
    expect(await persist(here, accepts, server.challenge())).toEqual({ tries: 2, isGood: true });
    server.revoke();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => persist(here, accepts, server.challenge())),
    );
    expect(all.every(({ tries, isGood }) => tries === 2 && isGood)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  it('is renewed as often as it ends', async () => {
    const clock = new HandClock();
    const server = await tokenServer({ expiresIn: 3600 });
    const here = desk(undefined, { clock });
    for (let round = 0; round < 5; round++) {
      const result = await persist(here, (header) => server.accepts(header), server.challenge());
      expect(result).toEqual({ tries: 2, isGood: true });
      server.revoke();
      clock.passMs(60_000);
    }
  });

  it('is not renewed by one whose token is older', async () => {
    const server = await tokenServer();
    const { ask } = desk();
    const first = await ask(server.challenge());
    const second = await ask(server.challenge(), { used: first });
    expect(second).not.toBe(first);
    expect(await ask(server.challenge(), { used: first })).toBe(second);
    expect(server.requests).toHaveLength(2);
  });
});

describe('R9: token servers', () => {
  it.each<readonly [string, TokenManners, Partial<ShipperError>]>([
    [
      'that say no JSON',
      { body: `<html>${SECRET}</html>` },
      { code: 'REGISTRY', message: 'did not answer with a JSON object' },
    ],
    [
      'that say a list',
      { body: '[]' },
      { code: 'REGISTRY', message: 'did not answer with a JSON' },
    ],
    ['that say nothing', { body: '' }, { code: 'REGISTRY', message: 'did not answer with a JSON' }],
    [
      'without a token',
      { body: `{"other":"${SECRET}"}` },
      { code: 'REGISTRY', message: 'answered without a token' },
    ],
    [
      'with a token of another type',
      { body: `{"token":["${SECRET}"],"access_token":""}` },
      { code: 'REGISTRY', message: 'answered without a token' },
    ],
    [
      'with a token that breaks headers',
      { body: JSON.stringify({ token: `${SECRET}\r\nx: y` }) },
      { code: 'REGISTRY', message: 'gave a token that cannot be sent in a header' },
    ],
    [
      'that never stop',
      { body: 'endless' },
      { code: 'LIMIT_EXCEEDED', message: 'answered with more than 1048576 bytes' },
    ],
    [
      'that want a password',
      { users: { you: 'x' } },
      { code: 'UNAUTHORIZED', message: 'does not accept the credentials from' },
    ],
    ['that refuse', { status: 403 }, { code: 'UNAUTHORIZED', message: '(403)' }],
    [
      'that fail',
      { status: 500 },
      { code: 'REGISTRY', message: 'answered with 500', retryable: true },
    ],
    [
      'that are busy',
      { status: 429, headers: { 'retry-after': '7' } },
      { code: 'REGISTRY', retryable: true, details: { retryAfterMs: 7000 } },
    ],
    ['that are not there', { status: 404 }, { code: 'REGISTRY', retryable: false }],
    [
      'that send us on',
      { status: 307, headers: { location: 'http://10.0.0.1/' } },
      { code: 'REGISTRY', message: 'answered with 307', retryable: false },
    ],
  ])('%s', async (_what, manners, { message = '', ...expected }) => {
    const server = await tokenServer(manners);
    for (const auth of [ME, IDENTITY]) {
      const error = await failureOf(desk(auth).ask(server.challenge()));
      expect(error).toMatchObject(expected);
      const start = `Cannot log in to localhost:5000: token server "${new URL(server.realm).host}" `;
      expect(error.message.startsWith(start)).toBe(true);
      expect(error.message).toContain(message);
      expect(everythingOf(error)).not.toContain(SECRET);
      expect(everythingOf(error)).not.toContain(base64(`me:${SECRET}`));
    }
  });

  it('that want somebody say so to nobody', async () => {
    const server = await tokenServer({ users: { me: SECRET } });
    const error = await failureOf(desk().ask(server.challenge()));
    expect(error.message).toContain(' gives no token without credentials (401)');
    expect(error.hint).toContain('docker login localhost:5000');
  });

  it('that are gone', async () => {
    const server = await startTokenServer();
    await server[Symbol.asyncDispose]();
    const error = await failureOf(desk(ME).ask(server.challenge()));
    expect(error.code).toBe('REGISTRY_UNREACHABLE');
    expect(everythingOf(error)).not.toContain(SECRET);
  });

  it.each(['silent', 'slow'])('that are %s', async (kind) => {
    const server = await tokenServer(kind === 'silent' ? { body: 'silent' } : { delayMs: 60_000 });
    // The time runs out at once.
    const clock = { ...nodeClock(), sleep: async (ms: number) => nodeClock().sleep(ms / 300) };
    const error = await failureOf(desk(ME, { clock }).ask(server.challenge()));
    expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(error.message).toContain('gave no token within 30 s');
  });

  it('that are slow are not waited for once the run is cancelled', async () => {
    const server = await tokenServer({ body: 'silent' });
    const controller = new AbortController();
    const asking = desk().ask(server.challenge(), { signal: controller.signal });
    controller.abort();
    expect((await failureOf(asking)).code).toBe('INTERRUPTED');
  });

  it('that failed are asked again', async () => {
    const server = await tokenServer({ status: 503, failures: 1 });
    const { ask } = desk();
    expect(isShipperError(await failureOf(ask(server.challenge())), 'REGISTRY')).toBe(true);
    expect(server.accepts(await ask(server.challenge()))).toBe(true);
  });
});

describe('R10: insufficient_scope', () => {
  it('is answered with a token for more', async () => {
    const server = await tokenServer();
    const here = desk();
    const first = await here.ask(server.challenge(PULL[0]));
    const challenge = server.challenge('repository:team/app:push', 'insufficient_scope');
    const second = await here.ask(challenge, { used: first });
    expect(server.accepts(second, 'repository:team/app:push')).toBe(true);
    expect(server.accepts(second, 'repository:team/app:pull')).toBe(true);
    expect(here.authorizer.current(REGISTRY, PUSH)).toBe(second);
  });

  it('is answered where the server reads one scope only', async () => {
    const server = await tokenServer({ readsOneScope: true });
    const scopes = ['repository:team/app:pull,push', 'repository:base:pull'];
    const { ask } = desk();
    const header = await ask(server.challenge('repository:base:pull'), { scopes });
    expect(server.accepts(header, 'repository:base:pull')).toBe(true);
  });

  it('ends where no more is granted', async () => {
    const server = await tokenServer({ grants: ['pull'] });
    const wanted = 'repository:team/app:push';
    const challenge = server.challenge(wanted, 'insufficient_scope');
    const accepts = (header: string | undefined) => server.accepts(header, wanted);
    const result = await persist(desk(), accepts, challenge, PUSH);
    expect(result).toEqual({ tries: 3, isGood: false });
  });

  it('ends where ever more is asked for', async () => {
    const server = await tokenServer();
    const { ask } = desk();
    let used: string | undefined;
    let rounds = 0;
    do {
      rounds += 1;
      used = await ask(server.challenge(`repository:r${rounds}:pull`), { used });
    } while (used !== undefined && rounds < 20);
    expect(rounds).toBeLessThan(5);
  });
});

/** A clock that tests turn by hand; `now` is wherever it is put. */
class HandClock implements Clock {
  #nowMs = 1000;
  readonly #epochMs: number;

  constructor(epochMs: number = Date.now()) {
    this.#epochMs = epochMs;
  }

  passMs(ms: number): void {
    this.#nowMs += ms;
  }

  now(): number {
    return this.#epochMs + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return nodeClock().sleep(ms, signal);
  }
}

describe('R35: the life of a token', () => {
  const TEN_YEARS_MS = 315_576_000_000;

  it.each([
    ['as said', { expiresIn: 300 }, 300],
    ['said as a text', { expiresIn: '300' }, 300],
    ['short', { expiresIn: 1 }, 1],
    ['not said', {}, 60],
    ['nonsense', { expiresIn: 'soon' }, 60],
    ['negative', { expiresIn: -5 }, 60],
    ['zero', { expiresIn: 0 }, 60],
    ['null', { expiresIn: null }, 60],
    ['from the future', { expiresIn: 300, issuedAt: '2199-01-01T00:00:00Z' }, 300],
    ['from the past', { expiresIn: 300, issuedAt: '1999-01-01T00:00:00Z' }, 300],
  ] as const)('%s', async (_what, manners, seconds) => {
    for (const offsetMs of [0, TEN_YEARS_MS, -TEN_YEARS_MS]) {
      const clock = new HandClock(Date.now() + offsetMs);
      const server = await tokenServer(manners);
      const { authorizer, ask } = desk(undefined, { clock });
      const header = await ask(server.challenge());
      clock.passMs(seconds * 1000 - 1);
      expect(authorizer.current(REGISTRY, PULL)).toBe(header);
      clock.passMs(1);
      expect(authorizer.current(REGISTRY, PULL)).toBeUndefined();
    }
  });
});
