// `shipper logs`: what the containers of an environment write, as one stream.
import { given } from '../../core/given.ts';
import type { Logged } from '../../fleet/logs.ts';
import { LineText } from '../../report/line-text.ts';
import { WHAT } from '../options.ts';
import { countFrom0, parseDuration, parseTimestamp, usage } from '../values.ts';
import type { Verb } from '../verb.ts';
import { ENVIRONMENT } from './environment-options.ts';
import { NO_PREFIX } from './exec.ts';
import {
  containerFilter,
  type FleetFlags,
  shipperOptions,
  streamOptions,
  WHICH_SERVICES,
} from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface LogsFlags extends FleetFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly since?: Date | number;
  readonly timestamps?: boolean;
  readonly prefix?: boolean;
}

export const logsVerb: Verb<LogsFlags> = {
  name: 'logs',
  summary: 'what the containers of an environment write, as one stream',
  about: `Prints the logs of all containers of an environment, each line behind the name of its container,
ordered by time within what has come. With --follow it goes on with what comes, also from containers
that start meanwhile, and connects again to hosts that were away, without losing or repeating a line;
it ends when none of the containers runs any more.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: streamOptions(
    { flags: '-f, --follow', about: 'go on with what comes', group: WHAT },
    {
      flags: '-n, --tail <N>',
      about: 'at most so many of the last lines of each container',
      group: WHAT,
      parse: countFrom0,
      otherwise: 'all',
    },
    {
      flags: '--since <WHEN>',
      about: 'only what is newer: a time, or 10m for the last ten minutes',
      group: WHAT,
      parse: parseSince,
    },
    {
      flags: '-t, --timestamps',
      about: "when each line was written, by its host's clock",
      group: WHAT,
    },
    NO_PREFIX,
  ),
  examples: [
    ['shipper logs staging -f', 'all that is written from now on, and what was'],
    ['shipper logs staging api --tail 20', 'the last lines of a service'],
    ['shipper logs production --since 10m -t', 'the last ten minutes, with times'],
  ],

  run(session, [environment, ...services], flags) {
    const { settings, system } = session;
    const { follow, tail, since, timestamps = false, prefix = true } = flags;
    const text = new LineText({ colours: settings.outColours, prefix, timestamps });
    if (settings.json && follow) {
      throw usage('Cannot combine --json with --follow: one object has an end');
    }
    const kept: object[] = [];
    const chosen = containerFilter(services, flags);
    return runFleet<Logged>(session, {
      what: `read the logs of ${environment}`,
      words: ['logs', environment ?? '', ...services],
      options: shipperOptions(environment, flags),
      skip: flags.skipUnreachable ?? 0,
      work: (ship, onResult) =>
        ship.logs(chosen, {
          ...given({ follow, tail, since }),
          onResult,
          onLines: async (lines) => {
            if (!settings.json) return system.stdio.writeOut(text.lines(lines));
            for (const { container, ...line } of lines) {
              kept.push({ host: container.host, container: container.name, ...line });
            }
          },
        }),
      quiet: () => undefined,
      json: () => ({ lines: kept }),
    });
  },
};

/** A time as `parseTimestamp` knows it, or a duration before now. */
function parseSince(option: string, text: string): Date | number {
  const isDuration = /^\d+(?:\.\d+)?(?:ms|s|m|h)/.test(text);
  if (isDuration) return parseDuration(option, text);
  const time = parseTimestamp(option, text);
  return new Date(/^\d+$/.test(time) ? Number(time) * 1000 : Date.parse(time));
}
