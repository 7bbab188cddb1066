// An ordinary image from registry to registry with the real command line: pushed by skopeo, flattened by shipper with
// every kind of login, pulled and run by every engine (issue 3, "What must be shown" 2).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import { entry, tar } from '../support/tar-builder.ts';
import { ENGINE_KINDS } from './support/engines.ts';
import { recipeImage } from './support/images.ts';
import { exportTree, umociTree } from './support/oracles.ts';
import { privateDirectory } from './support/places.ts';
import { pushImage, tagsAt } from './support/pushed.ts';
import { type RunningRegistry, startRegistry } from './support/registry.ts';
import { type RunResult, run, tryRun } from './support/run.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';
import { CLI } from './support/shipper.ts';
import { startTokenServer } from './support/token-server.ts';

const LOGIN = { user: 'someone', password: 'secret:with colon' };
const CREDS = `${LOGIN.user}:${LOGIN.password}`;

const folder = privateDirectory('registry-flatten');
/** The recipe as `docker save` gives it. */
const saved = join(folder, 'recipe.tar');

beforeAll(async () => {
  const engine = await sharedEngine('20.10');
  await recipeImage(engine, 'recipe:1');
  await engine.cli('save', '--output', saved, 'recipe:1');
  await skopeoPush(await sharedRegistry());
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Pushes the recipe as `recipe:1`. */
async function skopeoPush({ address }: RunningRegistry, ...login: string[]): Promise<void> {
  const to = `docker://${address}/recipe:1`;
  await run('skopeo', [
    ...['copy', '--quiet', '--dest-tls-verify=false', ...login],
    ...[`docker-archive:${saved}`, to],
  ]);
}

interface Place {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tmpdir: string;
}

/** A home and a TMPDIR for one run; nothing of the machine's own logins. */
function newPlace(env: Readonly<Record<string, string>> = {}): Place {
  const home = mkdtempSync(join(folder, 'home-'));
  const tmpdir = join(home, 'tmp');
  mkdirSync(tmpdir);
  return { home, tmpdir, env: { PATH: process.env['PATH'], HOME: home, TMPDIR: tmpdir, ...env } };
}

/** Runs shipper; nothing may be left in its TMPDIR, and its login never shows. */
async function shipper(place: Place, ...args: readonly string[]): Promise<RunResult> {
  const call = [CLI, ...args, '--progress=quiet', '--debug'];
  const result = await tryRun(process.execPath, call, { env: place.env, cwd: place.home });
  expect(readdirSync(place.tmpdir).filter((name) => name !== 'node-compile-cache')).toEqual([]);
  const secrets = [LOGIN.password, Buffer.from(CREDS).toString('base64')];
  for (const secret of secrets) expect(result.stdout + result.stderr).not.toContain(secret);
  return result;
}

function write(path: string, value: object): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(value));
}

/** The ways to log in: what a home must hold, and options. */
const LOGINS: readonly (readonly [
  name: string,
  plant: (place: Place, address: string) => readonly string[],
])[] = [
  ['--creds', () => ['--creds', CREDS]],
  [
    "docker's config.json",
    (place, address) => {
      const auth = Buffer.from(CREDS).toString('base64');
      write(join(place.home, '.docker/config.json'), { auths: { [address]: { auth } } });
      return [];
    },
  ],
  [
    "podman's auth.json",
    (place, address) => {
      const auth = Buffer.from(CREDS).toString('base64');
      const path = join(place.home, '.config/containers/auth.json');
      write(path, { auths: { [`${address}/recipe`]: { auth } } });
      return [];
    },
  ],
];

describe('logins', () => {
  async function expectLogins(registry: RunningRegistry): Promise<void> {
    await skopeoPush(registry, '--dest-creds', CREDS);
    const source = `docker://${registry.address}/recipe:1`;
    for (const [at, [name, plant]] of LOGINS.entries()) {
      const place = newPlace();
      const options = plant(place, registry.address);
      const tag = `docker://${registry.address}/recipe:flat-${at}`;
      const done = await shipper(place, 'flatten', source, '-t', tag, '--verify', ...options);
      expect(done, name).toMatchObject({ status: 0 });
    }
    const wrong = ['--creds', `${LOGIN.user}:wrong-one`];
    for (const options of [wrong, []]) {
      const tag = `docker://${registry.address}/recipe:never`;
      const refused = await shipper(newPlace(), 'flatten', source, '-t', tag, ...options);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toMatch(/^shipper: Cannot .*(401|UNAUTHORIZED|unauthorized|login)/m);
      expect(refused.stderr).toContain(registry.address);
      expect(refused.stdout + refused.stderr).not.toContain('wrong-one');
    }
    const list = ['list-tags', '--tls-verify=false', '--creds', CREDS];
    const said = await run('skopeo', [...list, `docker://${registry.address}/recipe`]);
    const { Tags } = JSON.parse(said) as { Tags: string[] };
    expect(Tags.sort()).toEqual(['1', 'flat-0', 'flat-1', 'flat-2']);
  }

  it('htpasswd: each kind of login, and a clean refusal', async () => {
    await using registry = await startRegistry({ login: LOGIN });
    await expectLogins(registry);
  });

  it('a token server: each kind of login, and a clean refusal', async () => {
    await using tokens = await startTokenServer(LOGIN, 60);
    await using registry = await startRegistry({ config: { auth: tokens.auth } });
    await expectLogins(registry);
    expect(tokens.given()).toBeGreaterThan(3);
  });
});

