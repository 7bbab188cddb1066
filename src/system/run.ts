// Programs without a shell that are run to their end, with all that they said.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { interruption } from '../core/context.ts';
import { messageOf, ShipperError } from '../core/errors.ts';
import type { Ran, RunOptions } from './system.ts';

/** Of stdout and stderr together. */
const OUTPUT_BYTES = 1_048_576;

/** See `System.run`. */
export function runProgram(
  command: string,
  args: readonly string[],
  { input = '', timeoutMs, cwd, env, signal }: RunOptions,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interruption(signal));
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    const forget = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    };
    const give = (code: number | null) => {
      forget();
      resolve({ code: code ?? undefined, stdout: stdout.text(), stderr: stderr.text() });
    };
    const fail = (error: ShipperError) => {
      forget();
      end(child);
      reject(error);
    };
    const cancel = () => fail(interruption(signal));
    const timer = setTimeout(() => fail(tooLate(command, timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', cancel, { once: true });
    let said = 0;
    const collect = (chunks: Buffer[], chunk: Buffer) => {
      said += chunk.length;
      if (said > OUTPUT_BYTES) fail(tooMuch(command));
      else chunks.push(chunk);
    };
    const stdout = collector(child.stdout, collect);
    const stderr = collector(child.stderr, collect);
    child.on('error', (error) => fail(notStarted(command, error)));
    child.on('close', give);
    // A program need not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function collector(
  stream: NodeJS.ReadableStream,
  collect: (chunks: Buffer[], chunk: Buffer) => void,
): { text(): string } {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => collect(chunks, chunk));
  return { text: () => Buffer.concat(chunks).toString('utf8') };
}

/** Kills the program, and lets go of pipes that its own children may hold open for ever. */
function end(child: ChildProcessWithoutNullStreams): void {
  child.kill('SIGKILL');
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
  child.unref();
}

/** Why a program did not start. */
export function notStarted(command: string, error: unknown): ShipperError {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return isMissing
    ? new ShipperError('NOT_FOUND', `Cannot run ${command}: there is no such program`)
    : new ShipperError('IO', `Cannot run ${command}: ${messageOf(error)}`, { cause: error });
}

function tooLate(command: string, timeoutMs: number): ShipperError {
  const message = `Cannot run ${command}: it did not end within ${timeoutMs / 1000} s`;
  return new ShipperError('TIMEOUT', message);
}

function tooMuch(command: string): ShipperError {
  return new ShipperError(
    'LIMIT_EXCEEDED',
    `Cannot run ${command}: it said more than ${OUTPUT_BYTES} bytes`,
  );
}
