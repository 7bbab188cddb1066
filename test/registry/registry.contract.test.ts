import { registryContract } from '../contract/registry.contract.ts';
import { type FakeRegistryOptions, startFakeRegistry } from '../support/registry-server.ts';
import { clientOf } from './client-support.ts';

const FAKES: Readonly<Record<string, FakeRegistryOptions>> = {
  'the fake registry': {},
  'the fake registry without lists of referrers': { hasReferrers: false },
  'the fake registry with absolute locations': { hasRelativeLocations: false },
};

for (const [name, options] of Object.entries(FAKES)) {
  registryContract(name, async () => {
    const fake = await startFakeRegistry(options);
    const { registry, ctx } = clientOf(fake, {});
    return {
      registry,
      ctx,
      domain: fake.address,
      async [Symbol.asyncDispose]() {
        await registry[Symbol.asyncDispose]();
        await fake.stop();
      },
    };
  });
}
