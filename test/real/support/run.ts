// Runs one program to its end, for the test support: no shell, everything captured, a failure names the command.
import { spawn } from 'node:child_process';

/** Options of {@link run}. */
export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; default is that of the tests. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  /** Default 300,000. */
  readonly timeoutMs?: number;
}

/** What a program left. */
export interface RunResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program and returns what it printed on stdout; throws with its stderr when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await tryRun(program, args, options);
  if (result.status === 0) return result.stdout;
  const said = (result.stderr || result.stdout).slice(-4000).trim();
  throw new Error(
    `"${[program, ...args].join(' ')}" ended with ${result.status ?? 'a signal'}: ${said}`,
  );
}

/** Like {@link run} for programs that may fail: rejects only when the program cannot be started. */
export function tryRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { promise, resolve, reject } = deferred<RunResult>();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: 'pipe',
    timeout: options.timeoutMs ?? 300_000,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that ends without reading its input is no failure of ours; its status says what happened.
  child.stdin.on('error', () => {});
  child.on('error', reject);
  child.on('close', (status) => {
    resolve({
      status,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    });
  });
  child.stdin.end(options.input ?? '');
  return promise;
}

// Promise.withResolvers, which Node 20 lacks.
function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
