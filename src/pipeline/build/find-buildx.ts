// Whether the docker command has buildx, and which builder that would use.
import type { Context } from '../../core/context.ts';
import { isShipperError, messageOf } from '../../core/errors.ts';
import { tidy } from '../../core/tidy.ts';
import type { Ran, System } from '../../system/system.ts';
import type { MediaChoice } from '../../transport/open.ts';

/** A buildx and its current builder. */
export interface FoundBuildx {
  /** For example `0.13.1`. */
  readonly version: string;
  /** Name of the builder. */
  readonly builder: string;
  /** `docker`, `docker-container`, `remote`, `kubernetes`, … */
  readonly driver: string;
}

/** A call of the docker command. */
export interface DockerCall {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

const ASK_MS = 60_000;
/** The first with `--progress=rawjson`. */
const FIRST_MINOR = 13;

/** The docker command with `args`, on the engine that was chosen. */
export function dockerCall({ context, host }: MediaChoice, args: readonly string[]): DockerCall {
  return {
    args: [...(context ? ['--context', context] : []), ...args],
    env: {
      ...(host ? { DOCKER_HOST: host, DOCKER_CONTEXT: undefined } : {}),
      // Every path in our definitions is one that a person wrote into shipper.yaml.
      BUILDX_BAKE_ENTITLEMENTS_FS: '0',
      DOCKER_CLI_HINTS: 'false',
    },
  };
}

/** The buildx of this machine, with the builder `name` or else its current one; a text that says why there is none that can be used. */
export async function findBuildx(
  system: System,
  ctx: Context,
  media: MediaChoice,
  name?: string,
): Promise<FoundBuildx | string> {
  const version = await ask(system, ctx, media, ['buildx', 'version']);
  if (typeof version === 'string') return version;
  const [, number = '', minor = ''] = /\bv?(\d+\.(\d+)\.\d+)/.exec(version.stdout) ?? [];
  if (version.code !== 0 || number === '') return 'this docker command has no buildx';
  if (number.startsWith('0.') && Number(minor) < FIRST_MINOR) {
    return `docker buildx ${number} is older than 0.${FIRST_MINOR}`;
  }
  const inspect = await ask(system, ctx, media, [
    'buildx',
    'inspect',
    ...(name === undefined ? [] : ['--builder', name]),
  ]);
  if (typeof inspect === 'string') return inspect;
  const driver = fieldOf(inspect.stdout, 'Driver');
  if (inspect.code !== 0 || driver === undefined) {
    const reason = inspect.stderr.replace(/^ERROR: /, '') || fieldOf(inspect.stdout, 'Error');
    const said = tidy(reason ?? '') || 'it does not say its driver';
    return `docker buildx has no builder that can be used: ${said}`;
  }
  const builder = fieldOf(inspect.stdout, 'Name') ?? 'default';
  return { version: number, builder, driver };
}

/** What is behind a name; undefined where that is nothing. */
function fieldOf(inspected: string, name: string): string | undefined {
  const line = inspected.split('\n').find((each) => each.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim() || undefined;
}

/** What it said, or why it could not be run. */
async function ask(
  system: System,
  { signal }: Context,
  media: MediaChoice,
  args: readonly string[],
): Promise<Ran | string> {
  const call = dockerCall(media, args);
  try {
    return await system.run('docker', call.args, { timeoutMs: ASK_MS, env: call.env, signal });
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
    return messageOf(error).replace(/^Cannot run docker: /, 'the docker command cannot be run: ');
  }
}
