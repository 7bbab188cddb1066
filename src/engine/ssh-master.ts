// One log-in for each host: a first ssh that carries all others as its channels (ControlMaster of OpenSSH), for as long as the
// engine's client is there. See docs/decisions/0025-connections.md.
import type { Duplex } from 'node:stream';
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { createTempFolder, type TempFolder } from '../system/temp-folder.ts';

/** What it needs of the machine. Where anything is missing each connection logs in by itself. */
export type MasterSystem = Pick<System, 'clock' | 'spawnDuplex'> &
  Partial<Pick<System, 'files' | 'tmpdir' | 'random' | 'platform' | 'run'>>;

/**
 * A socket's path has at most 104 bytes (macOS) with its end, and ssh makes it under a name that is 17 longer. The folder's own
 * name is that of its owner and about 40 more.
 */
const SOCKET_PATH_BYTES = 86;
const FOLDER_NAME_BYTES = 40;
/** ssh itself gives up after 30 s to connect; the rest is for the other side to start. */
const FIRST_WORD_MS = 60_000;
const ASK_LIMIT_MS = 5000;
const PING = 'GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n';

interface Running {
  readonly program: Duplex;
  readonly folder: TempFolder;
}

/** The first ssh to one host. Started when the first channel is asked for, and again when it was lost. */
export class SshMaster {
  readonly #arguments: readonly string[];
  readonly #system: MasterSystem;
  #running: Promise<Running | undefined> | undefined;

  /** `args`: host and command of an ssh by itself. */
  constructor(args: readonly string[], system: MasterSystem) {
    this.#arguments = args;
    this.#system = system;
  }

  /** Arguments of an ssh that is one of its channels. Rejects with what ssh says when it cannot connect. */
  async channel(): Promise<readonly string[]> {
    this.#running ??= this.#start();
    const running = this.#running;
    let folder: TempFolder | undefined;
    try {
      folder = (await running)?.folder;
    } catch (error) {
      if (this.#running === running) this.#running = undefined;
      throw error;
    }
    // ssh connects by itself when the socket is gone.
    if (folder === undefined) return this.#arguments;
    const join = ['-o', 'ControlMaster=no', '-o', `ControlPath=${socketIn(folder.path)}`];
    return [...join, ...this.#arguments];
  }

  /** Ends it, and with it all channels. */
  async close(): Promise<void> {
    const running = await this.#running?.catch(() => undefined);
    this.#running = undefined;
    running?.program.destroy();
    await running?.folder[Symbol.asyncDispose]();
  }

  /** Undefined where there is none to be: each connection is its own then. */
  async #start(): Promise<Running | undefined> {
    const { clock, files, tmpdir, random, platform, run } = this.#system;
    if (!files || tmpdir === undefined || !random || platform === 'win32' || !run) return undefined;
    const fits = (folder: string) => folder.length + files.owner.tag.length + FOLDER_NAME_BYTES;
    const place = [tmpdir, '/tmp'].find((folder) => fits(folder) <= SOCKET_PATH_BYTES);
    if (place === undefined || (await this.#isShared(run))) return undefined;
    const folder = await createTempFolder({ clock, files, tmpdir: place, random });
    try {
      return { program: await this.#connect(folder), folder };
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Whether the user's own configuration shares connections to this host: then it is his to say how. */
  async #isShared(run: System['run']): Promise<boolean> {
    try {
      const { stdout } = await run('ssh', ['-G', ...this.#arguments], { timeoutMs: ASK_LIMIT_MS });
      return /^controlpath (?!none$)./m.test(stdout);
    } catch {
      // An ssh that cannot say so cannot share either; what is wrong with it the connection itself will tell.
      return true;
    }
  }

  /**
   * It runs what the channels run, so that a key that may do nothing else will do, and speaks to the engine once: with the
   * answer its socket is there. Then it rests. Its end is that of its input: it does not outlive us, however we end.
   */
  async #connect(folder: TempFolder): Promise<Duplex> {
    const own = ['-M', '-o', 'ControlPersist=no', '-o', `ControlPath=${socketIn(folder.path)}`];
    const program = this.#system.spawnDuplex('ssh', [...own, ...this.#arguments]);
    program.on('close', () => this.#forget(program, folder));
    await this.#firstWord(program);
    program.resume();
    return program;
  }

  #firstWord(program: Duplex): Promise<void> {
    const answered = new AbortController();
    const { clock } = this.#system;
    return new Promise((resolve, reject) => {
      const end = (error?: unknown) => {
        answered.abort();
        if (error === undefined) return resolve();
        program.destroy();
        reject(error);
      };
      program.once('data', () => end());
      program.once('end', () => end(lost('the connection was closed at once')));
      program.on('error', end);
      clock.sleep(FIRST_WORD_MS, answered.signal).then(
        () => end(lost('nothing came for a minute')),
        () => undefined,
      );
      program.write(PING);
    });
  }

  #forget(program: Duplex, folder: TempFolder): void {
    const known = this.#running;
    void known?.then(
      async (running) => {
        if (running?.program !== program) return;
        if (this.#running === known) this.#running = undefined;
        try {
          await folder[Symbol.asyncDispose]();
        } catch {
          // The next run removes what is left.
        }
      },
      () => undefined,
    );
  }
}

function socketIn(folder: string): string {
  return `${folder}/s`;
}

function lost(state: string): ShipperError {
  return new ShipperError('IO', `Cannot speak through ssh: ${state}`);
}
