// The way from a host of the configuration to its engine.
import type { HostChoice } from '../config/environment-types.ts';
import { connectEngine } from '../engine/client.ts';
import { findEndpoint } from '../engine/endpoint.ts';
import type { Engine } from '../engine/engine.ts';
import type { System } from '../system/system.ts';

/** Connects to the engine of a host, which may do nothing for `patienceMs`; nothing is sent before its first call. */
export async function connectHost(
  system: System,
  { kind, address }: Pick<HostChoice, 'kind' | 'address'>,
  patienceMs: number,
): Promise<Engine> {
  const options = kind === 'context' ? { context: address } : { host: address };
  const { endpoint } = await findEndpoint(system, options);
  return connectEngine(endpoint, system, { idleMs: patienceMs });
}
