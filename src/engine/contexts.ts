// The docker command's context store: `contexts/meta/<sha256 of the name>/meta.json` and, beside it, `contexts/tls`.
import { digestOf, hexOf } from '../core/digest.ts';
import { isShipperError, messageOf, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Files } from '../system/system.ts';
import { isObject, parseObject, textOf } from './wire.ts';

/** A context as it is stored. */
export interface StoredContext {
  readonly name: string;
  /** As in DOCKER_HOST. */
  readonly host: string;
  readonly skipTlsVerify: boolean;
  /** PEM. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What the store is read with. */
export type ContextFiles = Pick<Files, 'stat' | 'read'>;

/** `currentContext` of a config.json; undefined where there is no such file or no context chosen. */
export async function currentContext(
  files: ContextFiles,
  path: string,
): Promise<string | undefined> {
  const text = await readText(files, path);
  if (text === undefined || text.trim() === '') return undefined;
  const config = parseObject(text);
  if (config === undefined) {
    // The docker command warns and takes the default daemon: a wrong one is worse than none.
    const hint = 'Mend the file, or name the daemon with --host or DOCKER_HOST.';
    throw new ShipperError('USAGE', `Cannot read ${path}: it is not a JSON object`, { hint, path });
  }
  return textOf(config['currentContext']) || undefined;
}

/**
 * Reads context `name` of the store in `config`; `from` says in messages who named it. `USAGE` when it is not there or
 * has no docker endpoint.
 */
export async function readContext(
  files: ContextFiles,
  config: string,
  name: string,
  from: string,
): Promise<StoredContext> {
  const id = hexOf(digestOf(Buffer.from(name, 'utf8')));
  const path = `${config}/contexts/meta/${id}/meta.json`;
  const text = await readText(files, path);
  const shown = `docker context ${JSON.stringify(name)} (from ${from})`;
  if (text === undefined) {
    const hint = '`docker context ls` lists those that there are.';
    throw new ShipperError('USAGE', `Cannot use ${shown}: there is no such context`, { hint });
  }
  const meta = parseObject(text);
  const endpoints = meta?.['Endpoints'];
  const docker = isObject(endpoints) ? endpoints['docker'] : undefined;
  const host = isObject(docker) ? textOf(docker['Host']) : undefined;
  if (!isObject(docker) || !host) {
    throw new ShipperError('USAGE', `Cannot use ${shown}: ${path} has no docker host`, { path });
  }
  const tls = (part: string) => readText(files, `${config}/contexts/tls/${id}/docker/${part}.pem`);
  const [ca, cert, key] = await Promise.all([tls('ca'), tls('cert'), tls('key')]);
  return { name, host, skipTlsVerify: docker['SkipTLSVerify'] === true, ca, cert, key };
}

async function readText(files: ContextFiles, path: string): Promise<string | undefined> {
  try {
    if ((await files.stat(path)) === undefined) return undefined;
    return Buffer.from(await files.read(path, LIMITS.metadataBytes)).toString('utf8');
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return undefined;
    if (isShipperError(error)) throw error;
    throw new ShipperError('IO', `Cannot read ${path}: ${messageOf(error)}`, {
      cause: error,
      path,
    });
  }
}
