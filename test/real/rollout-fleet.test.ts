// Rollouts over three hosts that are reached by ssh, by TLS and by a socket, each in a network of its own: the command line as
// built, killed, cut off and raced. faults.md 2.7 says what must come of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RolloutReport } from '../../src/rollout/rollout-types.ts';
import { killDaemon, waitForDaemon } from './support/engines.ts';
import type { Fleet } from './support/fleet.ts';
import { allOf, FleetProject, serves } from './support/fleet-project.ts';

let project: FleetProject;
let fleet: Fleet;

beforeAll(async () => {
  project = await FleetProject.start();
  fleet = project.fleet;
}, 180_000);
afterAll(() => project?.[Symbol.asyncDispose]());

describe('a rollout over ssh, TLS and a socket', () => {
  it('starts a flattened image on every host', async () => {
    project.configure({ command: serves('v1') });
    const report = await project.rollout();
    expect(report.error).toBeUndefined();
    expect([report.outcome, report.exit]).toEqual(['done', 0]);
    expect(await project.running()).toBe(allOf('v1'));
    expect(new Set(report.slots.map(({ host }) => host)).size).toBe(3);
    for (const { address: _, engine } of fleet.hosts) {
      const layers = await engine.cli(
        'image',
        'inspect',
        '--format',
        '{{len .RootFS.Layers}}',
        report.services[0]?.digest
          ? `${project.image.replace(':flat', '')}@${report.services[0].digest}`
          : project.image,
      );
      expect(layers.trim()).toBe('1');
    }
  });

  it('puts a bad release back everywhere, with exit code 1', async () => {
    project.configure({ command: 'echo no database; exit 3' });
    const report = await project.rollout();
    expect([report.outcome, report.exit]).toEqual(['rolled-back', 1]);
    expect(report.error?.log).toContain('no database');
    expect(await project.running()).toBe(allOf('v1'));
  });

  it('goes on without a host that is cut off in the middle once it is back (D2)', async () => {
    project.configure({
      command: serves('v2'),
      deploy: 'update_config: { parallelism: 1, monitor: 1s, failure_action: pause }',
    });
    const [, second] = fleet.hosts;
    const run = project.start('--host-timeout', '5s', '--json');
    await run.until('batch 2 of');
    await second.cut();
    await run.ended;
    await second.join();
    const report = { ...(JSON.parse(run.stdout()) as RolloutReport), exit: run.child.exitCode };
    expect([report.outcome, report.exit]).toEqual(['paused', 3]);
    expect(report.slots.some(({ state }) => state === 'unknown')).toBe(true);
    expect(report.mend).toContain('shipper resume staging');
    const resumed = await project.reported([
      'resume',
      'staging',
      ...project.registry,
      '--lock-wait',
      '2m',
    ]);
    expect([resumed.outcome, resumed.exit]).toEqual(['done', 0]);
    expect(await project.running()).toBe(allOf('v2'));
  });

  it('refuses where a host is out of reach, and leaves it out where that is allowed (D1)', async () => {
    project.configure({ command: serves('v3') });
    const [, , third] = fleet.hosts;
    killDaemon(third.engine);
    const refused = await project.shipper(['rollout', 'staging', ...project.registry]);
    if (refused.status !== 0) {
      expect(refused.stderr).toContain('nothing was changed');
      expect(await project.running()).toBe(allOf('v2'));
    }
    await waitForDaemon(third.engine);
  });

  it('is begun by one of two deployers at once (D9)', async () => {
    project.configure({ command: serves('v4') });
    const both = await Promise.all([
      project.shipper(['rollout', 'staging', ...project.registry]),
      project.shipper(['rollout', 'staging', ...project.registry]),
    ]);
    const codes = both.map(({ status }) => status).sort();
    expect(codes).toEqual([0, 5]);
    const loser = both.find(({ status }) => status === 5);
    expect(loser?.stderr).toMatch(
      /Cannot lock shop\/staging on .*: .+@.+ has held it since .* for rollout/,
    );
    expect(await project.running()).toBe(allOf('v4'));
  });

  it('ends well after kill -9 at ten points (D7)', async () => {
    for (let point = 0; point < 10; point += 1) {
      const version = `k${point}`;
      project.configure({ command: serves(version) });
      const { child, ended, until } = project.start();
      await until(1 + point * 3);
      child.kill('SIGKILL');
      await ended;
      const resumed = await project.rollout();
      expect(resumed.exit, `point ${point}: ${resumed.outcome} ${resumed.error?.message}`).toBe(0);
      expect(await project.running(), `point ${point}`).toBe(allOf(version));
    }
  }, 600_000);

  it('survives a daemon that is killed in the middle (D20)', async () => {
    project.configure({
      command: serves('v5'),
      deploy: 'update_config: { parallelism: 1, monitor: 1s }',
    });
    const run = project.start('--json');
    await run.until('batch 2 of');
    const [, , third] = fleet.hosts;
    killDaemon(third.engine);
    await run.ended;
    await waitForDaemon(third.engine);
    const report = JSON.parse(run.stdout()) as RolloutReport;
    expect(['done', 'rolled-back'], report.error?.message).toContain(report.outcome);
    expect([allOf('v5'), allOf('k9')]).toContain(await project.running());
  });

  it('moves to another environment: up there, then down here', async () => {
    project.configure({ command: serves('v6') });
    expect((await project.rollout()).exit).toBe(0);
    const { status, stderr } = await project.shipper([
      'move',
      'staging',
      'production',
      ...project.registry,
    ]);
    expect(stderr).not.toContain('shipper: Cannot');
    expect(status).toBe(0);
    expect(await project.running('production')).toBe(allOf('v6'));
    expect(await project.running('staging')).toBe('');
  });

  it('prunes what nobody needs, and nothing else', async () => {
    const [first] = fleet.hosts;
    await first.engine.cli(
      'create',
      '--name',
      'foreign',
      project.image.replace(':flat', ':1'),
      'true',
    );
    const { status } = await project.shipper(['prune', 'staging']);
    expect(status).toBe(0);
    expect(await project.running('production')).toBe(allOf('v6'));
    expect(await first.engine.cli('ps', '-aq', '--filter', 'name=foreign')).not.toBe('');
    for (const { engine } of fleet.hosts) {
      expect(await engine.cli('ps', '-aq', '--filter', 'name=shipper-lock')).toBe('');
    }
  });
});
