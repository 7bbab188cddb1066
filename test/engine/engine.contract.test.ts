import { engineContract } from '../contract/engine.contract.ts';
import { startFakeEngine } from '../support/engine-server.ts';
import { clientOf, testContext } from './support.ts';

engineContract('the fake engine', async () => {
  const fake = await startFakeEngine();
  const engine = clientOf(fake);
  return {
    engine,
    ctx: testContext(),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await fake.stop();
    },
  };
});
