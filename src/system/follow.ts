// Programs without a shell that may run for long: their lines are told as they come, and they end with all that they
// started. Each has a process group of its own, so that a Ctrl-C of the terminal is ours to pass on.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { interruption } from '../core/context.ts';
import { LineSplitter } from '../core/lines.ts';
import { notStarted } from './run.ts';
import type { FollowOptions } from './system.ts';

const GRACE_MS = 10_000;
/** How long after a program's end its output is waited for: one that it started may hold the pipes for ever. */
const DRAIN_MS = 1000;

/** See `System.follow`. */
export function followProgram(
  command: string,
  args: readonly string[],
  options: FollowOptions,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) return reject(interruption(signal));
    const group = startGroup(command, args, options);
    const { child } = group;
    const stop = () => group.stop(options.graceMs ?? GRACE_MS);
    signal?.addEventListener('abort', stop, { once: true });
    const settle = (action: () => void) => {
      signal?.removeEventListener('abort', stop);
      group.forget();
      action();
    };
    tellLines(child.stdout, options.onOut);
    tellLines(child.stderr, options.onError);
    let drain: NodeJS.Timeout | undefined;
    child.on('exit', () => {
      drain = setTimeout(() => group.letGo(), DRAIN_MS);
    });
    child.on('error', (error) => settle(() => reject(notStarted(command, error))));
    child.on('close', (code) => {
      clearTimeout(drain);
      settle(() => (signal?.aborted ? reject(interruption(signal)) : resolve(code ?? undefined)));
    });
    // A program need not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** A program and what it started. */
interface Group {
  readonly child: ChildProcessWithoutNullStreams;
  /** Asks it to end, and kills it when it does not. */
  stop(graceMs: number): void;
  /** Closes our ends of its pipes. */
  letGo(): void;
  /** It has ended, or never began. */
  forget(): void;
}

function startGroup(command: string, args: readonly string[], { env, cwd }: FollowOptions): Group {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  });
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // All of them have ended.
    }
  };
  // A process that must exit at once leaves nothing that runs on.
  const onExit = () => kill('SIGKILL');
  process.once('exit', onExit);
  let timer: NodeJS.Timeout | undefined;
  return {
    child,
    stop(graceMs) {
      kill('SIGTERM');
      timer ??= setTimeout(() => kill('SIGKILL'), graceMs);
    },
    letGo() {
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
    },
    forget() {
      clearTimeout(timer);
      process.removeListener('exit', onExit);
      // What it left running was its own; after a cancellation that ends too.
      if (timer !== undefined) kill('SIGKILL');
    },
  };
}

function tellLines(stream: NodeJS.ReadableStream, tell: FollowOptions['onOut']): void {
  const lines = new LineSplitter();
  stream.on('data', (chunk: Buffer) => {
    for (const line of lines.split(chunk)) tell?.(line.text);
  });
  stream.on('end', () => {
    const last = lines.last();
    if (last !== undefined) tell?.(last.text);
  });
}
