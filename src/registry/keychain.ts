// Where credentials are looked for, in order: --authfile, --creds, DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE, docker's
// config.json, podman's auth.json. The first that has some for the repository counts; with none of them we are nobody,
// which is enough for public images.
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { System } from '../system/system.ts';
import {
  type AuthFile,
  type Credentials,
  helperFor,
  type Login,
  loginIn,
  parseAuthFile,
  parseCreds,
} from './credentials.ts';
import { Flights } from './flights.ts';
import { askHelper } from './helper.ts';
import type { RegistryHost } from './host.ts';
import type { RegistryChoice } from './registry.ts';

/** What a keychain needs of the machine. */
export type KeychainSystem = Pick<System, 'env' | 'homedir' | 'cwd' | 'run'> & {
  readonly files: Pick<System['files'], 'stat' | 'read'>;
};

/** Knows the credentials of registries. Each file is read, and each helper asked, once. */
export interface Keychain {
  /**
   * The credentials for a repository of a host, or for the host itself; undefined where there are none. Fails with `USAGE` for
   * files that cannot be understood, and as `askHelper`.
   */
  find(
    ctx: Context,
    host: Pick<RegistryHost, 'domain' | 'isMirror'>,
    path: string | undefined,
  ): Promise<Credentials | undefined>;
}

/** The keychain of a run. `USAGE` when `--creds` is no `USER:PASSWORD`. */
export function createKeychain(
  system: KeychainSystem,
  choice: Pick<RegistryChoice, 'creds' | 'authfile'> = {},
): Keychain {
  const { creds, authfile } = choice;
  const login = creds === undefined ? undefined : parseCreds(creds, '--creds');
  const files = new AuthFiles(system);
  const helpers = new Helpers(system);
  const before = authfile === undefined ? [] : [() => files.required(authfile)];
  return {
    async find(ctx, host, path) {
      const named = await firstOf(ctx, helpers, before, host.domain, path);
      if (named !== undefined) return named;
      // What was given for the registries that a command names is not for mirrors that it does not.
      if (login !== undefined && !host.isMirror) return { login, source: '--creds' };
      return firstOf(ctx, helpers, usualFiles(system, files), host.domain, path);
    },
  };
}

type ReadAuthFile = () => Promise<AuthFile | undefined>;

function usualFiles(system: KeychainSystem, files: AuthFiles): readonly ReadAuthFile[] {
  const { env, homedir } = system;
  const inline = env['DOCKER_AUTH_CONFIG'];
  const named = env['REGISTRY_AUTH_FILE'];
  const docker = env['DOCKER_CONFIG'] || `${homedir}/.docker`;
  const paths = [...(named ? [named] : []), `${docker}/config.json`, ...podmanFiles(system)];
  return [
    ...(inline ? [async () => parseAuthFile(inline, 'DOCKER_AUTH_CONFIG')] : []),
    ...paths.map((path) => () => files.optional(path)),
  ];
}

function podmanFiles({ env, homedir }: KeychainSystem): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR'];
  const config = env['XDG_CONFIG_HOME'] || `${homedir}/.config`;
  // Where there is no session, podman takes a folder by user id; that of root is the one that can be told from here.
  const running = runtime || (homedir === '/root' ? '/run/containers/0' : undefined);
  const name = runtime ? 'containers/auth.json' : 'auth.json';
  return [
    ...(running === undefined ? [] : [`${running}/${name}`]),
    `${config}/containers/auth.json`,
  ];
}

async function firstOf(
  ctx: Context,
  helpers: Helpers,
  sources: readonly ReadAuthFile[],
  domain: string,
  path: string | undefined,
): Promise<Credentials | undefined> {
  for (const read of sources) {
    const file = await read();
    if (file === undefined) continue;
    const found = await inFile(ctx, helpers, file, domain, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A helper is asked before the file's own entries count, as docker does it. */
async function inFile(
  ctx: Context,
  helpers: Helpers,
  file: AuthFile,
  domain: string,
  path: string | undefined,
): Promise<Credentials | undefined> {
  const helper = helperFor(file, domain, path);
  if (helper) {
    const login = await helpers.ask(ctx, helper, domain);
    if (login !== undefined) return { login, source: `docker-credential-${helper}` };
  }
  const login = loginIn(file, domain, path);
  return login === undefined ? undefined : { login, source: file.source };
}

/** Files of credentials, each read once. */
class AuthFiles {
  readonly #files: KeychainSystem['files'];
  readonly #cwd: string;
  readonly #read = new Map<string, Promise<AuthFile | undefined>>();

  constructor({ files, cwd }: KeychainSystem) {
    this.#files = files;
    this.#cwd = cwd;
  }

  /** Undefined when it is not there. */
  optional(name: string): Promise<AuthFile | undefined> {
    const path = name.startsWith('/') ? name : `${this.#cwd}/${name}`;
    const reading = this.#read.get(path) ?? this.#load(path);
    this.#read.set(path, reading);
    return reading;
  }

  async required(path: string): Promise<AuthFile> {
    const file = await this.optional(path);
    if (file !== undefined) return file;
    throw new ShipperError('NOT_FOUND', `Cannot read ${path}: it does not exist`, { path });
  }

  async #load(path: string): Promise<AuthFile | undefined> {
    try {
      if ((await this.#files.stat(path)) === undefined) return undefined;
      const bytes = await this.#files.read(path, LIMITS.metadataBytes);
      return parseAuthFile(Buffer.from(bytes).toString('utf8'), path);
    } catch (error) {
      if (isShipperError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }
}

/** Helpers, each asked once for a registry. */
class Helpers {
  readonly #system: KeychainSystem;
  readonly #asking = new Flights<Login | undefined>();
  readonly #answers = new Map<string, Login | undefined>();

  constructor(system: KeychainSystem) {
    this.#system = system;
  }

  async ask(ctx: Context, name: string, domain: string): Promise<Login | undefined> {
    const key = `${name} ${domain}`;
    if (this.#answers.has(key)) return this.#answers.get(key);
    return this.#asking.join(ctx, key, async () => {
      const login = await askHelper(ctx, this.#system, name, domain);
      this.#answers.set(key, login);
      return login;
    });
  }
}
