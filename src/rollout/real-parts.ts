// What rollouts bring along outside of tests.
import type { MediaOptions } from '../operations/flatten-types.ts';
import type { System } from '../system/system.ts';
import { loginsFor } from '../transport/engine-logins.ts';
import { Transports } from '../transport/open.ts';
import { connectHost } from './connect-host.ts';
import { Delivery } from './delivery.ts';
import type { RolloutParts } from './environment.ts';
import { hookRunner } from './hooks.ts';
import { imageResolver } from './images.ts';
import { inOrder, serviceRules } from './service-rules.ts';
import { readShipReport } from './ship-report-file.ts';
import { wantedServices } from './wanted.ts';

/** The real parts. `version` is that of shipper; `media` says how registries and the engine of this machine are reached. */
export function realParts(system: System, version: string, media: MediaOptions): RolloutParts {
  return {
    version,
    connect: (choice, patienceMs) => connectHost(system, choice, patienceMs),
    async wanted(ctx, opened, { services = [], report }, images) {
      await using transports = new Transports(system, media);
      const { project } = opened;
      const shipped =
        report === undefined ? undefined : await readShipReport(system, report, project.name);
      const resolve = imageResolver({ project, transports, shipped });
      return await wantedServices(
        ctx,
        opened,
        services,
        async (inside, service) => images?.get(service.name) ?? (await resolve(inside, service)),
      );
    },
    rules({ environment }) {
      return inOrder(environment.services).map((service) => serviceRules(service, undefined));
    },
    async login(ctx, pinned) {
      const [login] = Object.values(await loginsFor(system, ctx, media, [pinned]));
      return login;
    },
    images: (opened) => new Delivery(opened, media),
    hooks: ({ environment, scope, project }, lockEnv) =>
      hookRunner({ system, environment, scope, folder: project.folder, lockEnv }),
  };
}
