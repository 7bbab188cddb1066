// Killed at any call of a rollout over three hosts, and run again: faults D7 and D16 to D18, and the invariants of faults.md 2.7.
import { describe, expect, it } from 'vitest';
import { amount } from '../support/amount.ts';
import type { CallFault } from '../support/fake-host-engine.ts';
import { Model, type ModelService } from './model.ts';

const HEALTH = { healthcheck: true };

function services(version: string, part: Partial<ModelService> = {}): readonly ModelService[] {
  return [
    { name: 'api', version, replicas: 4, rules: { batch: { parallelism: 2, canary: 0 } }, ...part },
    { name: 'worker', version, replicas: 2, ...part },
  ];
}

/** How many calls a rollout without faults makes. */
async function countCalls(
  prepare: () => Promise<Model>,
  part: Partial<ModelService>,
): Promise<number> {
  const model = await prepare();
  let calls = 0;
  const intercept = () => {
    calls += 1;
    return 'pass' as const;
  };
  await model.rollout(services('v2', part), { intercept });
  return calls;
}

async function deployed(part: Partial<ModelService>): Promise<Model> {
  const model = new Model();
  await model.rollout(services('v1', part));
  return model;
}

const AT_END = (version: string) =>
  `a: api.1=${version} api.4=${version} worker.1=${version}; b: api.2=${version} worker.2=${version}; c: api.3=${version}`;

describe.each<[string, Partial<ModelService>]>([
  ['start-first', HEALTH],
  ['stop-first', { rules: { order: 'stop-first', batch: { parallelism: 2, canary: 0 } } }],
])('a %s rollout that is killed', (order, part) => {
  const prepare = () => deployed(part);

  it.each<['kill-before' | 'kill-after', string]>([
    ['kill-before', 'rollout'],
    ['kill-after', 'rollout'],
    ['kill-after', 'resume'],
    ['kill-after', 'rollback'],
  ])(
    'at any call (%s) ends well by %s (D7)',
    async (kill, mend) => {
      const calls = await countCalls(prepare, part);
      expect(calls).toBeGreaterThan(100);
      for (let at = amount(3, 1); at <= calls; at += amount(241, 1)) {
        const model = await prepare();
        const watched = model.watch();
        let call = 0;
        const intercept = (): CallFault => {
          call += 1;
          return call === at ? kill : 'pass';
        };
        const killed = await model.rollout(services('v2', part), { intercept });
        expect(killed, `call ${at}`).toBeUndefined();
        const again =
          mend === 'resume'
            ? await model.resume(services('v2', part))
            : mend === 'rollback'
              ? await model.rollback(services('v2', part)).catch(() => undefined)
              : await model.rollout(services('v2', part));
        const where = `killed at call ${at} of ${calls}`;
        if (mend === 'rollout') {
          expect(['done', 'unchanged'], where).toContain(again?.result.outcome);
          expect(model.serving(), where).toBe(AT_END('v2'));
        } else {
          // Where nothing was begun there is nothing to be done, and what runs stays.
          const serving = model.serving();
          expect([AT_END('v1'), AT_END('v2')], `${where}: ${again?.result.outcome}`).toContain(
            serving,
          );
        }
        expect(again?.result.results.size ?? 0, where).toBeGreaterThanOrEqual(0);
        if (order === 'start-first') expect(watched.dark, where).toEqual([]);
      }
    },
    300_000,
  );
});
