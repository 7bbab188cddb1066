// Where credentials come from, and which come first; helpers that answer, fail, lie and hang.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKeychain, type Keychain } from '../../src/registry/keychain.ts';
import { everythingOf, failureOf, type Home, home, testContext } from './support.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
/** A file that says for `domain` that the user is `user`. */
const authFor = (user: string, domain: string = 'h.example') => ({
  auths: { [domain]: { auth: base64(`${user}:p`) } },
});

async function found(keychain: Keychain, domain = 'h.example', path?: string, isMirror = false) {
  const credentials = await keychain.find(testContext(), { domain, isMirror }, path);
  if (credentials === undefined) return undefined;
  const { login, source } = credentials;
  const who = login.kind === 'basic' ? login.username : `${login.kind} ${login.token}`;
  return { who, source };
}

/** Every source, the strongest first, each with a user of its own name. */
const SOURCES = [
  'authfile',
  'creds',
  'DOCKER_AUTH_CONFIG',
  'REGISTRY_AUTH_FILE',
  'docker',
  'podman runtime',
  'podman config',
] as const;

function homeWith(sources: readonly string[]): { place: Home; keychain: Keychain } {
  const has = (source: (typeof SOURCES)[number]) => sources.includes(source);
  const place = home({
    XDG_RUNTIME_DIR: '~/run',
    ...(has('DOCKER_AUTH_CONFIG')
      ? { DOCKER_AUTH_CONFIG: JSON.stringify(authFor('DOCKER_AUTH_CONFIG')) }
      : {}),
    ...(has('REGISTRY_AUTH_FILE') ? { REGISTRY_AUTH_FILE: '~/named.json' } : {}),
  });
  const files = {
    authfile: 'given.json',
    REGISTRY_AUTH_FILE: 'named.json',
    docker: '.docker/config.json',
    'podman runtime': 'run/containers/auth.json',
    'podman config': '.config/containers/auth.json',
  };
  for (const [source, name] of Object.entries(files)) {
    if (sources.includes(source)) place.write(name, authFor(source));
  }
  const keychain = createKeychain(place.system, {
    ...(has('authfile') ? { authfile: 'given.json' } : {}),
    ...(has('creds') ? { creds: 'creds:p' } : {}),
  });
  return { place, keychain };
}

describe('the order of sources', () => {
  it.each(
    SOURCES.map((source, index) => [source, index] as const),
  )('puts %s before all that come later', async (source, index) => {
    const { place, keychain } = homeWith(SOURCES.slice(index));
    using _ = place;
    expect((await found(keychain))?.who).toBe(source);
  });

  it('goes on to the last where the others have nothing for the host', async () => {
    using place = home({
      XDG_RUNTIME_DIR: '~/run',
      DOCKER_AUTH_CONFIG: JSON.stringify(authFor('a', 'other')),
      REGISTRY_AUTH_FILE: '~/not-there.json',
    });
    place.write('given.json', authFor('b', 'other'));
    place.write('.docker/config.json', { auths: { 'h.example': {} } });
    place.write('run/containers/auth.json', '');
    const last = place.write('.config/containers/auth.json', authFor('last'));
    const keychain = createKeychain(place.system, { authfile: 'given.json' });
    expect(await found(keychain)).toEqual({ who: 'last', source: last });
    expect(await found(keychain, 'nowhere.example')).toBeUndefined();
  });

  it('has nothing in an empty home', async () => {
    using place = home();
    expect(await found(createKeychain(place.system))).toBeUndefined();
  });

  it('heeds DOCKER_CONFIG and XDG_CONFIG_HOME', async () => {
    using place = home({ DOCKER_CONFIG: '~/d', XDG_CONFIG_HOME: '~/c' });
    place.write('.docker/config.json', authFor('no'));
    place.write('.config/containers/auth.json', authFor('no'));
    const podman = place.write('c/containers/auth.json', authFor('podman'));
    expect(await found(createKeychain(place.system))).toEqual({ who: 'podman', source: podman });
    place.write('d/config.json', authFor('docker'));
    expect((await found(createKeychain(place.system)))?.who).toBe('docker');
  });

  it('gives --creds to no mirror', async () => {
    using place = home();
    place.write('.docker/config.json', authFor('docker'));
    const keychain = createKeychain(place.system, { creds: 'creds:p' });
    expect((await found(keychain, 'h.example', 'a/b', true))?.who).toBe('docker');
    expect(await found(keychain, 'mirror.example', 'a/b', true)).toBeUndefined();
    expect((await found(keychain, 'h.example', 'a/b'))?.who).toBe('creds');
  });

  it('takes namespaces into account', async () => {
    using place = home();
    const auths = { ...authFor('host').auths, ...authFor('team', 'h.example/team').auths };
    place.write('.docker/config.json', { auths });
    const keychain = createKeychain(place.system);
    expect((await found(keychain, 'h.example', 'team/app'))?.who).toBe('team');
    expect((await found(keychain, 'h.example', 'other/app'))?.who).toBe('host');
    expect((await found(keychain, 'h.example'))?.who).toBe('host');
  });
});

