// The swarm in memory keeps the contract of real managers.
import { swarmContract } from '../contract/swarm.contract.ts';
import { FakeHost } from '../support/fake-host.ts';
import { hostEngine } from '../support/fake-host-engine.ts';
import { FakeSwarm } from '../support/fake-swarm.ts';
import { fakeManager } from '../support/fake-swarm-calls.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

swarmContract('the swarm in memory', async () => {
  const time = new VirtualTime();
  const { clock } = time.process();
  const swarm = new FakeSwarm(clock, ['n1']);
  const engine = hostEngine(new FakeHost('n1', clock), { swarm: fakeManager(swarm) });
  const { signal } = new AbortController();
  return {
    engine,
    ctx: { report: () => undefined, signal, clock, scope: {} },
    images: { idle: 'shop/idle:1', bad: 'shop/idle:1' },
    pass: (ms) => time.run(clock.sleep(ms)).then(() => undefined),
    [Symbol.asyncDispose]: async () => engine[Symbol.asyncDispose](),
  };
});
