// `shipper run`: a command with the specification of a service, in a container of its own.
import { given } from '../../core/given.ts';
import type { ServiceRan } from '../../fleet/run-service.ts';
import { safe } from '../../report/text.ts';
import { EXIT, exitCodeOfContainers } from '../exit-code.ts';
import { mediaOptions, REGISTRY_OPTIONS, type RegistryFlags, WHAT } from '../options.ts';
import { parsePair } from '../values.ts';
import type { Verb } from '../verb.ts';
import { DRY_RUN, ENVIRONMENT } from './environment-options.ts';
import { lineWriter, NO_PREFIX } from './exec.ts';
import { type FleetFlags, hostOptions, PROCESS_OPTIONS, shipperOptions } from './fleet-options.ts';
import { runFleet } from './fleet-run.ts';

interface RunFlags extends FleetFlags, RegistryFlags {
  readonly once?: boolean;
  readonly allHosts?: boolean;
  readonly detach?: boolean;
  readonly user?: string;
  readonly workdir?: string;
  readonly env?: readonly (readonly [string, string])[];
  readonly prefix?: boolean;
}

export const runVerb: Verb<RunFlags> = {
  name: 'run',
  summary: 'run a command with the specification of a service, beside its containers',
  about: `Makes a container of a service as the release that runs has it, with another command, on the first
host or with --all-hosts on each: for migrations and the like. It takes no traffic: no ports are
published, and it has none of the service's names and labels. What it writes is printed, it is removed
when it ends, and its exit code is that of this command; of several as with "shipper exec".`,
  args: [ENVIRONMENT, { name: 'SERVICE', about: 'the service, as shipper.yaml names it' }],
  command: {
    about: "the command and its arguments; without it, the service's own",
    optional: true,
  },
  options: [
    ...hostOptions(
      {
        flags: '--once',
        about: 'do nothing where such a container runs: same specification, same choices',
        group: WHAT,
      },
      { flags: '--all-hosts', about: 'on every host, not only on the first', group: WHAT },
      { flags: '-d, --detach', about: 'leave it running, and wait for nothing', group: WHAT },
      ...PROCESS_OPTIONS,
      {
        flags: '-e, --env <KEY=VALUE>',
        about: 'one more variable of its environment',
        group: WHAT,
        parse: parsePair,
        repeats: true,
      },
      NO_PREFIX,
      DRY_RUN,
    ),
    ...REGISTRY_OPTIONS,
  ],
  examples: [
    ['shipper run staging api -- ./migrate', 'on the first host'],
    ['shipper run staging worker --once --detach -- ./import', 'unless it runs already'],
  ],

  run(session, [environment, service = ''], flags, command) {
    const { once, allHosts, detach, user, workdir: workingDir, env, prefix = true } = flags;
    const isShown = prefix && allHosts === true;
    const onLines = session.settings.json ? undefined : lineWriter(session, isShown);
    const variables = env === undefined ? undefined : Object.fromEntries(env);
    return runFleet<ServiceRan>(session, {
      what: `run a command of ${service} in ${environment}`,
      words: ['run', environment ?? '', service],
      behind: command,
      options: { ...shipperOptions(environment, flags), ...mediaOptions(flags) },
      skip: flags.skipUnreachable ?? 0,
      work: (ship, onResult) =>
        ship.runService({
          ...{ service, command, onResult },
          ...given({ once, allHosts, detach, user, workingDir, environment: variables, onLines }),
        }),
      line: ({ host, value: { container, did } }, { colours }) => {
        if (did === 'ran') return '';
        const name = colours.bold(safe(container.name));
        const words = { started: 'started', found: 'runs already', planned: 'would be run' };
        return `${name} on ${safe(host)}: ${words[did]}\n`;
      },
      quiet: ({ container, did }) => (did === 'ran' ? undefined : container.name),
      code: ({ values }) => {
        const ended = values.flatMap(({ exitCode }) =>
          exitCode === undefined ? [] : [{ exitCode }],
        );
        return ended.length === 0 ? EXIT.done : exitCodeOfContainers(ended);
      },
    });
  },
};
