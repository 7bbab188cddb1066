// What the doctor reaches things with outside of tests.
import { connectEngine } from '../engine/client.ts';
import { findEndpoint } from '../engine/endpoint.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import { findBuildx } from '../pipeline/build/find-buildx.ts';
import { connectRegistries } from '../registry/connect.ts';
import { connectHost } from '../rollout/connect-host.ts';
import type { System } from '../system/system.ts';
import type { DoctorParts } from './doctor.ts';

/** The real parts; `media` says how registries and the engine of this machine are reached. */
export function realDoctorParts(system: System, media: MediaOptions): DoctorParts {
  return {
    system,
    connect: (choice, patienceMs) => connectHost(system, choice, patienceMs),
    async engineFacts(ctx) {
      const { endpoint } = await findEndpoint(system, media);
      await using engine = connectEngine(endpoint, system);
      return await engine.facts(ctx);
    },
    builder: (ctx, name) => findBuildx(system, ctx, media, name),
    async checkPush(ctx, { repository }) {
      await using registry = connectRegistries(system, media);
      await registry.checkPush(ctx, repository);
    },
  };
}
