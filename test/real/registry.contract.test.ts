// The registry contract against the registry of Debian: open, behind htpasswd, behind a token server.
import { connectRegistries } from '../../src/registry/connect.ts';
import { nodeClock, nodeSystem } from '../../src/system/node.ts';
import { registryContract } from '../contract/registry.contract.ts';
import { type RegistryOptions, startRegistry } from './support/registry.ts';
import { startTokenServer } from './support/token-server.ts';

const LOGIN = { user: 'someone', password: 'secret:with colon' };

registryContract('docker-registry', () => subject({}));

registryContract('docker-registry with htpasswd', () => subject({ login: LOGIN }));

registryContract('docker-registry with a token server', async () => {
  const tokens = await startTokenServer(LOGIN, 60);
  return subject({ config: { auth: tokens.auth } }, tokens);
});

async function subject(options: RegistryOptions, part?: AsyncDisposable) {
  const running = await startRegistry(options);
  const isOpen = options.login === undefined && part === undefined;
  const creds = isOpen ? {} : { creds: `${LOGIN.user}:${LOGIN.password}` };
  const registry = connectRegistries(nodeSystem(), creds);
  const signal = new AbortController().signal;
  return {
    registry,
    ctx: { report: () => undefined, signal, clock: nodeClock(), scope: {} },
    domain: running.address,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await running.stop();
      await part?.[Symbol.asyncDispose]();
    },
  };
}
