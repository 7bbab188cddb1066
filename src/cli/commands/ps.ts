// `shipper ps`: the containers of an environment on all of its hosts.
import type { FleetContainer } from '../../fleet/fleet-container.ts';
import { currentOnes } from '../../fleet/selection.ts';
import { ContainerTable } from '../../report/fleet-text.ts';
import { WHAT } from '../options.ts';
import type { Verb } from '../verb.ts';
import { ENVIRONMENT } from './environment-options.ts';
import {
  containerFilter,
  type FleetFlags,
  fleetOptions,
  shipperOptions,
  WHICH_SERVICES,
} from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface PsFlags extends FleetFlags {
  readonly all?: boolean;
}

export const psVerb: Verb<PsFlags> = {
  name: 'ps',
  summary: 'the containers of an environment, on all of its hosts',
  about: `Lists the containers of an environment, host by host as they answer: of each slot those that run,
else its newest one. With --all also older ones, which are kept for a way back; with --verbose ids
and commands; with --quiet only names. A host that does not answer is named, and keeps nobody waiting.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: fleetOptions({
    flags: '-a, --all',
    about: 'also older containers, which do not run',
    group: WHAT,
  }),
  examples: [
    ['shipper ps staging', 'what runs'],
    ['shipper ps staging api --all', 'every container of a service'],
    ['shipper ps staging --any', 'whatever there is on its hosts'],
  ],

  run(session, [environment, ...services], { all = false, ...flags }) {
    const { settings } = session;
    const table = new ContainerTable({ colours: settings.outColours, verbose: settings.verbose });
    const chosen = containerFilter(services, flags);
    return runFleet<readonly FleetContainer[]>(session, {
      what: `list the containers of ${environment}`,
      words: ['ps', environment ?? '', ...services],
      options: shipperOptions(environment, flags),
      skip: flags.skipUnreachable ?? 0,
      work: async (ship, told) => {
        const shown = (each: readonly FleetContainer[]) => (all ? each : currentOnes(each));
        const result = await ship.containers(chosen, {
          onResult: (each) => told(each.ok ? { ...each, value: shown(each.value) } : each),
        });
        return result.map((containers) => shown(containers));
      },
      line: ({ value }) => table.host(value),
      quiet: (value) => (value.length === 0 ? undefined : value.map(({ name }) => name).join('\n')),
    });
  },
};
