// Certificates that people keep for a registry: `certs.d/HOST[:PORT]` of docker and of podman, and SSL_CERT_FILE.
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import type { TlsFiles } from './host.ts';

/** What reading certificates needs of the machine. */
export type CertsSystem = Pick<System, 'env' | 'homedir'> & {
  readonly files: Pick<System['files'], 'stat' | 'list' | 'read'>;
};

const PEM_BYTES = 1_048_576;

/**
 * The files for `domain` of the first folder that has any: `*.crt` are authorities, `x.cert` with `x.key` is ours. The
 * user's own folders come first. `USAGE` where one of the pair is missing, `IO` where one cannot be read.
 */
export async function certificatesOf(system: CertsSystem, domain: string): Promise<TlsFiles> {
  if (/[/\\]|^\.*$/.test(domain)) return {};
  for (const folder of certsFolders(system)) {
    const place = `${folder}/${domain}`;
    const names = await listed(system, place);
    if (names.length > 0) return readPlace(system, place, [...names].sort());
  }
  return {};
}

/** The authorities of SSL_CERT_FILE; undefined where it is not set, or names no file, which Go's programs do not mind. */
export async function environmentAuthorities(system: CertsSystem): Promise<string | undefined> {
  const path = system.env['SSL_CERT_FILE'];
  if (!path || (await system.files.stat(path)) === undefined) return undefined;
  return readPem(system, path);
}

function certsFolders({ env, homedir }: CertsSystem): readonly string[] {
  const config = env['XDG_CONFIG_HOME'] || `${homedir}/.config`;
  return [
    `${config}/containers/certs.d`,
    `${config}/docker/certs.d`,
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ];
}

/** Names of certificates and keys. A folder that may not be looked into is as good as none: it was not made for us. */
async function listed({ files }: CertsSystem, place: string): Promise<readonly string[]> {
  try {
    if ((await files.stat(place))?.kind !== 'directory') return [];
    return (await files.list(place)).filter((name) => /\.(?:crt|cert|key)$/.test(name));
  } catch (error) {
    if (isShipperError(error)) return [];
    throw error;
  }
}

async function readPlace(
  system: CertsSystem,
  place: string,
  names: readonly string[],
): Promise<TlsFiles> {
  const read = (name: string) => readPem(system, `${place}/${name}`);
  const authorities = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
  const ca = authorities.length === 0 ? {} : { ca: authorities.join('\n') };
  const pair = firstPair(place, names);
  if (pair === undefined) return ca;
  const [cert, key] = await Promise.all([read(`${pair}.cert`), read(`${pair}.key`)]);
  return { ...ca, cert, key };
}

/** docker offers all pairs and lets the server choose; Node offers one. */
function firstPair(place: string, names: readonly string[]): string | undefined {
  const stems = (end: string) =>
    names.filter((name) => name.endsWith(end)).map((name) => name.slice(0, -end.length));
  const [certs, keys] = [stems('.cert'), stems('.key')];
  const cert = certs.find((stem) => !keys.includes(stem));
  if (cert !== undefined) throw incomplete(`${place}/${cert}.cert`, `${cert}.key`);
  const key = keys.find((stem) => !certs.includes(stem));
  if (key !== undefined) throw incomplete(`${place}/${key}.key`, `${key}.cert`);
  return certs[0];
}

function incomplete(path: string, missing: string): ShipperError {
  const message = `Cannot use ${path}: ${missing} is not beside it`;
  return new ShipperError('USAGE', message, {
    path,
    hint: 'Authorities end in .crt; .cert and .key are the pair that we prove ourselves with.',
  });
}

async function readPem({ files }: CertsSystem, path: string): Promise<string> {
  return Buffer.from(await files.read(path, PEM_BYTES)).toString('utf8');
}
