// The registry contract against the registry of Debian.
import { connectRegistries } from '../../src/registry/connect.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import { registryContract } from '../contract/registry.contract.ts';
import { startRegistry } from './support/registry.ts';

registryContract('docker-registry', () => subject());

registryContract('docker-registry with htpasswd', () =>
  subject({ user: 'someone', password: 'secret:with colon' }),
);

async function subject(login?: { readonly user: string; readonly password: string }) {
  const running = await startRegistry(login === undefined ? {} : { login });
  const creds = login === undefined ? {} : { creds: `${login.user}:${login.password}` };
  const registry = connectRegistries(nodeSystem(), creds);
  const signal = new AbortController().signal;
  return {
    registry,
    ctx: { report: () => undefined, signal, clock: nodeClock(), scope: {} },
    domain: running.address,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await running.stop();
    },
  };
}
