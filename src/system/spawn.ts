// Programs without a shell, as one stream: their stdin is what is written, their stdout what is read.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { ShipperError } from '../core/errors.ts';

const STDERR_BYTES = 4096;

/** See `System.spawnDuplex`. */
export function spawnDuplex(
  command: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Duplex {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  });
  return new ProgramStream(command, child);
}

/**
 * Written by hand where `Duplex.from` would do: that one takes the closing of stdin for a premature end before the
 * program's exit code and last words are known.
 */
class ProgramStream extends Duplex {
  readonly #command: string;
  readonly #child: ChildProcessWithoutNullStreams;
  #stderr = '';

  constructor(command: string, child: ChildProcessWithoutNullStreams) {
    super({ emitClose: true });
    this.#command = command;
    this.#child = child;
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES);
    });
    // A program that stops reading says why when it ends.
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.on('error', (error) => this.destroy(this.#failure(error.message)));
    child.on('close', (code, signal) => this.#ended(code, signal));
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (code === 0) this.push(null);
    else
      this.destroy(
        this.#failure(lastLine(this.#stderr) || `it ended with ${signal ?? `code ${code}`}`),
      );
  }

  #failure(reason: string): ShipperError {
    return new ShipperError('IO', `Cannot run ${this.#command}: ${reason}`);
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
