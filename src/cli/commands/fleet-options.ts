// The options of the commands of the fleet, and how they become calls of class Shipper.
import { given } from '../../core/given.ts';
import type { ContainerFilter } from '../../fleet/selection.ts';
import type { ShipperOptions } from '../../fleet/shipper-options.ts';
import { CONFIG_OPTION, WHAT } from '../options.ts';
import { countUpTo, parseDuration, parseWord, usage } from '../values.ts';
import type { ArgumentSpec, OptionSpec } from '../verb.ts';
import { type EnvironmentFlags, HOSTS, skipOption } from './environment-options.ts';

/** Flags of every command of the fleet. */
export interface FleetFlags extends EnvironmentFlags {
  readonly label?: readonly string[];
  readonly image?: string;
  readonly name?: string;
  readonly command?: string;
  readonly any?: boolean;
  readonly parallel?: number;
  readonly serial?: boolean;
  readonly hostTimeout?: number;
  readonly dryRun?: boolean;
}

/** The containers of which services are meant. */
export const WHICH_SERVICES: ArgumentSpec = {
  name: 'SERVICE',
  about: 'services of it, or groups of shipper.yaml; default all',
  repeats: true,
  optional: true,
};

/** Of a command that is run in a container. */
export const PROCESS_OPTIONS: readonly OptionSpec[] = [
  { flags: '-u, --user <USER>', about: 'as this user', group: WHAT, parse: parseWord },
  {
    flags: '-w, --workdir <DIR>',
    about: 'in this folder of the container',
    group: WHAT,
    parse: parseWord,
  },
];

const WHICH = 'Which containers:';
const HOW = 'How it runs:';

const SELECT_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '-l, --label <KEY[=VALUE]>',
    about: 'only containers with this label',
    group: WHICH,
    parse: parseWord,
    repeats: true,
  },
  {
    flags: '--name <GLOB>',
    about: 'only containers that are called like this, or have this id',
    group: WHICH,
    parse: parseWord,
  },
  {
    flags: '--image <GLOB>',
    about: 'only containers of an image like this, of every tag without one',
    group: WHICH,
    parse: parseWord,
  },
  {
    flags: '--command <GLOB>',
    about: 'only containers that run a command like this',
    group: WHICH,
    parse: parseWord,
  },
  {
    flags: '--any',
    about: 'also containers that shipper did not make',
    group: WHICH,
  },
];

const MOST_HOSTS = 1000;

const SPREAD_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--parallel <N>',
    about: 'at most so many hosts at once',
    group: HOW,
    parse: countUpTo(MOST_HOSTS),
    otherwise: '30',
  },
  { flags: '--serial', about: 'one host after the other', group: HOW },
];

const HOST_TIMEOUT: OptionSpec = {
  flags: '--host-timeout <DURATION>',
  about: 'give a host up that is not done by then',
  group: HOW,
  parse: parseDuration,
  otherwise: 'one that does not answer for 30s',
};

/** Options of a command that is about containers, behind its own. */
export function fleetOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...streamOptions(...own), HOST_TIMEOUT];
}

/** The same for one that takes as long as it takes. */
export function streamOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...own, ...SELECT_OPTIONS, CONFIG_OPTION, HOSTS, skipOption('0'), ...SPREAD_OPTIONS];
}

/** Options of a command that is about hosts, behind its own. */
export function hostOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...own, CONFIG_OPTION, HOSTS, skipOption('0'), ...SPREAD_OPTIONS, HOST_TIMEOUT];
}

/** Options of a command that goes on until it is interrupted, on all hosts at once. */
export function watchOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...own, CONFIG_OPTION, HOSTS];
}

/** Which hosts are meant, and how they are worked on. `USAGE` for what contradicts itself. */
export function shipperOptions(environment: string | undefined, flags: FleetFlags): ShipperOptions {
  if (environment === undefined || environment === '') {
    throw usage('Cannot choose an environment: its name is empty');
  }
  const { config, hosts, parallel, serial, hostTimeout: timeoutMs, dryRun } = flags;
  if (serial && parallel !== undefined) {
    throw usage('Cannot combine --serial with --parallel: each says how many hosts are worked on');
  }
  return {
    environment,
    ...given({ config, hosts, timeoutMs, dryRun, parallel: serial ? 1 : parallel }),
  };
}

/** Which containers are meant. */
export function containerFilter(
  services: readonly string[],
  { label: labels, image, name, command, any: foreign }: FleetFlags,
): ContainerFilter {
  return {
    ...(services.length === 0 ? {} : { services }),
    ...given({ labels, image, name, command, foreign }),
  };
}

/** The same command again, only on hosts where it failed: what mends it once they work. */
export function againOn(words: readonly string[], hosts: readonly string[]): string {
  const where = [...new Set(hosts)].flatMap((host) => ['--hosts', host]);
  return `shipper ${typed([...words, ...where])}`;
}

/** Words as they are typed into a shell. */
export function typed(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}
