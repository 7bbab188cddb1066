// `shipper pull`: the images of an environment on its hosts, ahead of a rollout.
import { safe } from '../../report/text.ts';
import { mediaOptions, REGISTRY_OPTIONS, type RegistryFlags } from '../options.ts';
import type { Verb } from '../verb.ts';
import { DRY_RUN, ENVIRONMENT } from './environment-options.ts';
import { type FleetFlags, hostOptions, shipperOptions, WHICH_SERVICES } from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface PullFlags extends FleetFlags, RegistryFlags {}

export const pullVerb: Verb<PullFlags> = {
  name: 'pull',
  summary: 'bring the images of an environment to its hosts, ahead of a rollout',
  about: `Brings the images that the services of an environment name now to all of its hosts, by digest, so
that a rollout finds them there. What is there is not fetched again. No container is touched.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: [...hostOptions(DRY_RUN), ...REGISTRY_OPTIONS],
  examples: [
    ['shipper pull production', 'every service'],
    ['shipper pull production api --hosts s1', 'a service, to one host'],
  ],

  run(session, [environment, ...services], flags) {
    return runFleet<readonly string[]>(session, {
      what: `pull the images of ${environment}`,
      words: ['pull', environment ?? '', ...services],
      options: { ...shipperOptions(environment, flags), ...mediaOptions(flags) },
      skip: flags.skipUnreachable ?? 0,
      work: (ship, onResult) => ship.pullServices(services, { onResult }),
      line: ({ host, value }, { colours }) => {
        const did = flags.dryRun ? 'would have' : 'has';
        const lines = value.map((image) => `${colours.bold(safe(host))} ${did} ${safe(image)}\n`);
        return lines.join('');
      },
      quiet: (images) => (images.length === 0 ? undefined : images.join('\n')),
    });
  },
};
