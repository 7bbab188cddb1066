// The contract of containers, and that of images, for the host in memory.
import { containersContract } from '../contract/containers.contract.ts';
import { engineContract } from '../contract/engine.contract.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { CONTRACT_PULLS, contractHost, fastClock } from '../support/fake-contract.ts';
import { FakeHost } from '../support/fake-host.ts';
import { hostEngine } from '../support/fake-host-engine.ts';
import { clientOf, testContext } from './support.ts';

containersContract('the host in memory', async () => {
  const clock = fastClock(10);
  const engine = hostEngine(contractHost(clock));
  return {
    engine,
    ctx: { ...testContext(), clock },
    port: 8080,
    pulls: CONTRACT_PULLS,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
});

containersContract('the fake engine', async () => {
  const clock = fastClock(10);
  const fake = await startFakeEngine({ host: contractHost(clock) });
  const engine = clientOf(fake);
  return {
    engine,
    ctx: { ...testContext(), clock },
    port: 8080,
    pulls: CONTRACT_PULLS,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await fake.stop();
    },
  };
});

engineContract('the host in memory', async () => {
  const ctx = testContext();
  const engine = hostEngine(new FakeHost('a', ctx.clock));
  return { engine, ctx, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };
});
