// What a service reads from files of this machine when containers are made: variables and profiles.
import { parseDotenv } from '../config/dotenv.ts';
import type { EnvFile, ServiceChoice } from '../config/service-types.ts';
import { type Context, note } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { System } from '../system/system.ts';
import { profilePath } from './security.ts';

type Readable = Pick<System, 'files'>;

/**
 * The variables of a service: of its files, later ones over earlier ones; then its own. Variables in the values of a file are those of
 * this machine, of the service, and of what was read before, in this order. `NOT_FOUND` for a file that must be there; `BAD_CONFIG`
 * for one that cannot be read.
 */
export async function variablesOf(
  ctx: Context,
  system: Readable & Pick<System, 'env'>,
  { name, container }: ServiceChoice,
): Promise<Readonly<Record<string, string>>> {
  const variables = new Map<string, string>();
  const of = (names: Readonly<Record<string, string | undefined>>, key: string) =>
    Object.hasOwn(names, key) ? names[key] : undefined;
  const variable = (key: string) => of(system.env, key) ?? of(container.environment, key);
  for (const file of container.envFiles) {
    const { path } = file;
    const text = await readEnvFile(system, name, file);
    const onMissing = (key: string) =>
      note(ctx, 'warn', `${path}: the variable ${key} is not set, and left empty`);
    const read = parseDotenv(text, { path, variable, earlier: variables, onMissing });
    for (const [key, value] of read) variables.set(key, value);
  }
  for (const [key, value] of Object.entries(container.environment)) variables.set(key, value);
  return Object.fromEntries(variables);
}

/** The security options of a service, with the content of profiles in place of their paths, which are relative to `folder`. */
export async function securityOptionsOf(
  system: Readable,
  folder: string,
  { name, container }: ServiceChoice,
): Promise<readonly string[]> {
  const options: string[] = [];
  for (const option of container.securityOpt) {
    const path = profilePath(option);
    options.push(
      path === undefined ? option : `seccomp=${await readProfile(system, name, folder, path)}`,
    );
  }
  return options;
}

async function readEnvFile(
  system: Readable,
  service: string,
  { path, required }: EnvFile,
): Promise<string> {
  const text = await readText(system, path);
  if (text !== undefined) return text;
  if (!required) return '';
  const message = `Cannot read the env_file of ${service}: there is no ${path}`;
  throw new ShipperError('NOT_FOUND', message, {
    path,
    hint: 'make it, or write required: false',
  });
}

async function readProfile(
  system: Readable,
  service: string,
  folder: string,
  name: string,
): Promise<string> {
  const path = name.startsWith('/') ? name : `${folder}/${name}`;
  const text = await readText(system, path);
  if (text === undefined) {
    const message = `Cannot read the seccomp profile of ${service}: there is no ${path}`;
    throw new ShipperError('NOT_FOUND', message, { path });
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    const message = `Cannot use the seccomp profile ${path} of ${service}: it is no JSON`;
    throw new ShipperError('USAGE', message, { path });
  }
}

/** Undefined where there is no such file. */
async function readText({ files }: Readable, path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await files.read(path, LIMITS.metadataBytes));
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