describe('without a login', () => {
  let address: string;
  beforeAll(async () => {
    ({ address } = await sharedRegistry());
    const done = await shipper(newPlace(), 'flatten', `docker://${address}/recipe:1`, '--verify');
    expect(done).toMatchObject({ status: 0 });
  });

  it.each(ENGINE_KINDS)('Docker %s pulls it and runs it', async (kind) => {
    const engine = await sharedEngine(kind);
    const [source, flat] = [`${address}/recipe:1`, `${address}/recipe:1-flat`];
    for (const image of [source, flat]) await engine.cli('pull', '--quiet', image);
    const tree = await exportTree(engine, source);
    expect(tree.length).toBeGreaterThan(500);
    expect(await exportTree(engine, flat)).toEqual(tree);
    const runs = ['run', '--rm', '--network=none'];
    expect(await engine.cli(...runs, flat)).toBe('ready\n');
    const script = 'id -u; id -g; echo "$SPACED,$LANG,$EMPTY"; pwd; cat /data/kept';
    const said = await engine.cli(...runs, flat, script);
    expect(said).toBe('1000\n70001\na b,C.UTF-8,\n/work dir\nkept\n');
    const layers = await engine.cli('image', 'inspect', '--format', '{{len .RootFS.Layers}}', flat);
    expect(layers).toBe('1\n');
  });

  it('skopeo copies it, umoci unpacks it, and the trees are equal', async () => {
    const layout = join(folder, 'layout');
    for (const tag of ['1', '1-flat']) {
      const from = `docker://${address}/recipe:${tag}`;
      const options = ['copy', '--quiet', '--src-tls-verify=false', '--format', 'oci'];
      await run('skopeo', [...options, from, `oci:${layout}:${tag}`]);
    }
    // The root's time is no part of an image, and unpackers set it as they like.
    const lines = (tree: readonly string[]) => tree.filter((line) => !line.startsWith('. '));
    const flat = lines(await umociTree(layout, '1-flat'));
    expect(flat).toEqual(lines(await umociTree(layout, '1')));
    expect(flat).toContainEqual(expect.stringMatching(/ 1700000000123456789 .* user\.note=/));
  });

  it('the same again gives the same digest', async () => {
    const files = await Promise.all(
      ['a', 'b'].map(async (name) => {
        const place = newPlace();
        const tag = `docker://${address}/recipe:again-${name}`;
        const file = join(place.home, 'digest');
        const options = ['-t', tag, '--digestfile', file];
        await shipper(place, 'flatten', `docker://${address}/recipe:1`, ...options);
        return readFileSync(file, 'utf8');
      }),
    );
    expect(files[0]).toMatch(/^sha256:[a-f0-9]{64}\n?$/);
    expect(files[0]).toBe(files[1]);
  });
});

