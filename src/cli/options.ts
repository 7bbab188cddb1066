// Options that several commands share, and how they become options of the library.
import { given } from '../core/given.ts';
import type { MergePolicy } from '../flatten/policy.ts';
import { parsePlatform } from '../image/platform.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import type { ReadOptions } from './operations.ts';
import { choiceOf, countUpTo, parseDuration, parseSize, parseWord, usage } from './values.ts';
import type { OptionSpec } from './verb.ts';

/** Modes of `--progress`. */
export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

const COLOUR_CHOICES = ['auto', 'always', 'never'] as const;
export type ColourChoice = (typeof COLOUR_CHOICES)[number];

/** Options that every command takes, before and after its name. */
export interface GlobalFlags {
  readonly C?: string;
  readonly json?: boolean;
  readonly progress?: ProgressMode;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  readonly color?: ColourChoice;
  readonly yes?: boolean;
  readonly timeout?: number;
}

/** Heading of what a command about shipper.yaml is asked to do. */
export const WHAT = 'What is done:';

/** Of commands about shipper.yaml. */
export const CONFIG_OPTION: OptionSpec = {
  flags: '--config <FILE>',
  about: 'the configuration',
  group: WHAT,
  parse: parseWord,
  value: 'file',
  otherwise: 'env SHIPPER_CONFIG, else the nearest shipper.yaml from here up',
};

/** As commander calls it in the help of a command. */
export const GLOBAL_GROUP = 'Global Options:';
const GLOBAL = GLOBAL_GROUP;

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '-C <DIR>',
    about: 'work as if started in DIR',
    group: GLOBAL,
    parse: parseWord,
    value: 'folder',
  },
  { flags: '--json', about: 'print one JSON object on stdout', group: GLOBAL },
  {
    flags: '--progress <MODE>',
    about: 'how progress is shown on stderr',
    group: GLOBAL,
    parse: choiceOf(PROGRESS_MODES),
    choices: PROGRESS_MODES,
    otherwise: 'auto; env SHIPPER_PROGRESS',
  },
  {
    flags: '-q, --quiet',
    about: 'print only the digest or name of the result, and errors',
    group: GLOBAL,
  },
  { flags: '-v, --verbose', about: 'print everything that is known', group: GLOBAL },
  { flags: '--debug', about: 'print stack traces of errors', group: GLOBAL },
  {
    flags: '--color <WHEN>',
    about: 'use colours; env NO_COLOR, FORCE_COLOR',
    group: GLOBAL,
    parse: choiceOf(COLOUR_CHOICES),
    choices: COLOUR_CHOICES,
    otherwise: 'auto',
  },
  { flags: '--yes', about: 'do not ask: the answer is yes', group: GLOBAL },
  {
    flags: '--timeout <DURATION>',
    about: 'give up after this long: 30s, 5m, 1h30m',
    group: GLOBAL,
    parse: parseDuration,
    otherwise: 'none',
  },
];

/** `--context`, `--host`. */
export interface EngineFlags {
  readonly context?: string;
  readonly host?: string;
}

const ENGINE = 'Docker Engine:';

const ENGINE_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--context <NAME>',
    about: 'the docker context to use; env DOCKER_CONTEXT',
    group: ENGINE,
    parse: parseWord,
    otherwise: 'the current one',
  },
  {
    flags: '--host <URL>',
    about: 'the engine: unix://, tcp://, ssh://; env DOCKER_HOST',
    group: ENGINE,
    parse: parseWord,
  },
];

/** `--insecure`, `--creds`, `--authfile`. */
export interface RegistryFlags {
  readonly insecure?: readonly string[];
  readonly creds?: string;
  readonly authfile?: string;
}

const REGISTRY = 'Registries:';

