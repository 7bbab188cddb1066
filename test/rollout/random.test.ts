// Random faults: calls that are lost before or after their effect, delayed or refused, hosts that reboot, a deployer that is
// killed, releases that do not work. Then once more without faults: the invariants of issue 5, "Model". A failure prints its
// seed; SHIPPER_SEED=N runs that one alone.
import { expect, it } from 'vitest';
import { ShipperError } from '../../src/core/errors.ts';
import type { UpdateOrder } from '../../src/rollout/slot-plan.ts';
import { amount } from '../support/amount.ts';
import type { CallFault } from '../support/fake-host-engine.ts';
import { chances, pick } from './chances.ts';
import { Model, type ModelService } from './model.ts';

const COUNT = Number(process.env['SHIPPER_ROLLOUTS'] ?? amount(10, 1000));
const ONE = process.env['SHIPPER_SEED'];

interface World {
  readonly services: (version: string) => readonly ModelService[];
  readonly isStartFirst: boolean;
  readonly isChecked: boolean;
}

function worldOf(chance: () => number): World {
  const order: UpdateOrder = chance() < 0.6 ? 'start-first' : 'stop-first';
  const parallelism = pick(chance, [0, 1, 2, 3]);
  const failureAction = pick(chance, ['rollback', 'rollback', 'pause', 'continue'] as const);
  const healthcheck = chance() < 0.5;
  const replicas = 1 + Math.floor(chance() * 5);
  const rules = {
    order,
    failureAction,
    batch: { parallelism, canary: chance() < 0.3 ? 1 : 0 },
  } as const;
  const back = { batch: { parallelism: pick(chance, [0, 1, 2]), canary: 0 }, order };
  const services = (version: string): readonly ModelService[] => [
    { name: 'api', version, replicas, healthcheck, rules, back },
    { name: 'worker', version, replicas: 2, healthcheck, rules, back },
  ];
  return { services, isStartFirst: order === 'start-first', isChecked: healthcheck };
}

function faultsOf(chance: () => number, rate: number): () => CallFault {
  return () => {
    if (chance() >= rate) return 'pass';
    return pick<() => CallFault>(chance, [
      () => 'drop-before',
      () => 'drop-after',
      () => ({ delayMs: Math.floor(chance() * 20_000) }),
      () => ({ status: 500 }),
      () => (chance() < 0.2 ? 'kill-after' : 'drop-after'),
    ])();
  };
}

/** What a run may reject with before it has changed anything. */
function isRefusal(error: unknown): boolean {
  return error instanceof ShipperError;
}

async function play(seed: number): Promise<void> {
  const chance = chances(seed);
  const world = worldOf(chance);
  const model = new Model();
  const foreign = model.hosts.map((host) => {
    host.pullable.set('foreign:1', 'sha256:f');
    host.pulled.set('foreign:1', 'sha256:f');
    const made = host.create('somebody-elses', {
      Image: 'foreign:1',
      Labels: {},
      HostConfig: { RestartPolicy: { Name: 'always' } },
    });
    host.start(made);
    return made;
  });
  const first = await model.rollout(world.services('v1'));
  expect(first?.result.outcome).toBe('done');
  const before = model.serving();
  const watched = model.watch();
  const isBad = chance() < 0.3;
  if (isBad) {
    // Each service has its first slot there.
    const [host] = model.hosts;
    host?.behaviours.set(
      ':v2',
      pick(chance, [
        { crashAfterMs: 1500 },
        world.isChecked ? { healthyAfterMs: 1e9 } : { crashAfterMs: 3000 },
        { startError: 'no' },
      ]),
    );
  }
  const intercept = faultsOf(chance, pick(chance, [0.01, 0.03, 0.1]));
  const reboots = chance() < 0.2;
  const rebooting = () => {
    if (reboots && chance() < 0.005) pick(chance, model.hosts).reboot();
    return intercept();
  };
  // A reboot leaves nobody served for a moment by itself.
  const runs = 1 + Math.floor(chance() * 3);
  for (let run = 0; run < runs; run += 1) {
    await model.rollout(world.services('v2'), { intercept: rebooting }).catch((error) => {
      if (!isRefusal(error)) throw error;
    });
  }
  const mend = pick(chance, ['resume', 'rollback', 'rollout'] as const);
  const services = world.services('v2');
  const work =
    mend === 'resume'
      ? model.resume(services)
      : mend === 'rollback'
        ? model.rollback(services)
        : model.rollout(services);
  const mended = await work.catch((error: unknown) => {
    if (!isRefusal(error)) throw error;
    return undefined;
  });
  // Whatever it was, one more resume brings rest where something was left half-way.
  const rested = await model.resume(services);
  const outcomes = `${mend}: ${mended?.result.outcome}, resume: ${rested?.result.outcome}`;
  const serving = model
    .serving()
    .replaceAll(/somebody|undefined\.undefined=1 ?/g, '')
    .trim();
  const clean = (text: string) =>
    text
      .replaceAll(/undefined\.undefined=1 ?/g, '')
      .replaceAll(/ +;/g, ';')
      .trim();
  const old = clean(before);
  const wanted = isBad ? [old] : [old, old.replaceAll('v1', 'v2')];
  const isAtRest = ['done', 'unchanged', 'rolled-back'].includes(rested?.result.outcome ?? 'none');
  if (isAtRest) expect(wanted, outcomes).toContain(clean(serving));
  else expect(isBad, outcomes).toBe(true);
  if (world.isStartFirst && !reboots) expect(watched.dark, outcomes).toEqual([]);
  for (const [index, host] of model.hosts.entries()) {
    expect(host.containers.get(foreign[index]?.id ?? ''), outcomes).toBe(foreign[index]);
    expect(foreign[index]?.status).toBe('running');
    expect(host.find('shipper-lock-shop-staging'), outcomes).toBeUndefined();
  }
}

const seeds =
  ONE === undefined ? Array.from({ length: COUNT }, (_, index) => index + 1) : [Number(ONE)];

it(`${seeds.length} random rollouts with faults end as they should`, async () => {
  for (const seed of seeds) {
    await play(seed).catch((error: unknown) => {
      throw new Error(`SHIPPER_SEED=${seed}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    });
  }
}, 600_000);
