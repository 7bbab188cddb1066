// `shipper start`, `stop` and `restart`: the containers of an environment on all of its hosts.
import { given } from '../../core/given.ts';
import type { Acted, ActKind } from '../../fleet/acts.ts';
import type { Chosen } from '../../fleet/chosen.ts';
import type { GroupResult } from '../../fleet/group-result.ts';
import type { FleetShipper } from '../../fleet/shipper.ts';
import type { CallOptions } from '../../fleet/shipper-options.ts';
import { actedLine } from '../../report/fleet-text.ts';
import { WHAT } from '../options.ts';
import type { Session } from '../session.ts';
import { countUpTo, parseDuration } from '../values.ts';
import type { OptionSpec, Verb } from '../verb.ts';
import { DRY_RUN, ENVIRONMENT } from './environment-options.ts';
import {
  containerFilter,
  type FleetFlags,
  fleetOptions,
  shipperOptions,
  WHICH_SERVICES,
} from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface ActFlags extends FleetFlags {
  readonly time?: number;
  readonly batch?: number;
}

const TIME: OptionSpec = {
  flags: '-t, --time <DURATION>',
  about: 'kill what has not stopped by then',
  group: WHAT,
  parse: parseDuration,
  otherwise: 'stop_grace_period of the service',
};

const BATCH: OptionSpec = {
  flags: '--batch <N>',
  about: 'so many at a time, over all hosts: the next once those before work',
  group: WHAT,
  parse: countUpTo(10_000),
  otherwise: 'all at once, and nobody watches whether they work',
};

export const startVerb: Verb<ActFlags> = {
  name: 'start',
  summary: 'start containers of an environment that do not run',
  about: `Starts the containers of an environment that were stopped: in each slot the one of the release that
runs. Paused ones go on, and what runs stays untouched. Containers that are missing are made by
"shipper ensure".`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: fleetOptions(DRY_RUN),
  examples: [
    ['shipper start staging', 'all of them'],
    ['shipper start staging api --hosts s1', 'a service on one host'],
  ],
  run: (session, args, flags) =>
    runAct(session, 'start', args, flags, (ship, chosen, call) => ship.start(chosen, call)),
};

export const stopVerb: Verb<ActFlags> = {
  name: 'stop',
  summary: 'stop containers of an environment',
  about: `Stops the containers of an environment that run. They stay stopped, also when their engine is
restarted, until "shipper start", "shipper ensure" or a rollout starts them.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: fleetOptions(TIME, DRY_RUN),
  examples: [
    ['shipper stop staging worker', 'a service'],
    ['shipper stop staging --dry-run', 'which containers that would be'],
  ],
  run: (session, args, flags) =>
    runAct(session, 'stop', args, flags, (ship, chosen, call) =>
      ship.stop(chosen, { ...call, ...given({ graceMs: flags.time }) }),
    ),
};

export const restartVerb: Verb<ActFlags> = {
  name: 'restart',
  summary: 'restart containers of an environment',
  about: `Restarts the containers of an environment, all at once, or with --batch a few at a time: the next
ones once those before run, and their health checks say so. After the first that does not work
nothing more is restarted.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: fleetOptions(BATCH, TIME, DRY_RUN),
  examples: [
    ['shipper restart staging', 'all at once'],
    ['shipper restart production api --batch 2', 'two at a time, while the others serve'],
  ],
  run: (session, args, flags) =>
    runAct(session, 'restart', args, flags, (ship, chosen, call) =>
      ship.restart(chosen, { ...call, ...given({ graceMs: flags.time, batch: flags.batch }) }),
    ),
};

function runAct(
  session: Session,
  kind: ActKind,
  [environment, ...services]: readonly string[],
  flags: ActFlags,
  work: (
    ship: FleetShipper,
    chosen: Chosen,
    call: CallOptions<Acted>,
  ) => Promise<GroupResult<Acted>>,
): Promise<number> {
  const chosen = containerFilter(services, flags);
  return runFleet<Acted>(session, {
    what: `${kind} containers of ${environment}`,
    words: [kind, environment ?? '', ...services],
    options: shipperOptions(environment, flags),
    skip: flags.skipUnreachable ?? 0,
    work: (ship, onResult) => work(ship, chosen, { onResult }),
    line: ({ value }, options) => actedLine(value, kind, options),
    quiet: ({ container }) => container.name,
  });
}
