// A command line as built that is watched while it runs: what is done to it is done at a line of its progress, not at a time.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLI } from './shipper.ts';

/** A shipper that runs. */
export interface Watched {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  /** What it printed on stdout, once it has ended. */
  readonly stdout: () => string;
  /** Resolves once it has printed a line with `text` on stderr, or `count` lines of whatever; or has ended. */
  until(wanted: string | number): Promise<void>;
}

/** Starts it. The environment should say `SHIPPER_PROGRESS=plain`. */
export function startShipper(
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Watched {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env, stdio });
  let said = '';
  let told = '';
  child.stdout.on('data', (part) => {
    said += part;
  });
  child.stderr.on('data', (part) => {
    told += part;
  });
  const ended = once(child, 'close');
  const isThere = (wanted: string | number) =>
    typeof wanted === 'string' ? told.includes(wanted) : told.split('\n').length > wanted;
  return {
    child,
    ended,
    stdout: () => said,
    async until(wanted) {
      while (!isThere(wanted) && child.exitCode === null && child.signalCode === null) {
        await sleep(10);
      }
    },
  };
}