describe('files that cannot be used', () => {
  it('are refused when they were asked for', async () => {
    using place = home();
    const error = await failureOf(found(createKeychain(place.system, { authfile: 'no.json' })));
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toBe('Cannot read no.json: it does not exist');
  });

  it('are named', async () => {
    using place = home();
    const path = place.write('.docker/config.json', '{"auths": s3cr3t');
    const error = await failureOf(found(createKeychain(place.system)));
    expect(error.message).toBe(`Cannot read ${path}: it is not a JSON object`);
    expect(everythingOf(error)).not.toContain('s3cr3t');
  });

  it('may be a variable', async () => {
    using place = home({ DOCKER_AUTH_CONFIG: 's3cr3t' });
    const error = await failureOf(found(createKeychain(place.system)));
    expect(error.message).toBe('Cannot read DOCKER_AUTH_CONFIG: it is not a JSON object');
  });

  it('stop at 4 MiB', async () => {
    using place = home();
    place.write('.docker/config.json', ' '.repeat(5_000_000));
    const error = await failureOf(found(createKeychain(place.system)));
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });
});

const answer = (Username: string, Secret: string) =>
  `cat >/dev/null; echo '${JSON.stringify({ ServerURL: 'x', Username, Secret })}'`;

describe('helpers', () => {
  it('are asked by the name that docker has for the registry', async () => {
    using place = home();
    place.helper(
      'test',
      `cat >"$HOME_OF_TEST/asked"; echo "$1" >>"$HOME_OF_TEST/asked"; echo '{}'`,
    );
    place.write('.docker/config.json', { credsStore: 'test' });
    const env = { ...place.system.env, HOME_OF_TEST: place.folder };
    const keychain = createKeychain({ ...place.system, env });
    const asked = () => readFileSync(join(place.folder, 'asked'), 'utf8');
    expect(await found(keychain, 'docker.io', 'library/a')).toBeUndefined();
    expect(asked()).toBe('https://index.docker.io/v1/get\n');
    expect(await found(keychain, 'h.example:5000')).toBeUndefined();
    expect(asked()).toBe('h.example:5000get\n');
  });

  it('are asked before the file counts, and those of the host before the store', async () => {
    using place = home();
    place.helper('store', answer('of-store', 'x'));
    place.helper('host', answer('of-host', 'x'));
    place.write('.docker/config.json', {
      ...authFor('of-file'),
      credsStore: 'store',
      credHelpers: { 'a.example': 'host', 'b.example': '' },
    });
    const keychain = createKeychain(place.system);
    expect(await found(keychain)).toEqual({ who: 'of-store', source: 'docker-credential-store' });
    expect((await found(keychain, 'a.example'))?.who).toBe('of-host');
    expect(await found(keychain, 'b.example')).toBeUndefined();
  });

  it('may give an identity token', async () => {
    using place = home();
    place.helper('test', answer('<token>', 'it'));
    place.write('.docker/config.json', { credsStore: 'test' });
    expect((await found(createKeychain(place.system)))?.who).toBe('identity it');
  });

  it('have nothing, and the file counts', async () => {
    using place = home();
    place.helper('test', 'echo "credentials not found in native keychain"; exit 1');
    place.write('.docker/config.json', { credsStore: 'test' });
    expect(await found(createKeychain(place.system))).toBeUndefined();
    place.write('.docker/config.json', { credsStore: 'test', ...authFor('file') });
    expect((await found(createKeychain(place.system)))?.who).toBe('file');
  });

  it('are asked once, however many want to know', async () => {
    using place = home();
    place.helper('test', `echo x >>"$0.asked"; sleep 0.1; ${answer('u', 'p')}`);
    place.write('.docker/config.json', { credsStore: 'test' });
    const keychain = createKeychain(place.system);
    await Promise.all(Array.from({ length: 20 }, () => found(keychain)));
    await found(keychain);
    const asked = readFileSync(join(place.folder, 'bin/docker-credential-test.asked'), 'utf8');
    expect(asked).toBe('x\n');
  });

  it('outlive the one who asked first and was cancelled', async () => {
    using place = home();
    place.helper('test', `sleep 0.3; ${answer('u', 'p')}`);
    place.write('.docker/config.json', { credsStore: 'test' });
    const keychain = createKeychain(place.system);
    const controller = new AbortController();
    const host = { domain: 'h.example', isMirror: false };
    const first = keychain.find(testContext({ signal: controller.signal }), host, undefined);
    const second = found(keychain);
    // Both must be waiting: reading the file takes a moment.
    await new Promise((resolve) => setTimeout(resolve, 100));
    controller.abort();
    expect((await failureOf(first)).code).toBe('INTERRUPTED');
    expect((await second)?.who).toBe('u');
  });

  it('that are not installed are told of, and passed over', async () => {
    using place = home();
    place.write('.docker/config.json', { credsStore: 'not-here', ...authFor('file') });
    const ctx = testContext();
    const keychain = createKeychain(place.system);
    const host = { domain: 'h.example', isMirror: false };
    await keychain.find(ctx, host, undefined);
    await keychain.find(ctx, host, 'a/b');
    expect(ctx.events).toMatchObject([
      {
        type: 'note',
        level: 'warn',
        message:
          'docker-credential-not-here is not installed: going on without its credentials for h.example',
      },
    ]);
  });

  it.each(
    ['../evil', '/bin/evil', 'a/b', '', '-x', 'a b', 'a;b', 'a\0b'].filter(Boolean),
  )('are no paths and no commands: %j', async (name) => {
    using place = home();
    place.write('bin/evil', '#!/bin/sh\ntouch "$0.ran"\n');
    place.write('.docker/config.json', { credHelpers: { 'h.example': name } });
    const error = await failureOf(found(createKeychain(place.system)));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain('the name is not valid');
    expect(existsSync(join(place.folder, 'bin/evil.ran'))).toBe(false);
  });

  it('get no shell', async () => {
    using place = home();
    place.helper('test', `cat >"$0.asked"; echo '{}'`);
    place.write('.docker/config.json', { credsStore: 'test' });
    await found(createKeychain(place.system), '$(touch evil).example');
    const asked = readFileSync(join(place.folder, 'bin/docker-credential-test.asked'), 'utf8');
    expect(asked).toBe('$(touch evil).example');
  });

  const secret = randomBytes(12).toString('hex');
  it.each([
    ['fails', `echo '${secret}'; echo '${secret}' >&2; exit 3`, 'ended with code 3'],
    ['is killed', `echo '${secret}'; kill -9 $$`, 'was killed'],
    ['says no JSON', `echo 'password: ${secret}'`, 'did not answer with a JSON object'],
    ['says half of it', `printf '{"Secret":"${secret}'`, 'did not answer with a JSON object'],
    ['names no user', answer('', secret), 'gave a secret without a user'],
  ])('that %s is refused without its words', async (_what, script, state) => {
    using place = home();
    place.helper('test', script);
    place.write('.docker/config.json', { credsStore: 'test' });
    const error = await failureOf(found(createKeychain(place.system)));
    expect(error.code).toBe('UNAUTHORIZED');
    expect(error.message).toBe(
      `Cannot get the credentials of h.example: docker-credential-test ${state}`,
    );
    expect(everythingOf(error)).not.toContain(secret);
  });

  it('that says too much, or hangs, is ended', async () => {
    using place = home();
    place.helper('test', `cat /dev/zero`);
    place.write('.docker/config.json', { credsStore: 'test' });
    expect((await failureOf(found(createKeychain(place.system)))).code).toBe('LIMIT_EXCEEDED');
    place.helper('test', 'exec sleep 30');
    const { system } = place;
    const run: typeof system.run = (command, args, options) =>
      system.run(command, args, { ...options, timeoutMs: 100 });
    const error = await failureOf(found(createKeychain({ ...system, run })));
    expect(error.code).toBe('TIMEOUT');
  });
});

describe('--creds', () => {
  it('is checked at once', () => {
    using place = home();
    expect(() => createKeychain(place.system, { creds: 's3cr3t' })).toThrow(
      /^Cannot use --creds: it is not USER:PASSWORD$/,
    );
  });
});
