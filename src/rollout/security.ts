// Security options of a container, as the docker command reads them before the engine sees them (docker/cli
// `parseSecurityOpts`). Pure.
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { some } from './filled.ts';

/** A seccomp profile by its path: what the API is told is its content. */
const PROFILE = /^seccomp[=:](.*)$/s;
const OPEN_PATHS = 'systempaths=unconfined';

/** The members of `HostConfig` about them. `USAGE` for what is no option. */
export function security(
  service: string,
  options: readonly string[],
): Readonly<Record<string, unknown>> {
  const unknown = options.find((each) => each !== 'no-new-privileges' && !/[=:]/.test(each));
  if (unknown !== undefined) {
    const message = `Cannot use security_opt ${JSON.stringify(unknown)} of ${service}: it has no value`;
    throw new ShipperError('USAGE', message, { hint: 'write KEY=VALUE, or no-new-privileges' });
  }
  const isOpen = options.includes(OPEN_PATHS);
  return given({
    SecurityOpt: some(options.filter((each) => each !== OPEN_PATHS)),
    MaskedPaths: isOpen ? [] : undefined,
    ReadonlyPaths: isOpen ? [] : undefined,
  });
}

/** The path of the profile that an option names; undefined where it names none. */
export function profilePath(option: string): string | undefined {
  const value = PROFILE.exec(option)?.[1];
  const isName = value === undefined || ['', 'unconfined', 'builtin'].includes(value);
  return isName || value.startsWith('{') ? undefined : value;
}
