// Credential helpers (github.com/docker/docker-credential-helpers): programs that keep passwords. The question is the
// server on stdin, the answer is JSON on stdout. What they say is a secret or may hold one, so none of it is ever shown.
import { type Context, note } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { Ran, System } from '../system/system.ts';
import { type Login, serverOf } from './credentials.ts';
import { parseObject, textOf } from './json.ts';

/** What asking a helper needs of the machine. */
export type HelperSystem = Pick<System, 'env' | 'run'>;

/** Some ask a person to unlock something. */
const HELPER_MS = 60_000;
const NOT_FOUND = 'credentials not found in native keychain';
/** Stands for a user where the secret is an identity token. */
const TOKEN_USER = '<token>';

/** The program of helper `name`. `USAGE` when that is no plain name: it comes from a file and must not name a path. */
export function helperProgram(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
    const shown = JSON.stringify(name.slice(0, 100));
    throw new ShipperError('USAGE', `Cannot ask credential helper ${shown}: the name is not valid`);
  }
  return `docker-credential-${name}`;
}

/**
 * The login that a helper has for a registry; undefined where it has none, or is not installed, which is noted: a
 * configuration copied from another machine must not keep public images away. `UNAUTHORIZED` when it fails, `TIMEOUT`.
 */
export async function askHelper(
  ctx: Context,
  system: HelperSystem,
  name: string,
  domain: string,
): Promise<Login | undefined> {
  const program = helperProgram(name);
  try {
    const { signal } = ctx;
    const input = serverOf(domain);
    const options = { input, timeoutMs: HELPER_MS, env: system.env, signal };
    return loginOf(await system.run(program, ['get'], options), program, domain);
  } catch (error) {
    if (!isShipperError(error, 'NOT_FOUND')) throw error;
    note(
      ctx,
      'warn',
      `${program} is not installed: going on without its credentials for ${domain}`,
    );
    return undefined;
  }
}

function loginOf({ code, stdout }: Ran, program: string, domain: string): Login | undefined {
  if (code !== 0) {
    if (stdout.trim() === NOT_FOUND) return undefined;
    throw failed(program, domain, code === undefined ? 'was killed' : `ended with code ${code}`);
  }
  const answer = parseObject(stdout);
  if (answer === undefined) throw failed(program, domain, 'did not answer with a JSON object');
  const username = textOf(answer, 'Username');
  const secret = textOf(answer, 'Secret');
  if (secret === undefined) return undefined;
  if (username === TOKEN_USER) return { kind: 'identity', username: undefined, token: secret };
  if (username === undefined) throw failed(program, domain, 'gave a secret without a user');
  return { kind: 'basic', username, password: secret };
}

function failed(program: string, domain: string, state: string): ShipperError {
  const server = serverOf(domain);
  const hint = `\`echo ${server} | ${program} get\` shows why; --creds and --authfile go past it.`;
  const message = `Cannot get the credentials of ${domain}: ${program} ${state}`;
  return new ShipperError('UNAUTHORIZED', message, { hint, host: domain });
}
