// Rollouts over three hosts that are reached by ssh, by TLS and by a socket, each in a network of its own: the command line as
// built, killed, cut off and raced. faults.md 2.7 says what must come of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RolloutReport } from '../../src/rollout/rollout-types.ts';
import { killDaemon, waitForDaemon } from './support/engines.ts';
import { type Fleet, startFleet } from './support/fleet.ts';
import { busyboxImage } from './support/images.ts';
import { tryRun } from './support/run.ts';
import { CLI } from './support/shipper.ts';
import { startShipper } from './support/watched.ts';

let fleet: Fleet;
let folder: string;
let image: string;

beforeAll(async () => {
  fleet = await startFleet();
  folder = join(fleet.directory, 'project');
  mkdirSync(folder);
  const [first] = fleet.hosts;
  const name = `${fleet.registry.address}/shop/api`;
  await busyboxImage(first.engine, `${name}:1`);
  await first.engine.cli('push', `${name}:1`);
  // What is rolled out is a flattened image.
  const flat = ['flatten', `docker://${name}:1`, '-t', `${name}:flat`];
  const made = await shipper([...flat, '--insecure', fleet.registry.address]);
  expect(made.stderr).not.toContain('shipper:');
  image = `${name}:flat`;
}, 180_000);
afterAll(() => fleet?.[Symbol.asyncDispose]());

/** One on each host. */
const REPLICAS = 3;

interface Choice {
  readonly command: string;
  readonly deploy?: string;
}

/** Serves its version over http until it is asked to stop. */
function serves(version: string): string {
  return `mkdir -p /www; echo ${version} > /www/index.html; trap 'exit 0' TERM; httpd -p 80 -h /www; sleep 100000 & wait`;
}

const QUICK =
  'update_config: { parallelism: 3, monitor: 1s }, rollback_config: { parallelism: 0, monitor: 1s }';

