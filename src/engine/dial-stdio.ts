// HTTP through `ssh HOST docker system dial-stdio`, as the docker command does it (docker/cli, connhelper.go): the
// system's own ssh brings ssh_config, agent, jump hosts and known_hosts.
import { Agent, type ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { System } from '../system/system.ts';
import type { Endpoint } from './endpoint.ts';

/** The ssh kind of endpoint. */
export type SshEndpoint = Extract<Endpoint, { readonly kind: 'ssh' }>;

/** Arguments of `ssh` for an endpoint. */
export function sshArguments(endpoint: SshEndpoint): readonly string[] {
  const { user, port, host, socketPath } = endpoint;
  return [
    ...['-o', 'ConnectTimeout=30', '-T'],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    // Whatever the host is called, it is no option.
    ...['--', host, 'docker'],
    ...(socketPath === undefined ? [] : [shellWord(`--host=unix://${socketPath}`)]),
    ...['system', 'dial-stdio'],
  ];
}

/** ssh joins its arguments with blanks and a shell on the other side takes them apart. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * An agent whose connections are ssh programs. It keeps an idle one for the next request, because each takes a log-in;
 * `destroy` ends them.
 */
export class DialStdioAgent extends Agent {
  readonly #endpoint: SshEndpoint;
  readonly #system: Pick<System, 'spawnDuplex'>;

  constructor(endpoint: SshEndpoint, system: Pick<System, 'spawnDuplex'>) {
    super({ keepAlive: true, maxFreeSockets: 2 });
    this.#endpoint = endpoint;
    this.#system = system;
  }

  override createConnection(): Duplex {
    return this.#system.spawnDuplex('ssh', sshArguments(this.#endpoint));
  }

  // Agent's own two speak to a network socket, and a program's pipes are none.
  override keepSocketAlive(socket: Duplex): boolean {
    return !socket.destroyed && socket.writable;
  }

  override reuseSocket(_socket: Duplex, _request: ClientRequest): void {}
}
