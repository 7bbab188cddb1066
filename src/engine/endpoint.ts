// Which daemon: found as the docker command finds it. The order was checked against docker 28.2 (its manual has
// DOCKER_CONTEXT and DOCKER_HOST the wrong way round): --context, --host, DOCKER_HOST, DOCKER_CONTEXT, currentContext
// of config.json, the default.
import { messageOf, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { currentContext, readContext, type StoredContext } from './contexts.ts';
import { parseHost } from './host.ts';
import { probeSockets } from './probe.ts';

/** Certificates for one endpoint, as PEM. */
export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Whether the server's certificate must be good. */
  readonly verify: boolean;
}

/** Where an engine listens. A plain value; holds secrets when it has `tls`: show {@link describeEndpoint} of it. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  /** A Windows pipe, for example `//./pipe/docker_engine`. */
  | { readonly kind: 'npipe'; readonly path: string }
  | {
      readonly kind: 'tcp';
      /** Without brackets around an IPv6 address. */
      readonly host: string;
      readonly port: number;
      /** Before the API's own path, for example `/docker`; empty mostly. */
      readonly basePath: string;
      readonly tls: TlsMaterial | undefined;
    }
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly user: string | undefined;
      readonly port: number | undefined;
      /** The daemon's socket on that host, where it is not the usual one. */
      readonly socketPath: string | undefined;
    };

/** An endpoint and why it was chosen. */
export interface FoundEndpoint {
  readonly endpoint: Endpoint;
  /** For people, without secrets: `unix:///var/run/docker.sock`. */
  readonly text: string;
  /** For people: `--host`, `DOCKER_HOST`, `docker context "staging"`, `default`, `CONTAINER_HOST`. */
  readonly origin: string;
  /** The name of the docker context that it is of: `default` where no context was chosen. */
  readonly context: string;
}

/** What the command line says about the daemon. */
export interface EndpointOptions {
  /** `--host`. */
  readonly host?: string;
  /** `--context`. */
  readonly context?: string;
  /** `--config`: the docker command's folder. Default: DOCKER_CONFIG, else `~/.docker`. */
  readonly configDirectory?: string;
}

/** What finding an endpoint needs of the machine. */
export type EndpointSystem = Pick<System, 'env' | 'files' | 'homedir' | 'platform'>;

/** Finds the daemon. Connects to nothing. `USAGE` when the options, variables or contexts make no sense. */
export async function findEndpoint(
  system: EndpointSystem,
  options: EndpointOptions = {},
): Promise<FoundEndpoint> {
  if (options.host && options.context) {
    const message =
      'Cannot choose a daemon: conflicting options, --host and --context are both set';
    throw new ShipperError('USAGE', message);
  }
  const folder = options.configDirectory ?? system.env['DOCKER_CONFIG'] ?? '';
  const config = folder === '' ? `${system.homedir}/.docker` : folder;
  if (options.host) return atHost(system, config, options.host, '--host');
  const context = await chosenContext(system, config, options.context);
  if (context !== undefined && context.name !== 'default') {
    return ofContext(system, await readContext(system.files, config, context.name, context.from));
  }
  const variable = system.env['DOCKER_HOST'];
  if (variable) return atHost(system, config, variable, 'DOCKER_HOST');
  return atDefault(system, config);
}

/** An endpoint for people: no password, query or key. */
export function describeEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'unix':
    case 'npipe':
      return `${endpoint.kind}://${endpoint.path}`;
    case 'tcp': {
      const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
      return `tcp://${host}:${endpoint.port}${endpoint.basePath}`;
    }
    case 'ssh': {
      const { user, host, port, socketPath } = endpoint;
      const name = host.includes(':') ? `[${host}]` : host;
      const from = user === undefined ? '' : `${user}@`;
      return `ssh://${from}${name}${port === undefined ? '' : `:${port}`}${socketPath ?? ''}`;
    }
  }
}

