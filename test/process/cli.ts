// The real program in a process of its own, for what only a process shows: signals, pipes, exit codes, the machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program; another build can be named. */
export const BIN: string =
  process.env['SHIPPER_TEST_BIN'] ?? fileURLToPath(new URL('../../dist/bin.js', import.meta.url));

/** What a program left. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** How a program is started. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  /** Options of node itself. */
  readonly node?: readonly string[];
  /** A program and its arguments in front of node. */
  readonly under?: readonly string[];
  /** Whether stdout is left to the caller. */
  readonly keepsStdout?: boolean;
}

/** A folder of its own with a TMPDIR of its own. */
export interface ProcessPlace extends Disposable {
  readonly folder: string;
  readonly tmp: string;
  path(name: string): string;
  /** Names in the folder, sorted. */
  names(): string[];
  /** Temporary files left by anybody. */
  leftovers(): string[];
  start(args: readonly string[], options?: StartOptions): Running;
  run(args: readonly string[], options?: StartOptions): Promise<Ended>;
}

/** Makes one below `parent`, by default the machine's temporary folder. */
export function processPlace(parent: string = tmpdir()): ProcessPlace {
  const root = mkdtempSync(join(parent, 'shipper-process-'));
  const folder = join(root, 'work');
  const tmp = join(root, 'tmp');
  mkdirSync(folder);
  mkdirSync(tmp);
  const names = () => readdirSync(folder, { recursive: true }).map(String).sort();
  const start: ProcessPlace['start'] = (args, options = {}) => {
    const env = { PATH: process.env['PATH'], HOME: root, TMPDIR: tmp, ...options.env };
    return startProgram(
      [...(options.under ?? []), process.execPath, ...(options.node ?? []), BIN, ...args],
      { cwd: folder, env, keepsStdout: options.keepsStdout ?? false, input: options.input },
    );
  };
  return {
    folder,
    tmp,
    path: (name) => join(folder, name),
    names,
    leftovers: () =>
      [...readdirSync(tmp).filter((name) => name !== 'node-compile-cache'), ...names()].filter(
        (name) => name.includes('.shipper-'),
      ),
    start,
    run: (args, options) => start(args, options).ended,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Starts a program and collects what it says. */
export function startProgram(
  [program = '', ...args]: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly keepsStdout?: boolean;
    readonly input?: Uint8Array | undefined;
  },
): Running {
  const child = spawn(program, args, { cwd: options.cwd, env: options.env, stdio: 'pipe' });
  const stdout: Buffer[] = [];
  let stderr = '';
  if (options.keepsStdout !== true) child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  // A program that does not read its input says what matters with its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr }),
    );
  });
  return { child, ended };
}
