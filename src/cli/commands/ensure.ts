// `shipper ensure`: an environment runs what it should.
import type { Ensured } from '../../fleet/ensure.ts';
import { ensuredLine } from '../../report/fleet-text.ts';
import { mediaOptions, REGISTRY_OPTIONS, type RegistryFlags } from '../options.ts';
import type { Verb } from '../verb.ts';
import { DRY_RUN, ENVIRONMENT } from './environment-options.ts';
import { type FleetFlags, hostOptions, shipperOptions, WHICH_SERVICES } from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface EnsureFlags extends FleetFlags, RegistryFlags {}

export const ensureVerb: Verb<EnsureFlags> = {
  name: 'ensure',
  summary: 'make sure that an environment runs what it should',
  about: `Brings every slot of the release that runs to exactly its container, and waits until that works:
what is missing is made, what was stopped, paused or never started is started, what is unhealthy is
restarted, what is of another image or release is replaced. Each host is mended by itself, under its
lock; nothing is rolled out.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: [...hostOptions(DRY_RUN), ...REGISTRY_OPTIONS],
  examples: [
    ['shipper ensure staging', 'all of it'],
    ['shipper ensure production --dry-run', 'what is wrong there'],
  ],

  run(session, [environment, ...services], flags) {
    return runFleet<Ensured>(session, {
      what: `make sure of ${environment}`,
      words: ['ensure', environment ?? '', ...services],
      options: { ...shipperOptions(environment, flags), ...mediaOptions(flags) },
      skip: flags.skipUnreachable ?? 0,
      work: (ship, onResult) => ship.ensure(services, { onResult }),
      line: ({ value }, options) => ensuredLine(value, options),
      quiet: ({ service, slot, did }) => (did === 'unchanged' ? undefined : `${service}.${slot}`),
    });
  },
};
