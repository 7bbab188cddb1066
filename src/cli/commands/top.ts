// `shipper top`: what the containers of an environment use, as a table that is drawn anew, or once.
import { failureOf } from '../../core/errors.ts';
import type { HostResult } from '../../fleet/group-result.ts';
import type { TopContainer } from '../../fleet/top.ts';
import { SILENT } from '../../report/renderer.ts';
import { type TopHost, topText } from '../../report/top-text.ts';
import { WHAT } from '../options.ts';
import { type Session, withProgress } from '../session.ts';
import { parseDuration } from '../values.ts';
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

interface TopFlags extends FleetFlags {
  readonly once?: boolean;
  readonly every?: number;
}

const EVERY_MS = 2000;
/** While it is drawn anew, a host that takes longer counts as one that does not answer. */
const LOOK_MS = 10_000;
const HOME_AND_CLEAR = '\x1b[H\x1b[J';
const CLEAR = '\x1b[2J';

export const topVerb: Verb<TopFlags> = {
  name: 'top',
  summary: 'what the containers of an environment use, as they run',
  about: `Shows every host of an environment with its containers: state, health, release, CPU and memory, as
the docker command counts them: 100% is one processor. On a terminal the table is drawn anew until it
is interrupted; elsewhere, with --once or --json, it is printed once.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  options: fleetOptions(
    { flags: '--once', about: 'print it once', group: WHAT },
    {
      flags: '--every <DURATION>',
      about: 'draw it anew so often',
      group: WHAT,
      parse: parseDuration,
      otherwise: '2s',
    },
  ),
  examples: [
    ['shipper top production', 'all of it, live'],
    ['shipper top production api --once', 'a service, once'],
  ],

  run(session, [environment, ...services], flags) {
    const { settings, system } = session;
    const isLive = system.stdio.stdoutIsTTY && !settings.json && !settings.quiet && !flags.once;
    return isLive
      ? live(session, environment, services, flags)
      : once(session, environment, services, flags);
  },
};

function once(
  session: Session,
  environment: string | undefined,
  services: readonly string[],
  flags: TopFlags,
): Promise<number> {
  const { settings, system } = session;
  const text = { colours: settings.outColours, verbose: settings.verbose };
  return runFleet<readonly TopContainer[]>(session, {
    what: `measure the containers of ${environment}`,
    words: ['top', environment ?? '', ...services],
    options: shipperOptions(environment, flags),
    skip: flags.skipUnreachable ?? 0,
    work: async (ship, onResult) => {
      const result = await ship.top(containerFilter(services, flags), { onResult });
      const hosts = result.results.map(hostOf);
      if (!settings.json && !settings.quiet) await system.stdio.writeOut(topText(hosts, text));
      return result;
    },
    quiet: () => undefined,
  });
}

function live(
  session: Session,
  environment: string | undefined,
  services: readonly string[],
  flags: TopFlags,
): Promise<number> {
  const { operations, settings, system } = session;
  const text = { colours: settings.outColours, verbose: settings.verbose };
  const chosen = containerFilter(services, flags);
  const options = { timeoutMs: LOOK_MS, ...shipperOptions(environment, flags) };
  return withProgress(
    session,
    `shipper top ${environment}`,
    async (inside, { signal, report, clock }) => {
      await using ship = await operations.openShipper(inside, { ...options, signal, report });
      const names = await ship.hosts();
      const hosts = new Map(
        names.map((host): [string, TopHost] => [host, { host, containers: undefined }]),
      );
      const draw = () => system.stdio.writeOut(HOME_AND_CLEAR + topText([...hosts.values()], text));
      await system.stdio.writeOut(CLEAR);
      for (;;) {
        await draw();
        const onResult = (result: HostResult<readonly TopContainer[]>) => {
          hosts.set(result.host, hostOf(result));
        };
        await ship.top(chosen, { onResult });
        await draw();
        await clock.sleep(flags.every ?? EVERY_MS, signal);
      }
    },
    // Nothing is written over the table.
    () => SILENT,
  );
}

function hostOf(result: HostResult<readonly TopContainer[]>): TopHost {
  const { host } = result;
  if (result.ok) return { host, containers: result.value };
  return { host, containers: undefined, error: failureOf(result.error) };
}