describe('https', () => {
  const HOST = 'registry.shipper.test';

  /** Runs shipper where the name of the registry is one of this machine's; no other program sees that. */
  async function withName(place: Place, ...args: readonly string[]): Promise<RunResult> {
    const hosts = join(place.home, 'hosts');
    writeFileSync(hosts, `127.0.0.1 localhost ${HOST}\n`);
    const script = `mount --bind ${hosts} /etc/hosts && exec "$0" "$@"`;
    const call = ['--mount', '--propagation', 'private', 'sh', '-c', script];
    const program = [process.execPath, CLI, ...args, '--progress=quiet'];
    return tryRun('unshare', [...call, ...program], { env: place.env, cwd: place.home });
  }

  it('a CA of its own: refused without it, taken from certs.d and with --insecure', async () => {
    const { ca, cert, key } = makeCertificates(HOST);
    await using registry = await startRegistry({ tls: { cert, key } });
    const push = ['copy', '--quiet', '--dest-tls-verify=false', `docker-archive:${saved}`];
    await run('skopeo', [...push, `docker://${registry.address}/recipe:1`]);
    const domain = registry.address.replace('127.0.0.1', HOST);
    const source = `docker://${domain}/recipe:1`;
    const tag = (name: string) => ['-t', `docker://${domain}/recipe:${name}`];

    const refused = await withName(newPlace(), 'flatten', source, ...tag('never'));
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/certificate is (signed by|self-signed)/);
    expect(refused.stderr).toContain(domain);
    expect(refused.stderr).toContain('hint: ');

    const trusting = newPlace();
    const certs = join(trusting.home, '.config/containers/certs.d', domain);
    mkdirSync(certs, { recursive: true });
    writeFileSync(join(certs, 'ca.crt'), ca);
    expect(await withName(trusting, 'flatten', source, ...tag('trusted'))).toMatchObject({
      status: 0,
    });
    const insecure = ['--insecure', domain];
    expect(
      await withName(newPlace(), 'flatten', source, ...tag('insecure'), ...insecure),
    ).toMatchObject({ status: 0 });
    const list = ['list-tags', '--tls-verify=false', `docker://${registry.address}/recipe`];
    const { Tags } = JSON.parse(await run('skopeo', list)) as { Tags: string[] };
    expect(Tags.sort()).toEqual(['1', 'insecure', 'trusted']);
  });

  it('plain http is not spoken to a name that is not of this machine', async () => {
    const { address, url } = await sharedRegistry();
    const domain = address.replace('127.0.0.1', HOST);
    const refused = await withName(newPlace(), 'flatten', `docker://${domain}/recipe:1`);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('does not speak TLS');
    const allowed = ['--insecure', domain, '-t', `docker://${domain}/recipe:named`];
    const done = await withName(newPlace(), 'flatten', `docker://${domain}/recipe:1`, ...allowed);
    expect(done).toMatchObject({ status: 0 });
    expect(await tagsAt(url, 'recipe')).toContain('named');
  });
});

describe('an end in the middle of a push', () => {
  it('kill -9: no tag, and the next run finishes', async () => {
    await using registry = await startRegistry();
    const { url, address } = registry;
    const layers = ['a', 'b'].map((name, at) =>
      tar([entry({ name, type: 'file', body: pseudoNoise(30_000_000, at) })]),
    );
    await pushImage(url, 'big', '1', { layers, wrap: 'gzip' });
    const args = [CLI, 'flatten', `docker://${address}/big:1`, '--progress=quiet'];
    let killedInUpload = 0;
    for (const share of [0.02, 0.4, 0.8]) {
      // What the last one left would count as an upload of this one.
      rmSync(join(registry.directory, 'data/docker/registry/v2/repositories/big/_uploads'), {
        recursive: true,
        force: true,
      });
      const place = newPlace();
      const options = { env: place.env, cwd: place.home, stdio: 'ignore' } as const;
      const child = spawn(process.execPath, args, options);
      const ended = once(child, 'close');
      await untilUploaded(registry, share * 60_000_000, child);
      child.kill('SIGKILL');
      const [, signal] = await ended;
      if (signal === 'SIGKILL') killedInUpload += 1;
      expect(await tagsAt(url, 'big')).toEqual(['1']);
    }
    expect(killedInUpload).toBe(3);
    const done = await shipper(newPlace(), 'flatten', `docker://${address}/big:1`, '--verify');
    expect(done).toMatchObject({ status: 0 });
    expect(await tagsAt(url, 'big')).toEqual(['1', '1-flat']);
  });
});

/** Waits until an upload of the repository `big` has more than `bytes`, or the program ended. */
async function untilUploaded(
  registry: RunningRegistry,
  bytes: number,
  child: { readonly exitCode: number | null },
): Promise<void> {
  const uploads = join(registry.directory, 'data/docker/registry/v2/repositories/big/_uploads');
  for (let round = 0; round < 6000 && child.exitCode === null; round += 1) {
    const said = await tryRun('du', ['--summarize', '--bytes', uploads]);
    if (Number.parseInt(said.stdout, 10) > bytes + 10_000) return;
    await sleep(10);
  }
}

/** Bytes that gzip cannot make smaller by much. */
function pseudoNoise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 0x9e37_79b9 + seed;
  for (let at = 0; at + 4 <= size; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, at);
  }
  return bytes;
}
