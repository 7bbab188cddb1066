// HTTP through `ssh HOST docker system dial-stdio`, as the docker command does it (docker/cli, connhelper.go): the
// system's own ssh brings ssh_config, agent, jump hosts and known_hosts.
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';
import { ShipperError } from '../core/errors.ts';
import type { Clock } from '../core/events.ts';
import type { Endpoint } from './endpoint.ts';
import { type MasterSystem, SshMaster } from './ssh-master.ts';

/** The ssh kind of endpoint. */
export type SshEndpoint = Extract<Endpoint, { readonly kind: 'ssh' }>;

/** What starting an ssh needs of the machine. */
export type SshSystem = MasterSystem;

/** Arguments of `ssh` for an endpoint. */
export function sshArguments(endpoint: SshEndpoint): readonly string[] {
  const { user, port, host, socketPath } = endpoint;
  return [
    // A host that says nothing for 45 s is lost.
    ...['-o', 'ConnectTimeout=30', '-o', 'ServerAliveInterval=15', '-T'],
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
 * An agent whose connections are ssh programs, all of them channels of one where that can be. It keeps a few idle ones for the
 * next requests; `destroy` ends them, and `close` the one that carries them.
 */
export class DialStdioAgent extends Agent {
  readonly #system: SshSystem;
  readonly #master: SshMaster;

  constructor(endpoint: SshEndpoint, system: SshSystem) {
    super({ keepAlive: true, maxFreeSockets: 2 });
    this.#system = system;
    this.#master = new SshMaster(sshArguments(endpoint), system);
  }

  override createConnection(
    _options: unknown,
    connected: (error: Error | null, connection: Duplex) => void,
  ): undefined {
    void this.#connect(connected);
  }

  async close(): Promise<void> {
    this.destroy();
    await this.#master.close();
  }

  // Agent's own speaks to a network socket, and a program's pipes are none.
  override keepSocketAlive(socket: Duplex): boolean {
    return !socket.destroyed && socket.writable;
  }

  async #connect(connected: (error: Error | null, connection: Duplex) => void): Promise<void> {
    try {
      const args = await this.#master.channel();
      const program = this.#system.spawnDuplex('ssh', args);
      connected(null, new ProgramConnection(program, this.#system.clock));
    } catch (error) {
      // With an error Node looks at nothing else.
      connected(programFailure(error as Error), undefined as unknown as Duplex);
    }
  }
}

/** How long a program that has closed its output may take to end and say why. */
const LAST_WORDS_MS = 1000;

/**
 * A program as a connection. Its end waits for the program's: else HTTP would report "socket hang up" before ssh's
 * exit code and last words are known. And it copies what is written: a pipe may report a chunk as written that it
 * still holds, and whoever wrote it may use the memory again.
 */
class ProgramConnection extends Duplex {
  readonly #program: Duplex;
  readonly #clock: Clock;
  readonly #closed = new AbortController();

  constructor(program: Duplex, clock: Clock) {
    super();
    this.#program = program;
    this.#clock = clock;
    program.on('data', (chunk: Uint8Array) => {
      if (!this.push(chunk)) program.pause();
    });
    program.on('end', () => void this.#endAfterProgram());
    program.on('error', (error) => this.destroy(programFailure(error)));
    program.on('close', () => {
      this.#closed.abort();
      if (!program.readableEnded) this.destroy();
    });
  }

  /** What Agent calls when it takes an idle connection again. */
  ref(): this {
    return this;
  }

  override _read(): void {
    this.#program.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    taken: (error?: Error | null) => void,
  ): void {
    const program = this.#program;
    program.write(Buffer.from(chunk), (error) => {
      // Why the program ended says more than that it can no longer be written to.
      taken(error ? programFailure(program.errored ?? error) : null);
    });
  }

  override _final(ended: (error?: Error | null) => void): void {
    this.#program.end(ended);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#closed.abort();
    this.#program.destroy();
    done(error);
  }

  async #endAfterProgram(): Promise<void> {
    await this.#clock.sleep(LAST_WORDS_MS, this.#closed.signal).catch(() => undefined);
    if (this.destroyed) return;
    this.once('end', () => this.destroy());
    this.push(null);
    // An idle connection has no reader, and must not be used again.
    if (this.readableLength === 0) this.resume();
  }
}

/** A pipe that breaks is the program's failure too. */
function programFailure(error: Error): ShipperError {
  if (error instanceof ShipperError) return error;
  return new ShipperError('IO', `Cannot speak through ssh: ${error.message}`, { cause: error });
}
