// The options of `shipper build`, `push` and `ship`, and how they become a request of the pipeline.
import { given } from '../../core/given.ts';
import type { ShipRequest, ShipStage } from '../../pipeline/ship-types.ts';
import { CONFIG_OPTION, MEDIA_OPTIONS, type MediaFlags, mediaOptions, WHAT } from '../options.ts';
import { countUpTo, parseWord, usage } from '../values.ts';
import type { OptionSpec } from '../verb.ts';

/** What commander makes of them. */
export interface ShipFlags extends MediaFlags {
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly graph?: boolean;
  readonly keepGoing?: boolean;
  readonly jobs?: number;
  readonly report?: string;
  /** False after `--no-atomic`. */
  readonly atomic?: boolean;
  readonly force?: boolean;
  /** A folder, or false after `--no-cache`. */
  readonly cache?: string | false;
  readonly pull?: boolean;
  readonly builder?: string;
}

const RUN = 'How it runs:';
const BUILDS = 'How images are built:';

const COMMON: readonly OptionSpec[] = [
  CONFIG_OPTION,
  { flags: '--dry-run', about: 'print what would be done, and do nothing', group: WHAT },
  { flags: '--graph', about: 'with --dry-run: print the graph of images for Mermaid', group: WHAT },
  {
    flags: '--force',
    about: 'do everything again, whatever earlier runs of this project made',
    group: WHAT,
  },
  {
    flags: '--keep-going',
    about: 'when an image fails, finish those that do not need it',
    group: RUN,
  },
  {
    flags: '--jobs <N>',
    about: 'at most N builds, N flattens and N pushes at once',
    group: RUN,
    parse: countUpTo(1024),
    otherwise: 'by cores and memory',
  },
  {
    flags: '--report <FILE>',
    about: 'write what was done to FILE, as JSON',
    group: RUN,
    parse: parseWord,
    value: 'file',
  },
  {
    flags: '--cache <DIR>',
    about: 'keep fetched layers in DIR, for runs to come',
    group: RUN,
    parse: parseWord,
    value: 'folder',
    otherwise: 'for this run only',
  },
  {
    flags: '--builder <NAME>',
    about: 'the buildx builder that builds',
    group: BUILDS,
    parse: parseWord,
    otherwise: 'env BUILDX_BUILDER, else builder of shipper.yaml, else the current one',
  },
  { flags: '--no-cache', about: 'build every step anew', group: BUILDS },
  { flags: '--pull', about: 'ask registries for newer base images', group: BUILDS },
];

const NO_ATOMIC: OptionSpec = {
  flags: '--no-atomic',
  about: 'move the tags of each image as soon as it is ready, also if others fail later',
  group: RUN,
};

/** The options of the command that goes as far as `until`. */
export function shipOptions(until: ShipStage): readonly OptionSpec[] {
  return [...COMMON, ...(until === 'ship' ? [NO_ATOMIC] : []), ...MEDIA_OPTIONS];
}

/** The request of a command line; `USAGE` for what contradicts itself. */
export function shipRequest(
  until: ShipStage,
  names: readonly string[],
  flags: ShipFlags,
): ShipRequest {
  if (flags.graph && !flags.dryRun) {
    throw usage('Cannot print the graph of a run: --graph goes with --dry-run');
  }
  if (flags.dryRun && flags.report !== undefined) {
    throw usage('Cannot combine --dry-run with --report: nothing is done', 'use --json');
  }
  return {
    until,
    ...(names.length === 0 ? {} : { names }),
    ...mediaOptions(flags),
    ...given({
      config: flags.config,
      keepGoing: flags.keepGoing,
      jobs: flags.jobs,
      atomic: flags.atomic === false ? false : undefined,
      force: flags.force,
      cache: flags.cache === false ? undefined : flags.cache,
      noCache: flags.cache === false ? true : undefined,
      pull: flags.pull,
      builder: flags.builder,
    }),
  };
}
