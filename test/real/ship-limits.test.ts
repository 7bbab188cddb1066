// What a run of `shipper ship` keeps to on real parts: its caps, a registry's logins, and the builder that was chosen.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShipperEvent } from '../../src/core/events.ts';
import type { ShipReport } from '../../src/pipeline/ship-types.ts';
import type { RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { startRegistry } from './support/registry.ts';
import { startPassage } from './support/registry-passage.ts';
import { tryRun } from './support/run.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';
import { CLI, shipper } from './support/shipper.ts';

let engine: RunningEngine;
let folder: string;

beforeAll(async () => {
  engine = await sharedEngine('26.1');
  await busyboxImage(engine, 'busybox:base');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A project in a folder of its own: the names of its images, and the steps of their Dockerfiles. */
function project(registry: string, steps: Readonly<Record<string, string>>, more = ''): void {
  folder = mkdtempSync(join(engine.directory, 'limits-'));
  const images = Object.keys(steps).map((name) => `  ${name}: { context: ./${name} }\n`);
  const yaml = `project: shop\nregistry: ${registry}/shop\n${more}images:\n${images.join('')}`;
  writeFileSync(join(folder, 'shipper.yaml'), yaml);
  for (const [name, step] of Object.entries(steps)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'Dockerfile'), `FROM busybox:base\n${step}\n`);
  }
}

const env = () => ({ XDG_STATE_HOME: join(folder, '.state') });
const reportOf = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout) as ShipReport;

/** The most of what begins and ends, as the events of stage `stage` tell it. */
function mostOf(stage: string, lines: string): number {
  const events = lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ShipperEvent);
  const running = new Set<string>();
  let most = 0;
  for (const event of events) {
    if (event.type === 'task.started' && event.title === stage) running.add(event.id);
    if (event.type === 'task.finished') running.delete(event.id);
    most = Math.max(most, running.size);
  }
  return most;
}

/** The most of a command that the engine runs at one time, until `done`. */
async function mostRunning(command: string, done: Promise<unknown>): Promise<number> {
  let most = 0;
  let isDone = false;
  void done.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const { stdout } = await tryRun('pgrep', ['-xf', command]);
    most = Math.max(most, stdout.split('\n').filter(Boolean).length);
  }
  return most;
}

describe('caps', () => {
  it('--jobs 2: the engine, the registry and the run count two of each, and no more', async () => {
    await using passage = await startPassage(await sharedRegistry());
    passage.holdMs = 700;
    // BuildKit runs a step once that several builds have in common.
    const steps = [1, 2, 3, 4].map((at) => [`image${at}`, `RUN sleep 1.273${at}`] as const);
    project(passage.address, Object.fromEntries(steps));
    const call = ['ship', '--jobs', '2', '--progress=json', '-C', folder];
    const running = shipper(engine, call, { env: env() });
    const builds = await mostRunning('sleep 1[.]273[1-4]', running);
    const run = await running;
    expect(run, run.stderr).toMatchObject({ status: 0, leftovers: [] });
    expect([builds, passage.most, mostOf('build', run.stderr)]).toEqual([2, 2, 2]);
    expect(mostOf('flatten', run.stderr)).toBeLessThanOrEqual(2);
  });
});