async function chosenContext(
  system: EndpointSystem,
  config: string,
  option: string | undefined,
): Promise<{ readonly name: string; readonly from: string } | undefined> {
  if (option) return { name: option, from: '--context' };
  if (system.env['DOCKER_HOST']) return undefined;
  const variable = system.env['DOCKER_CONTEXT'];
  if (variable) return { name: variable, from: 'DOCKER_CONTEXT' };
  const path = `${config}/config.json`;
  const current = await currentContext(system.files, path);
  return current === undefined ? undefined : { name: current, from: path };
}

function ofContext(system: EndpointSystem, context: StoredContext): FoundEndpoint {
  const { ca, cert, key } = context;
  // The docker command speaks TLS when the context has any of it, or says that it need not be checked.
  const wantsTls = context.skipTlsVerify || [ca, cert, key].some((part) => part !== undefined);
  const tls = wantsTls ? { ca, cert, key, verify: !context.skipTlsVerify } : undefined;
  const origin = `docker context ${JSON.stringify(context.name)}`;
  const endpoint = parseHost(context.host, { tls, platform: system.platform, origin });
  return found(endpoint, origin, context.name);
}

async function atHost(
  system: EndpointSystem,
  config: string,
  host: string,
  origin: string,
): Promise<FoundEndpoint> {
  const tls = await tlsOfEnvironment(system, config, host);
  return found(parseHost(host, { tls, platform: system.platform, origin }), origin);
}

async function atDefault(system: EndpointSystem, config: string): Promise<FoundEndpoint> {
  // The docker command's own rule: asked for TLS and told no host, it tries the local TLS port.
  if (tlsWish(system) !== 'none') return atHost(system, config, 'tcp://localhost:2376', 'default');
  if (system.platform === 'win32') {
    return found({ kind: 'npipe', path: '//./pipe/docker_engine' }, 'default');
  }
  const probed = await probeSockets(system);
  if (probed.kind === 'containerHost') {
    return atHost(system, config, probed.host, 'CONTAINER_HOST');
  }
  return found({ kind: 'unix', path: probed.path }, 'default');
}

function found(endpoint: Endpoint, origin: string, context = 'default'): FoundEndpoint {
  return { endpoint, text: describeEndpoint(endpoint), origin, context };
}

type TlsWish = 'none' | 'encrypt' | 'verify';

/** Any value counts, also "0" and "false": so the docker command reads them. */
function tlsWish(system: EndpointSystem): TlsWish {
  if (system.env['DOCKER_TLS_VERIFY']) return 'verify';
  return system.env['DOCKER_TLS'] ? 'encrypt' : 'none';
}

async function tlsOfEnvironment(
  system: EndpointSystem,
  config: string,
  host: string,
): Promise<TlsMaterial | undefined> {
  const wish = tlsWish(system);
  if (wish === 'none' || /^(?:unix|npipe|ssh|fd):/.test(host)) return undefined;
  const folder = system.env['DOCKER_CERT_PATH'] || config;
  const read = (name: string) => readPem(system, `${folder}/${name}.pem`);
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
  if (wish === 'verify' && ca === undefined) {
    const message = `Cannot verify the daemon: ${folder}/ca.pem is not there`;
    const hint = 'Set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem.';
    throw new ShipperError('USAGE', message, { hint });
  }
  return { ca, cert, key, verify: wish === 'verify' };
}

async function readPem(system: EndpointSystem, path: string): Promise<string | undefined> {
  try {
    if ((await system.files.stat(path)) === undefined) return undefined;
    return Buffer.from(await system.files.read(path, PEM_CAP_BYTES)).toString('utf8');
  } catch (error) {
    throw new ShipperError('IO', `Cannot read certificate ${path}: ${messageOf(error)}`, {
      cause: error,
      path,
    });
  }
}

const PEM_CAP_BYTES = 1_048_576;
