// `shipper exec`: a command in the containers of an environment, on all of its hosts.
import { given } from '../../core/given.ts';
import type { Executed, FleetLine } from '../../fleet/output.ts';
import { LineText } from '../../report/line-text.ts';
import { exitCodeOfContainers } from '../exit-code.ts';
import { WHAT } from '../options.ts';
import type { Session } from '../session.ts';
import { parsePair, usage } from '../values.ts';
import type { OptionSpec, Verb } from '../verb.ts';
import { DRY_RUN, ENVIRONMENT } from './environment-options.ts';
import {
  containerFilter,
  type FleetFlags,
  fleetOptions,
  PROCESS_OPTIONS,
  shipperOptions,
  WHICH_SERVICES,
} from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface ExecFlags extends FleetFlags {
  readonly user?: string;
  readonly workdir?: string;
  readonly env?: readonly (readonly [string, string])[];
  readonly prefix?: boolean;
}

export const NO_PREFIX: OptionSpec = {
  flags: '--no-prefix',
  about: 'only what was written, not by whom',
  group: WHAT,
};

export const execVerb: Verb<ExecFlags> = {
  name: 'exec',
  summary: 'run a command in every running container of an environment',
  about: `Runs a command in each running container of an environment, side by side, and prints what it writes
as it comes: stdout on stdout, stderr on stderr. Where it runs in one container only, the exit code
is the command's; else it is 0 where all ended with 0, 3 where some did, 1 where none did.`,
  args: [ENVIRONMENT, WHICH_SERVICES],
  command: { about: 'the command and its arguments, without a shell' },
  options: fleetOptions(
    ...PROCESS_OPTIONS,
    {
      flags: '-e, --env <KEY=VALUE>',
      about: 'a variable of its environment',
      group: WHAT,
      parse: parsePair,
      repeats: true,
    },
    NO_PREFIX,
    DRY_RUN,
  ),
  examples: [
    ['shipper exec staging api -- ls /srv', 'in every container of a service'],
    ['shipper exec staging --name "*-api-1-*" --no-prefix -- env', 'in one slot, as it is written'],
    ["shipper exec staging worker -- sh -c 'kill -HUP 1'", 'with a shell'],
  ],

  run(session, [environment, ...services], flags, command) {
    if (command.length === 0) {
      throw usage('Cannot run a command: none is given', 'write it behind --: -- ls -l');
    }
    const { user, workdir: workingDir, env, prefix = true } = flags;
    const isJson = session.settings.json;
    const onLines = isJson ? undefined : lineWriter(session, prefix);
    const environmentOf = env === undefined ? undefined : Object.fromEntries(env);
    const chosen = containerFilter(services, flags);
    return runFleet<Executed>(session, {
      what: `run a command in containers of ${environment}`,
      words: ['exec', environment ?? '', ...services],
      behind: command,
      options: shipperOptions(environment, flags),
      skip: flags.skipUnreachable ?? 0,
      work: (ship, onResult) =>
        ship.exec(chosen, command, {
          ...given({ user, workingDir, environment: environmentOf, onLines }),
          onResult,
        }),
      line: ({ value }, { colours }) =>
        flags.dryRun ? `would run it in ${colours.bold(value.container.name)}\n` : '',
      quiet: () => undefined,
      needsSome: true,
      code: (result) => exitCodeOfContainers(result.values),
    });
  },
};

/** Prints lines as they come: stdout on stdout, stderr on stderr. */
export function lineWriter({ settings, system }: Session, prefix: boolean) {
  const isShown = prefix && !settings.quiet;
  const out = new LineText({ colours: settings.outColours, prefix: isShown, timestamps: false });
  const err = new LineText({ colours: settings.errColours, prefix: isShown, timestamps: false });
  return async (lines: readonly FleetLine[]): Promise<void> => {
    const [good, bad] = [
      lines.filter(({ stream }) => stream === 'stdout'),
      lines.filter(({ stream }) => stream === 'stderr'),
    ];
    if (bad.length > 0) system.stdio.writeErr(err.lines(bad));
    if (good.length > 0) await system.stdio.writeOut(out.lines(good));
  };
}