describe('a registry that asks for a login', () => {
  it('is found out before the first build, and takes the push of who may', async () => {
    await using closed = await startRegistry({ login: { user: 'me', password: 'hunter2!' } });
    project(closed.address, { api: 'RUN sleep 1000' });
    const call = ['ship', '--json', '--progress=plain', '-C', folder];
    for (const creds of [[], ['--creds', 'me:wrong1!'], ['--creds', 'you:hunter2!']]) {
      const run = await shipper(engine, [...call, ...creds], { env: env(), timeoutMs: 60_000 });
      expect(run, run.stderr).toMatchObject({ status: 1, leftovers: [] });
      const [api] = reportOf(run).images;
      expect(api?.seconds).toEqual({});
      expect(api?.error).toMatchObject({ code: 'UNAUTHORIZED' });
      expect(api?.error?.hint).toContain(
        creds.length === 0 ? 'Log in with `docker login' : 'takes no such user and password',
      );
      expect(api?.error?.message).toContain(`Cannot push to shop/api at ${closed.address}`);
      expect(`${run.stdout}${run.stderr}`).not.toMatch(/hunter2!|wrong1!/);
    }
    writeFileSync(join(folder, 'api/Dockerfile'), 'FROM busybox:base\nRUN echo 1 > /one\n');
    const config = join(folder, 'docker-config');
    mkdirSync(config);
    const auth = Buffer.from('me:hunter2!').toString('base64');
    const auths = { [closed.address]: { auth } };
    writeFileSync(join(config, 'config.json'), JSON.stringify({ auths }));
    const authfile = ['--authfile', join(config, 'config.json')];
    const allowed = await shipper(engine, [...call, ...authfile], { env: env() });
    expect(allowed, allowed.stderr).toMatchObject({ status: 0, leftovers: [] });
  });
});

describe('the builder', () => {
  /** Ships with a docker command that writes down how it is called, after what is made of the builders. */
  async function shipWith(
    args: readonly string[],
    more: Readonly<Record<string, string | undefined>> = {},
  ) {
    const bin = join(folder, 'bin');
    const log = join(folder, 'docker.log');
    mkdirSync(bin, { recursive: true });
    rmSync(log, { force: true });
    const real = (await tryRun('sh', ['-c', 'command -v docker'], { env: engine.env })).stdout;
    const script = `#!/bin/sh\necho "$@" >> ${log}\nexec ${real.trim()} "$@"\n`;
    writeFileSync(join(bin, 'docker'), script, { mode: 0o755 });
    const run = await tryRun(
      process.execPath,
      [CLI, 'ship', '--json', '--force', '--progress=plain', '-C', folder, ...args],
      { env: { ...engine.env, ...env(), PATH: `${bin}:${engine.env['PATH']}`, ...more } },
    );
    const calls = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
    return { run, bakes: calls.filter((line) => line.includes('buildx bake')) };
  }

  it('that is named is the one that bakes, by option, variable and file', async () => {
    const { address } = await sharedRegistry();
    project(address, { api: 'RUN echo 1 > /one' }, 'builder: second\n');
    await engine.cli('context', 'create', 'second', '--docker', `host=${engine.host}`);
    const second = { DOCKER_HOST: undefined, DOCKER_CONTEXT: 'second' };
    for (const [args, more] of [
      [['--builder', 'second'], { BUILDX_BUILDER: 'nobody' }],
      [[], { BUILDX_BUILDER: 'second' }],
      [[], {}],
    ] as const) {
      const { run, bakes } = await shipWith(args, { ...second, ...more });
      expect(run, run.stderr).toMatchObject({ status: 0 });
      expect(bakes).toEqual([expect.stringMatching(/buildx bake --builder second /)]);
    }
    // The file's builder is the engine of a context that these runs do not work with.
    const cases = [
      [[], 'it is the engine of docker context "second", and this run works with another one'],
      [['--builder', 'nobody'], 'no builder "nobody" found'],
    ] as const;
    for (const [args, words] of cases) {
      const { run, bakes } = await shipWith(args);
      expect([run.status, bakes], run.stderr).toEqual([1, []]);
      expect(reportOf(run).images[0]?.error?.message).toContain(words);
    }
  });

  it('of a driver that cannot start says why', async () => {
    const { address } = await sharedRegistry();
    project(address, { api: 'RUN echo 1 > /one' });
    await engine.cli('buildx', 'create', '--name', 'box', '--driver-opt', 'image=localhost:1/none');
    const { run, bakes } = await shipWith(['--builder', 'box']);
    expect(run.status, run.stderr).toBe(1);
    expect(bakes).toEqual([expect.stringMatching(/buildx bake --builder box /)]);
    expect(reportOf(run).builder).toMatch(/builder box, docker-container driver/);
    expect(reportOf(run).images[0]?.error?.message).toMatch(
      /^Cannot build image "api": \[internal\] booting buildkit: .*localhost:1/,
    );
  });
});
