// `shipper watch`: what stops or turns unhealthy in an environment runs again.
import { given } from '../../core/given.ts';
import type { WatchEvent } from '../../fleet/watch.ts';
import { watchLine } from '../../report/fleet-text.ts';
import { plainRenderer } from '../../report/plain.ts';
import { mediaOptions, REGISTRY_OPTIONS, type RegistryFlags, WHAT } from '../options.ts';
import { withProgress } from '../session.ts';
import { countUpTo, parseDuration } from '../values.ts';
import type { Verb } from '../verb.ts';
import { ENVIRONMENT } from './environment-options.ts';
import { type FleetFlags, shipperOptions, WHICH_SERVICES, watchOptions } from './fleet-options.ts';
import { Printer } from './printer.ts';

interface WatchFlags extends FleetFlags, RegistryFlags {
  readonly limit?: number;
  readonly backOff?: number;
  readonly settled?: number;
}

export const watchVerb: Verb<WatchFlags> = {
  name: 'watch',
  summary: 'mend what stops or turns unhealthy, until it is interrupted',
  about: `Watches the slots of an environment and mends what stops, is paused, removed or turns unhealthy,
as "shipper ensure" does: after a pause that doubles with each try, and not any more after --limit
tries in a row. Containers that their engine restarts are left to it, and told when it does so again
and again; those that "shipper stop" stopped stay so. Hosts that do not answer are asked again. With
--json each event is an object on a line of its own.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: [
    ...watchOptions(
      {
        flags: '--limit <N>',
        about: 'give a slot up after so many tries in a row',
        group: WHAT,
        parse: countUpTo(1_000_000),
        otherwise: '5',
      },
      {
        flags: '--back-off <DURATION>',
        about: 'from a trouble to the first try; then twice as long each time, up to a minute',
        group: WHAT,
        parse: parseDuration,
        otherwise: '1s',
      },
      {
        flags: '--settled <DURATION>',
        about: 'what has worked for so long is as if it had never failed',
        group: WHAT,
        parse: parseDuration,
        otherwise: '10m',
      },
    ),
    ...REGISTRY_OPTIONS,
  ],
  examples: [
    ['shipper watch production', 'all of it'],
    ['shipper watch staging worker --limit 3 --back-off 10s', 'a service, less patiently'],
  ],

  async run(session, [environment, ...services], flags) {
    const { operations, settings, system } = session;
    const { limit, backOff: firstPauseMs, settled: settledMs } = flags;
    const options = { ...shipperOptions(environment, flags), ...mediaOptions(flags) };
    const printer = new Printer((text) => system.stdio.writeOut(text));
    const text = { colours: settings.outColours, verbose: settings.verbose };
    const show = (event: WatchEvent) => {
      if (settings.json) printer.print(`${JSON.stringify(event)}\n`);
      else if (!settings.quiet || event.kind === 'given-up') printer.print(watchLine(event, text));
    };
    const watching = withProgress(
      session,
      `shipper watch ${environment}`,
      async (inside, { signal, report }) => {
        await using ship = await operations.openShipper(inside, { ...options, signal, report });
        const rules = given({ limit, firstPauseMs, settledMs });
        return await ship.watch({ services, ...rules, onEvent: show });
      },
      ({ write, clock }) => plainRenderer({ write, clock }),
    );
    return await watching.finally(() => printer.done());
  },
};
