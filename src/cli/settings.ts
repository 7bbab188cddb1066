// Global options and environment → what this run may print where.
import { type Colours, coloursFor } from '../report/colours.ts';
import type { System } from '../system/system.ts';
import { type GlobalFlags, PROGRESS_MODES, type ProgressMode } from './options.ts';
import { choiceOf, usage } from './values.ts';

/** How this run speaks. */
export interface Settings {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  /** Nobody is asked. */
  readonly yes: boolean;
  /** What `--progress` comes to here. */
  readonly progress: Exclude<ProgressMode, 'auto'>;
  /** For text on stdout. */
  readonly outColours: Colours;
  /** For text on stderr. */
  readonly errColours: Colours;
  readonly timeoutMs: number | undefined;
}

/** Resolves the global options; `USAGE` where they contradict each other or SHIPPER_PROGRESS is not known. */
export function resolveSettings(flags: GlobalFlags, system: System): Settings {
  const { env, stdio } = system;
  if (flags.quiet && flags.verbose) {
    throw usage('Cannot combine --quiet with --verbose: one asks for less, the other for more');
  }
  const choice = flags.color ?? 'auto';
  return {
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
    verbose: flags.verbose ?? false,
    debug: flags.debug ?? false,
    yes: flags.yes ?? false,
    progress: resolveProgress(flags, system),
    outColours: coloursFor({ choice, env, isTTY: stdio.stdoutIsTTY }),
    errColours: coloursFor({ choice, env, isTTY: stdio.stderrIsTTY }),
    timeoutMs: flags.timeout,
  };
}

function resolveProgress(flags: GlobalFlags, { env, stdio }: System): Settings['progress'] {
  const fromEnv = env['SHIPPER_PROGRESS'];
  const asked =
    flags.progress ??
    (flags.quiet ? 'quiet' : undefined) ??
    (fromEnv ? choiceOf(PROGRESS_MODES)('SHIPPER_PROGRESS', fromEnv) : 'auto');
  if (asked !== 'auto') return asked;
  return stdio.stderrIsTTY && env['TERM'] !== 'dumb' && !isCi(env) ? 'tty' : 'plain';
}

function isCi(env: System['env']): boolean {
  const ci = env['CI'];
  return ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0';
}

/** Settings before the command line is understood: errors about it are told in this way. */
export function earlySettings(argv: readonly string[], system: System): Settings {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  const choice = words.includes('--color=never') ? 'never' : 'auto';
  const { env, stdio } = system;
  return {
    json: words.includes('--json'),
    quiet: false,
    verbose: false,
    debug: words.includes('--debug'),
    yes: false,
    progress: 'quiet',
    outColours: coloursFor({ choice, env, isTTY: stdio.stdoutIsTTY }),
    errColours: coloursFor({ choice, env, isTTY: stdio.stderrIsTTY }),
    timeoutMs: undefined,
  };
}
