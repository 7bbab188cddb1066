// What the fleet works with outside of tests.
import { given } from '../core/given.ts';
import { connectEngine } from '../engine/client.ts';
import { findEndpoint } from '../engine/endpoint.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import { connectHost } from '../rollout/connect-host.ts';
import type { System } from '../system/system.ts';
import type { FleetParts } from './fleet-parts.ts';

/** The real parts. `version` is that of shipper; `media` says how registries are reached. */
export function realFleetParts(system: System, version: string, media: MediaOptions): FleetParts {
  const { creds, authfile, insecure, mirrors } = media;
  return {
    system,
    media: given({ creds, authfile, insecure, mirrors }),
    connect: (choice, patienceMs) => connectHost(system, choice, patienceMs),
    async usual() {
      const { endpoint, text } = await findEndpoint(system);
      const connect = async (idleMs: number) => connectEngine(endpoint, system, { idleMs });
      return { name: text, place: {}, connect };
    },
    async login(ctx, image) {
      const { loginsFor } = await import('../transport/engine-logins.ts');
      const [login] = Object.values(await loginsFor(system, ctx, media, [image]));
      return login;
    },
    async rollout() {
      const { realParts } = await import('../rollout/real-parts.ts');
      return realParts(system, version, media);
    },
  };
}
