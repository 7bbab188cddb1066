// The commands about environments as a person types them, on real engines: what they print, how they end, what is there afterwards.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENGINE_KINDS, type RunningEngine } from './support/engines.ts';
import { busyboxImage } from './support/images.ts';
import { tryRun } from './support/run.ts';
import { sharedEngine, sharedRegistry } from './support/shared.ts';
import { CLI } from './support/shipper.ts';

let engines: readonly RunningEngine[];
let registry: string;
let folder: string;

beforeAll(async () => {
  engines = await Promise.all(ENGINE_KINDS.map((kind) => sharedEngine(kind)));
  registry = (await sharedRegistry()).address;
  const [first] = engines;
  if (first === undefined) throw new Error('no engine');
  folder = join(first.directory, 'cli-project');
  mkdirSync(folder);
  await busyboxImage(first, `${registry}/shop/api:1`);
  await first.cli('push', `${registry}/shop/api:1`);
}, 120_000);

/** Writes shipper.yaml: `dev` on the first engine, `staging` on the others, with a service that does `words`. */
function configure(words: string): void {
  const [dev, ...staging] = engines.map(({ host }) => host);
  const services = `
    services:
      api:
        image: ${registry}/shop/api:1
        command: ["sh", "-c", "${words}"]
        stop_grace_period: 1s
        deploy:
          replicas: 2
          update_config: { parallelism: 1, monitor: 1s, failure_action: pause }
          rollback_config: { parallelism: 1, monitor: 1s }`;
  writeFileSync(
    join(folder, 'shipper.yaml'),
    `project: shopcli
environments:
  dev:
    hosts: ["${dev}"]${services}
  staging:
    hosts: [${staging.map((host) => `"${host}"`).join(', ')}]${services}
`,
  );
}

const SERVES = (version: string) => `echo ${version}; trap exit TERM; sleep 100000 & wait`;

async function shipper(...args: readonly string[]) {
  const [first] = engines;
  const env = { ...first?.env, SHIPPER_PROGRESS: 'plain' };
  return tryRun(process.execPath, [CLI, ...args], { cwd: folder, env });
}

describe('an environment by commands', () => {
  it('is rolled out, looked at, changed, moved and pruned', { timeout: 280_000 }, async () => {
    configure(SERVES('v1'));
    const planned = await shipper('rollout', 'dev', '--dry-run');
    expect([planned.status, planned.stderr]).toEqual([0, '']);
    expect(planned.stdout).toMatch(/api\.1 .* create .*the slot is empty/);
    const first = await shipper('rollout', 'dev');
    expect([first.status, first.stdout]).toEqual([0, expect.stringContaining(': done after ')]);
    expect(first.stderr).toMatch(/api\.1\] watch whether it works/);
    const status = await shipper('status', 'dev');
    expect([status.status, status.stdout]).toEqual([0, expect.stringContaining('2 of 2 slots')]);

    configure('echo broken; exit 3');
    const bad = await shipper('rollout', 'dev');
    expect(bad.status).toBe(1);
    expect(bad.stderr).toMatch(/\| .*broken/);
    configure(SERVES('v2'));
    expect((await shipper('rollout', 'dev', '-q')).stdout).toMatch(/^\d{8}-\d{6}-\w{4}\n$/);
    const back = await shipper('rollback', 'dev');
    expect([back.status, back.stdout]).toEqual([0, expect.stringContaining('rollback of')]);
    const history = await shipper('history', 'dev', '--audit');
    expect(history.stdout).toMatch(/runs .*\n[\s\S]*rollback .* committed/);
    expect((await shipper('resume', 'dev')).stdout).toContain('nothing to do');

    const moved = await shipper('move', 'dev', 'staging');
    expect([moved.status, moved.stdout]).toEqual([0, expect.stringContaining(': done after ')]);
    expect((await shipper('status', 'staging')).stdout).toContain('2 of 2 slots');
    expect((await shipper('status', 'dev')).stdout).toContain('which has no slots');
    const pruned = await shipper('prune', 'dev', '--dry-run');
    expect(pruned.status).toBe(0);
    expect((await shipper('unlock', 'dev')).stdout).toBe('shopcli/dev is not locked\n');
  });
});
