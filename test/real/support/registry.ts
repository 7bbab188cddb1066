// A private registry (distribution 2.8 of Debian 12) on a loopback port of its own.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startPart } from './part.ts';
import { requireParts } from './places.ts';
import { run } from './run.ts';

/** A started registry. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: engines take it as insecure without a setting; skopeo wants `--tls-verify=false`. */
  readonly address: string;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly directory: string;
  logs(): string;
  /** May be called twice. */
  stop(): Promise<void>;
}

/** Options of {@link startRegistry}. */
export interface RegistryOptions {
  /** The address that it listens at; default 127.0.0.1. */
  readonly host?: string;
  /** Asks for this user by basic authentication. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Speaks TLS: PEM texts. Its certificate has to name who it is asked for. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** More keys of its configuration (JSON is YAML). */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Starts an empty registry that allows deletes: well under a second. The caller stops it. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RunningRegistry> {
  requireParts('a registry', 'docker-registry', 'unshare', 'python3');
  const address = `${options.host ?? '127.0.0.1'}:${await freePort()}`;
  const url = `http://${address}`;
  const users = options.login === undefined ? undefined : await usersLine(options.login);
  const part = await startPart({
    name: 'registry',
    prepare: (directory) => {
      const file = join(directory, 'config.yml');
      writeFileSync(join(directory, 'htpasswd'), users ?? '');
      writeFileSync(join(directory, 'cert.pem'), options.tls?.cert ?? '');
      writeFileSync(join(directory, 'key.pem'), options.tls?.key ?? '');
      writeFileSync(file, JSON.stringify(registryConfig(directory, address, options)));
      return ['docker-registry', 'serve', file];
    },
    // 401 is the answer of a registry that asks for a login, 400 that of one that speaks TLS.
    isReady: async () => [200, 400, 401].includes((await fetch(`${url}/v2/`)).status),
  });
  const { directory } = part;
  const stop = (): Promise<void> => part.stop();
  return { address, url, directory, logs: () => part.logs(), stop, [Symbol.asyncDispose]: stop };
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function registryConfig(directory: string, addr: string, options: RegistryOptions): object {
  const htpasswd = { realm: 'shipper', path: join(directory, 'htpasswd') };
  const tls = { certificate: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  return {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr, ...(options.tls === undefined ? {} : { tls }) },
    ...(options.login === undefined ? {} : { auth: { htpasswd } }),
    ...options.config,
  };
}

// The registry takes bcrypt only, which neither Node nor openssl can make; libxcrypt of Debian can.
async function usersLine(login: { user: string; password: string }): Promise<string> {
  const script =
    'import crypt,sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=32)))';
  const hash = await run('/usr/bin/python3', ['-W', 'ignore', '-c', script, login.password]);
  return `${login.user}:${hash}`;
}