export const REGISTRY_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--insecure <HOST>',
    about: 'HOST[:PORT] may speak plain http, or have a certificate that nobody vouches for',
    group: REGISTRY,
    parse: parseWord,
    repeats: true,
    otherwise: 'loopback only',
  },
  {
    flags: '--creds <USER:PASSWORD>',
    about: 'what to log in with; others may see it in the list of processes',
    group: REGISTRY,
    parse: parseWord,
    once: true,
    otherwise: 'as docker and podman logged in',
  },
  {
    flags: '--authfile <FILE>',
    about: 'where the credentials are, as docker login or podman login writes them',
    group: REGISTRY,
    parse: parseWord,
    value: 'file',
    otherwise: 'env REGISTRY_AUTH_FILE, DOCKER_CONFIG',
  },
];

/** Flags of every command that opens images. */
export interface MediaFlags extends EngineFlags, RegistryFlags {}

export const MEDIA_OPTIONS: readonly OptionSpec[] = [...ENGINE_OPTIONS, ...REGISTRY_OPTIONS];

/** The engine and the ways to registries that the flags name. */
export function mediaOptions(flags: MediaFlags): MediaOptions {
  const { context, host, insecure, creds, authfile } = flags;
  if (context !== undefined && host !== undefined) {
    throw usage('Cannot combine --context with --host: each names an engine');
  }
  return given({ context, host, insecure, creds, authfile });
}

/** Options of the merge itself. */
export interface MergeFlags {
  readonly implicitParents?: 'follow' | 'shadow';
  readonly whiteouts?: 'auto' | 'oci' | 'overlay';
  readonly maxEntries?: number;
  readonly maxOutput?: number;
}

const MERGE = 'How layers are read:';
const IMPLICIT_PARENTS = ['follow', 'shadow'] as const;
const WHITEOUTS = ['auto', 'oci', 'overlay'] as const;
const LIMITS = 'Limits and gates:';

export const MERGE_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--implicit-parents <HOW>',
    about:
      'a folder that a layer does not hold: follow keeps the lower one and follows links, shadow makes a new one, as overlay engines do',
    group: MERGE,
    parse: choiceOf(IMPLICIT_PARENTS),
    choices: IMPLICIT_PARENTS,
    otherwise: 'follow',
  },
  {
    flags: '--whiteouts <KIND>',
    about: 'what deletes: oci .wh. names, auto also the opaque attribute, overlay also devices 0:0',
    group: MERGE,
    parse: choiceOf(WHITEOUTS),
    choices: WHITEOUTS,
    otherwise: 'auto',
  },
];

export const LIMIT_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--max-output <SIZE>',
    about: 'refuse when the flat layer, uncompressed, is larger',
    group: LIMITS,
    parse: parseSize,
    otherwise: '64GiB',
  },
  {
    flags: '--max-entries <N>',
    about: 'refuse when the layers hold more entries',
    group: LIMITS,
    parse: countUpTo(1_000_000_000),
    otherwise: '5000000',
  },
];

/** The choices of the merge that were made; undefined where none was. */
export function mergePolicy(flags: MergeFlags): Partial<MergePolicy> | undefined {
  const policy: Partial<MergePolicy> = given({
    implicitParents: flags.implicitParents,
    whiteouts: flags.whiteouts,
    maxEntries: flags.maxEntries,
    maxOutputBytes: flags.maxOutput,
  });
  return Object.keys(policy).length === 0 ? undefined : policy;
}

/** `--platform`. */
export interface PlatformFlags {
  readonly platform?: string;
}

/** The `--platform` option of a command. */
export function platformOption(group: string, otherwise: string): OptionSpec {
  return {
    flags: '--platform <OS/ARCH>',
    about: 'only this platform: os/architecture[/variant]',
    group,
    parse: parsePlatformWord,
    once: true,
    otherwise,
  };
}

function parsePlatformWord(option: string, text: string): string {
  try {
    parsePlatform(text);
  } catch {
    // The same refusal, in terms of the option.
    throw usage(
      `Cannot use ${option} ${JSON.stringify(text)}: it is not of the form os/architecture[/variant]`,
      'for example linux/amd64 or linux/arm64/v8',
    );
  }
  return text;
}

/** The options of a command that only reads. */
export function readOptions(flags: MediaFlags & MergeFlags & PlatformFlags): ReadOptions {
  return {
    ...mediaOptions(flags),
    ...given({ platform: flags.platform, policy: mergePolicy(flags) }),
  };
}