function configure({ command, deploy = QUICK }: Choice): void {
  const hosts = fleet.hosts.map(({ choice }) => `      - ${choice}`).join('\n');
  const service = `
      api:
        image: ${image}
        command: ["sh", "-c", ${JSON.stringify(command)}]
        stop_grace_period: 2s
        deploy: { replicas: ${REPLICAS}, ${deploy} }`;
  writeFileSync(
    join(folder, 'shipper.yaml'),
    `project: shop
environments:
  staging:
    hosts:
${hosts}
    retain: 2
    services:${service}
  production:
    extends: staging
`,
  );
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function environment(): NodeJS.ProcessEnv {
  return { ...fleet.env, DOCKER_HOST: undefined, SHIPPER_PROGRESS: 'plain' };
}

function shipper(args: readonly string[]): Promise<Ran> {
  return tryRun(process.execPath, [CLI, ...args], { cwd: folder, env: environment() });
}

const WHERE = () => ['--insecure', fleet.registry.address];

async function rollout(
  ...more: readonly string[]
): Promise<RolloutReport & { readonly exit: number | null }> {
  return reported(['rollout', 'staging', ...WHERE(), ...more]);
}

async function reported(
  args: readonly string[],
): Promise<RolloutReport & { readonly exit: number | null }> {
  const { status, stdout, stderr } = await shipper([...args, '--json']);
  try {
    return { ...(JSON.parse(stdout) as RolloutReport), exit: status };
  } catch {
    throw new Error(`shipper ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
  }
}

function start(args: readonly string[]) {
  return startShipper(args, { cwd: folder, env: environment() });
}

/** What runs in `environment`, over all hosts: `api.1=v1 …`, sorted by slot. */
async function running(environment = 'staging'): Promise<string> {
  const found = await Promise.all(
    fleet.hosts.map(async ({ engine }) => {
      const format = '{{.Label "shipper.service"}}.{{.Label "shipper.slot"}} {{.Command}}';
      const filter = [
        '--filter',
        'label=shipper.managed=1',
        '--filter',
        `label=shipper.env=${environment}`,
      ];
      const text = await engine.cli('ps', '--no-trunc', ...filter, '--format', format);
      return text.split('\n').filter((line) => line !== '');
    }),
  );
  return found
    .flat()
    .map((line) => line.replace(/^(\S+) .*echo (\w+) .*$/, '$1=$2'))
    .sort()
    .join(' ');
}

function all(version: string): string {
  return Array.from({ length: REPLICAS }, (_, index) => `api.${index + 1}=${version}`).join(' ');
}

describe('a rollout over ssh, TLS and a socket', () => {
  it('starts a flattened image on every host', async () => {
    configure({ command: serves('v1') });
    const report = await rollout();
    expect(report.error).toBeUndefined();
    expect([report.outcome, report.exit]).toEqual(['done', 0]);
    expect(await running()).toBe(all('v1'));
    expect(new Set(report.slots.map(({ host }) => host)).size).toBe(3);
    for (const { address: _, engine } of fleet.hosts) {
      const layers = await engine.cli(
        'image',
        'inspect',
        '--format',
        '{{len .RootFS.Layers}}',
        report.services[0]?.digest
          ? `${image.replace(':flat', '')}@${report.services[0].digest}`
          : image,
      );
      expect(layers.trim()).toBe('1');
    }
  });

  it('puts a bad release back everywhere, with exit code 1', async () => {
    configure({ command: 'echo no database; exit 3' });
    const report = await rollout();
    expect([report.outcome, report.exit]).toEqual(['rolled-back', 1]);
    expect(report.error?.log).toContain('no database');
    expect(await running()).toBe(all('v1'));
  });

  it('goes on without a host that is cut off in the middle once it is back (D2)', async () => {
    configure({
      command: serves('v2'),
      deploy: 'update_config: { parallelism: 1, monitor: 1s, failure_action: pause }',
    });
    const [, second] = fleet.hosts;
    const run = start(['rollout', 'staging', ...WHERE(), '--host-timeout', '5s', '--json']);
    await run.until('batch 2 of');
    await second.cut();
    await run.ended;
    await second.join();
    const report = { ...(JSON.parse(run.stdout()) as RolloutReport), exit: run.child.exitCode };
    expect([report.outcome, report.exit]).toEqual(['paused', 3]);
    expect(report.slots.some(({ state }) => state === 'unknown')).toBe(true);
    expect(report.mend).toContain('shipper resume staging');
    const resumed = await reported(['resume', 'staging', ...WHERE(), '--lock-wait', '2m']);
    expect([resumed.outcome, resumed.exit]).toEqual(['done', 0]);
    expect(await running()).toBe(all('v2'));
  });

  it('refuses where a host is out of reach, and leaves it out where that is allowed (D1)', async () => {
    configure({ command: serves('v3') });
    const [, , third] = fleet.hosts;
    killDaemon(third.engine);
    const refused = await shipper(['rollout', 'staging', ...WHERE()]);
    if (refused.status !== 0) {
      expect(refused.stderr).toContain('nothing was changed');
      expect(await running()).toBe(all('v2'));
    }
    await waitForDaemon(third.engine);
  });

  it('is begun by one of two deployers at once (D9)', async () => {
    configure({ command: serves('v4') });
    const both = await Promise.all([
      shipper(['rollout', 'staging', ...WHERE()]),
      shipper(['rollout', 'staging', ...WHERE()]),
    ]);
    const codes = both.map(({ status }) => status).sort();
    expect(codes).toEqual([0, 5]);
    const loser = both.find(({ status }) => status === 5);
    expect(loser?.stderr).toMatch(
      /Cannot lock shop\/staging on .*: .+@.+ has held it since .* for rollout/,
    );
    expect(await running()).toBe(all('v4'));
  });

  it('ends well after kill -9 at ten points (D7)', async () => {
    for (let point = 0; point < 10; point += 1) {
      const version = `k${point}`;
      configure({ command: serves(version) });
      const { child, ended, until } = start(['rollout', 'staging', ...WHERE()]);
      await until(1 + point * 3);
      child.kill('SIGKILL');
      await ended;
      const resumed = await reported(['rollout', 'staging', ...WHERE()]);
      expect(resumed.exit, `point ${point}: ${resumed.outcome} ${resumed.error?.message}`).toBe(0);
      expect(await running(), `point ${point}`).toBe(all(version));
    }
  }, 600_000);

  it('survives a daemon that is killed in the middle (D20)', async () => {
    configure({ command: serves('v5'), deploy: 'update_config: { parallelism: 1, monitor: 1s }' });
    const run = start(['rollout', 'staging', ...WHERE(), '--json']);
    await run.until('batch 2 of');
    const [, , third] = fleet.hosts;
    killDaemon(third.engine);
    await run.ended;
    await waitForDaemon(third.engine);
    const report = JSON.parse(run.stdout()) as RolloutReport;
    expect(['done', 'rolled-back'], report.error?.message).toContain(report.outcome);
    expect([all('v5'), all('k9')]).toContain(await running());
  });

  it('moves to another environment: up there, then down here', async () => {
    configure({ command: serves('v6') });
    expect((await rollout()).exit).toBe(0);
    const { status, stderr } = await shipper(['move', 'staging', 'production', ...WHERE()]);
    expect(stderr).not.toContain('shipper: Cannot');
    expect(status).toBe(0);
    expect(await running('production')).toBe(all('v6'));
    expect(await running('staging')).toBe('');
  });

  it('prunes what nobody needs, and nothing else', async () => {
    const [first] = fleet.hosts;
    await first.engine.cli('create', '--name', 'foreign', image.replace(':flat', ':1'), 'true');
    const { status } = await shipper(['prune', 'staging']);
    expect(status).toBe(0);
    expect(await running('production')).toBe(all('v6'));
    expect(await first.engine.cli('ps', '-aq', '--filter', 'name=foreign')).not.toBe('');
    for (const { engine } of fleet.hosts) {
      expect(await engine.cli('ps', '-aq', '--filter', 'name=shipper-lock')).toBe('');
    }
  });
});
