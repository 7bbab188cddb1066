// Random faults in a swarm: answers that are lost, managers that are cut off, a deployer that is killed, releases that do not work,
// somebody who scales meanwhile. Then once more without faults: everything is of one release, or as it was, and the report says so.
// A failure prints its seed; SHIPPER_SEED=N runs that one alone.
import { expect, it } from 'vitest';
import { ShipperError } from '../../../src/core/errors.ts';
import type { RolloutReport } from '../../../src/rollout/rollout-types.ts';
import { amount } from '../../support/amount.ts';
import type { SwarmFault } from '../../support/fake-swarm-calls.ts';
import { chances, pick } from '../chances.ts';
import { SwarmWorld } from './world.ts';

const COUNT = Number(process.env['SHIPPER_ROLLOUTS'] ?? amount(5, 400));
const ONE = process.env['SHIPPER_SEED'];
/** Of a lock whose holder has died. */
const WAIT = { lockWaitMs: 300_000 };

type Services = Parameters<SwarmWorld['configure']>[0];

interface Plan {
  readonly services: (version: string, web?: string) => Services;
  /** What `web` does in the second release. */
  readonly web: string;
  readonly isBad: boolean;
  readonly healthTimeoutMs: number;
}

function planOf(chance: () => number): Plan {
  const action = pick(chance, ['rollback', 'rollback', 'pause', 'continue']);
  const update = `parallelism: ${pick(chance, [0, 1, 2])}, failure_action: ${action}`;
  const replicas = 1 + Math.floor(chance() * 3);
  const isBad = chance() < 0.3;
  const services = (version: string, web = `idle ${version}`): Services => ({
    db: { does: `idle ${version}`, replicas: 1, update },
    api: { does: `idle ${version}`, replicas, update },
    web: { does: web, replicas, update },
  });
  const web = isBad ? pick(chance, ['bad', 'frozen']) : 'idle 2';
  return { services, web, isBad, healthTimeoutMs: 15_000 };
}

/** What becomes of the calls of a run. Managers come back after a while. */
function faultsOf(world: SwarmWorld, chance: () => number, rate: number): () => SwarmFault {
  let backAtMs = 0;
  return () => {
    const now = world.time.nowMs;
    if (now >= backAtMs) world.cut.clear();
    if (chance() >= rate) return 'pass';
    return pick<() => SwarmFault>(chance, [
      () => 'drop-before',
      () => 'drop-after',
      () => {
        world.cut.add(pick(chance, ['a', 'b', 'c']));
        backAtMs = now + Math.floor(chance() * 40_000);
        return 'pass';
      },
      () => (chance() < 0.3 ? pick(chance, ['kill-before', 'kill-after']) : 'drop-after'),
    ])();
  };
}

/** Undefined where the deployer was killed, or refused to begin. */
async function attempt(work: Promise<RolloutReport>): Promise<RolloutReport | undefined> {
  return work.catch((error: unknown) => {
    if (error instanceof ShipperError) return undefined;
    throw error;
  });
}

async function play(seed: number): Promise<void> {
  const chance = chances(seed);
  const plan = planOf(chance);
  using place = { world: new SwarmWorld(), [Symbol.dispose]: () => world.place[Symbol.dispose]() };
  const { world } = place;
  const foreign = {
    ...{ id: 'x', version: 1, previous: undefined, update: undefined, updater: undefined },
    spec: {
      Name: 'somebody-elses',
      Labels: {},
      Mode: { Replicated: { Replicas: 1 } },
      TaskTemplate: { ContainerSpec: { Image: 'x' } },
    },
  };
  world.swarm.services.set('x', foreign);
  world.configure(plan.services('1'));
  expect((await world.rollout()).outcome).toBe('done');
  const before = world.running();
  world.configure(plan.services('2', plan.web));
  const { healthTimeoutMs } = plan;
  const rate = pick(chance, [0.01, 0.03, 0.1]);
  const told: string[] = [];
  const runs = 1 + Math.floor(chance() * 3);
  for (let run = 0; run < runs; run += 1) {
    world.intercept = faultsOf(world, chance, rate);
    const report = await attempt(world.rollout({ ...WAIT, healthTimeoutMs }));
    world.cut.clear();
    world.revive();
    told.push(report?.outcome ?? 'none');
    // What it says is what is there.
    if (report?.outcome === 'done') expect(world.running(), told.join()).not.toContain('idle 1');
    if (report?.outcome === 'rolled-back') expect(world.running(), told.join()).toBe(before);
  }
  const mend = pick(chance, ['resume', 'rollback', 'rollout'] as const);
  const mended = await attempt(world[mend]({ ...WAIT, healthTimeoutMs }));
  const rested = await attempt(world.resume({ ...WAIT }));
  told.push(`${mend} ${mended?.outcome}`, `resume ${rested?.outcome}`);
  const outcomes = told.join(', ');
  const whole = before.replaceAll('idle 1', 'idle 2');
  const isAtRest = ['done', 'unchanged', 'rolled-back'].includes(rested?.outcome ?? '');
  if (isAtRest)
    expect(plan.isBad ? [before] : [before, whole], outcomes).toContain(world.running());
  else expect(plan.isBad, outcomes).toBe(true);
  const { unfinished } = await world.status();
  if (isAtRest) expect(unfinished, outcomes).toBeUndefined();
  const left = world.configs().filter((name) => !name.startsWith('shipper-release'));
  expect(left, outcomes).toEqual(isAtRest ? [] : ['shipper-run-shop-prod']);
  expect(world.swarm.services.get('x'), outcomes).toBe(foreign);
  expect(foreign.version).toBe(1);
}

const seeds =
  ONE === undefined ? Array.from({ length: COUNT }, (_, index) => index + 1) : [Number(ONE)];

it(`${seeds.length} random rollouts in a swarm with faults end as they should`, async () => {
  for (const seed of seeds) {
    await play(seed).catch((error: unknown) => {
      throw new Error(`SHIPPER_SEED=${seed}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    });
  }
}, 600_000);
