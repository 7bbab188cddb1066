// The options of the commands about environments, and how they become requests of the use cases.
import { given } from '../../core/given.ts';
import type {
  ChangeRequest,
  EnvironmentRequest,
  RollbackRequest,
  RolloutRequest,
} from '../../rollout/rollout-types.ts';
import {
  CONFIG_OPTION,
  mediaOptions,
  REGISTRY_OPTIONS,
  type RegistryFlags,
  WHAT,
} from '../options.ts';
import { countFrom0, parseDuration, parseWord, usage } from '../values.ts';
import type { ArgumentSpec, OptionSpec } from '../verb.ts';

/** `--config`, `--hosts`, `--skip-unreachable`. */
export interface EnvironmentFlags {
  readonly config?: string;
  readonly hosts?: readonly string[];
  readonly skipUnreachable?: number;
}

/** The same with `--lock-wait`, `--host-timeout`. */
export interface ChangeFlags extends EnvironmentFlags {
  readonly lockWait?: number;
  readonly hostTimeout?: number;
}

/** Flags of `rollout`, `rollback`, `resume`, `move`. */
export interface RolloutFlags extends ChangeFlags, RegistryFlags {
  readonly report?: string;
  readonly version?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly healthTimeout?: number;
}

export const ENVIRONMENT: ArgumentSpec = {
  name: 'ENV',
  about: 'the environment, as shipper.yaml names it',
  value: 'environment',
};

export const SERVICES: ArgumentSpec = {
  name: 'SERVICE',
  about: 'services of it; default all',
  value: 'service',
  repeats: true,
  optional: true,
};

const WHERE = 'Where:';
const RUN = 'How it runs:';

export const HOSTS: OptionSpec = {
  flags: '--hosts <GLOB>',
  about: 'only hosts whose address, or name in it, is like this: s1, s*',
  group: WHERE,
  parse: parseWord,
  value: 'host',
  repeats: true,
  otherwise: 'all',
};

export function skipOption(otherwise: string): OptionSpec {
  return {
    flags: '--skip-unreachable <N>',
    about: 'go on where up to N hosts do not answer; exit code 6 then',
    group: WHERE,
    parse: countFrom0,
    otherwise,
  };
}

const LOCK_WAIT: OptionSpec = {
  flags: '--lock-wait <DURATION>',
  about: 'wait this long for somebody else who is at work there',
  group: RUN,
  parse: parseDuration,
  otherwise: 'lock_timeout of the environment',
};

const HOST_TIMEOUT: OptionSpec = {
  flags: '--host-timeout <DURATION>',
  about: 'give a host up that does not answer for this long',
  group: RUN,
  parse: parseDuration,
  otherwise: '60s',
};

const HEALTH_TIMEOUT: OptionSpec = {
  flags: '--health-timeout <DURATION>',
  about: 'a new container has failed if it does not work after this long',
  group: RUN,
  parse: parseDuration,
  otherwise: 'by its health check',
};

export const DRY_RUN: OptionSpec = {
  flags: '--dry-run',
  about: 'print what would be done, and do nothing',
  group: WHAT,
};

export const VERSION_OPTION: OptionSpec = {
  flags: '--version <RELEASE>',
  about: 'a release of the history, or how its name begins',
  group: WHAT,
  parse: parseWord,
};

/** Options of a command that only looks. */
export const LOOK_OPTIONS: readonly OptionSpec[] = [CONFIG_OPTION, HOSTS, skipOption('any number')];

/** Options of a command that changes an environment, behind its own. */
export function changeOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...own, CONFIG_OPTION, HOSTS, skipOption('0'), LOCK_WAIT, HOST_TIMEOUT];
}

/** Options of a command that starts containers, behind its own. */
export function startOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return [...changeOptions(...own), HEALTH_TIMEOUT, ...REGISTRY_OPTIONS];
}

/** Where two environments are meant, `--hosts` would mean neither. */
export function moveOptions(...own: readonly OptionSpec[]): readonly OptionSpec[] {
  return startOptions(...own).filter((spec) => spec !== HOSTS);
}

/** What every command about an environment takes. */
export function environmentRequest(
  environment: string | undefined,
  { config, hosts, skipUnreachable }: EnvironmentFlags,
): EnvironmentRequest {
  if (environment === undefined || environment === '') {
    throw usage('Cannot choose an environment: its name is empty');
  }
  return { environment, ...given({ config, hosts, skipUnreachable }) };
}

/** What every command takes that changes an environment. */
export function changeRequest(environment: string | undefined, flags: ChangeFlags): ChangeRequest {
  const { lockWait: lockWaitMs, hostTimeout: hostTimeoutMs } = flags;
  return { ...environmentRequest(environment, flags), ...given({ lockWaitMs, hostTimeoutMs }) };
}

/** `rollback`, and what `resume` and `move` have of it. */
export function rollbackRequest(
  environment: string | undefined,
  flags: RolloutFlags,
): RollbackRequest {
  const { version, healthTimeout: healthTimeoutMs } = flags;
  const own = given({ version, healthTimeoutMs });
  return { ...changeRequest(environment, flags), ...mediaOptions(flags), ...own };
}

/** `rollout`; `USAGE` for what contradicts itself. */
export function rolloutRequest(
  environment: string | undefined,
  services: readonly string[],
  flags: RolloutFlags,
): RolloutRequest {
  const { report, version, force } = flags;
  if (report !== undefined && version !== undefined) {
    throw usage('Cannot combine --report with --version: each says what is rolled out');
  }
  if (services.length > 0 && version !== undefined) {
    throw usage(
      'Cannot combine --version with services: a release is rolled out as a whole',
      'shipper history has the digests of each release',
    );
  }
  return {
    ...rollbackRequest(environment, flags),
    ...(services.length === 0 ? {} : { services }),
    ...given({ report, force }),
  };
}
