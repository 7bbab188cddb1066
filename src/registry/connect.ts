// The client of a run: the parts of this folder over the real network.
import { chanceOf } from '../core/retry.ts';
import type { System } from '../system/system.ts';
import { createAuthorizer } from './bearer.ts';
import type { CertsSystem } from './certs.ts';
import { registryClient } from './client.ts';
import { createHosts } from './hosts.ts';
import { createKeychain, type KeychainSystem } from './keychain.ts';
import { proxyFor } from './proxy.ts';
import type { Registry, RegistryChoice } from './registry.ts';
import { undiciSend } from './undici-exchange.ts';
import type { Patience } from './watch.ts';

/** What registries need of the machine. */
export type RegistrySystem = CertsSystem & KeychainSystem & Pick<System, 'clock' | 'random'>;

/**
 * A client of all registries that a run names, reached as `choice` says. Connects on the first call; dispose it. `USAGE` when
 * the choice cannot be understood.
 */
export function connectRegistries(
  system: RegistrySystem,
  choice: RegistryChoice = {},
  patience: Partial<Patience> = {},
): Registry {
  const { send, close } = undiciSend({
    proxyFor: (url) => proxyFor(system.env, url),
    patience,
  });
  const hosts = createHosts(system, choice, send);
  const keychain = createKeychain(system, choice);
  const authorizer = createAuthorizer({ send, keychain, hosts, clock: system.clock });
  const chance = chanceOf(system);
  return registryClient({ send, authorizer, hosts, chance, close });
}
