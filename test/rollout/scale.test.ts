// Many hosts take hardly longer than one: every call takes 100 ms, and time is virtual, so that only waiting counts.
import { expect, it } from 'vitest';
import { Model } from './model.ts';

const LATENCY_MS = 100;

/** How long a first rollout and one that replaces it take over `count` hosts, a container on each, in milliseconds. */
async function lastsMs(count: number): Promise<number> {
  const model = new Model(Array.from({ length: count }, (_, index) => `h${index + 1}`));
  const services = (version: string) => [
    { name: 'api', version, replicas: count, rules: { batch: { parallelism: 0, canary: 0 } } },
  ];
  const startedMs = model.time.nowMs;
  for (const version of ['v1', 'v2']) {
    const done = await model.rollout(services(version), { latencyMs: LATENCY_MS });
    expect(done?.result.outcome).toBe('done');
  }
  return model.time.nowMs - startedMs;
}

it('thirty hosts take at most 1.5 times as long as one', async () => {
  const one = await lastsMs(1);
  const thirty = await lastsMs(30);
  expect(thirty / one).toBeLessThanOrEqual(1.5);
});
