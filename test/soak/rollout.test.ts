// Rollouts over three real engines, killed, interrupted, cut off and raced at random for as long as SHIPPER_SOAK_MINUTES says
// (default 10): after each, one more brings everything to one release. A failure prints its seed; SHIPPER_SEED=N begins with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { killDaemon, waitForDaemon } from '../real/support/engines.ts';
import { allOf, FleetProject, serves } from '../real/support/fleet-project.ts';
import type { Watched } from '../real/support/watched.ts';
import { chances, pick } from '../rollout/chances.ts';

const MINUTES = Number(process.env['SHIPPER_SOAK_MINUTES'] ?? 10);
const FIRST = Number(process.env['SHIPPER_SEED'] ?? Date.now() % 1_000_000);

let project: FleetProject;
let foreign: string;

beforeAll(async () => {
  project = await FleetProject.start();
  const [first] = project.fleet.hosts;
  const origin = project.image.replace(':flat', ':1');
  foreign = await first.engine.cli('run', '-d', origin, 'sh', '-c', 'sleep 1000000');
  project.configure({ command: serves('v0') });
  expect((await project.rollout()).outcome).toBe('done');
}, 180_000);
afterAll(() => project?.[Symbol.asyncDispose]());

const FAULTS: Readonly<
  Record<string, (run: Watched, chance: () => number) => void | Promise<void>>
> = {
  none: () => undefined,
  kill: ({ child }) => void child.kill('SIGKILL'),
  interrupt: ({ child }) => void child.kill('SIGINT'),
  async 'another deployer'() {
    await project.shipper(['rollout', 'staging', ...project.registry]);
  },
  async 'a cable that is pulled'(_, chance) {
    const host = pick(chance, project.fleet.hosts);
    await host.cut();
    await sleep(chance() * 20_000);
    await host.join();
  },
  async 'a daemon that is killed'(_, chance) {
    const { engine } = pick(chance, project.fleet.hosts);
    killDaemon(engine);
    await waitForDaemon(engine);
  },
};

/** One rollout with one fault; resolves with what was done, for whoever reads along. */
async function play(seed: number): Promise<string> {
  const chance = chances(seed);
  const version = `s${seed}`;
  const isBad = chance() < 0.2;
  const order = pick(chance, ['start-first', 'stop-first']);
  const action = pick(chance, ['rollback', 'pause', 'continue']);
  const parallelism = 1 + Math.floor(chance() * 3);
  const rules = `parallelism: ${parallelism}, monitor: 1s, order: ${order}`;
  const deploy = `update_config: { ${rules}, failure_action: ${action} }`;
  project.configure({ command: isBad ? 'echo no database; exit 3' : serves(version), deploy });
  const name = pick(chance, Object.keys(FAULTS));
  const run = project.start('--host-timeout', '10s', '--lock-wait', '2m');
  const lines = Math.floor(chance() * 40);
  await run.until(lines);
  await FAULTS[name]?.(run, chance);
  await run.ended;
  const mend = pick(chance, ['resume', 'rollback', 'nothing']);
  if (mend !== 'nothing') {
    await project.shipper([mend, 'staging', ...project.registry, '--lock-wait', '2m']);
  }
  // Whatever it was, this brings all of it to one release.
  project.configure({ command: serves(version), deploy });
  const last = await project.rollout('--lock-wait', '2m', '--force');
  const told = `${name} at line ${lines}${isBad ? ', bad' : ''}, ${order}, ${action}, then ${mend}`;
  expect(last.exit, `${told}: ${last.outcome} ${last.error?.message}`).toBe(0);
  expect(await project.running(), told).toBe(allOf(version));
  for (const { engine } of project.fleet.hosts) {
    expect(await engine.cli('ps', '-aq', '--filter', 'name=shipper-lock'), told).toBe('');
  }
  const [first] = project.fleet.hosts;
  // Who starts again after a daemon was killed is not for us to say; that it is there is.
  expect(await first.engine.cli('ps', '-aq', '--no-trunc'), told).toContain(foreign.trim());
  return told;
}

it(`random faults for ${MINUTES} minutes end as they should`, async () => {
  const endMs = performance.now() + MINUTES * 60_000;
  let count = 0;
  for (let seed = FIRST; performance.now() < endMs; seed += 1) {
    try {
      const told = await play(seed);
      count += 1;
      process.stderr.write(`${seed}: ${told}\n`);
    } catch (error) {
      throw new Error(`SHIPPER_SEED=${seed}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
  expect(count).toBeGreaterThan(0);
});
