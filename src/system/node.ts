// The real machine. Only `bin.ts`, `index.ts` and tests import this.
import { randomBytes } from 'node:crypto';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { interruption } from '../core/context.ts';
import type { Clock } from '../core/events.ts';
import { followProgram } from './follow.ts';
import { nodeFiles } from './node-files.ts';
import { nodeStdio } from './node-stdio.ts';
import { runProgram } from './run.ts';
import { spawnDuplex } from './spawn.ts';
import type { System } from './system.ts';
import { nodeThreads } from './threads.ts';

/** The machine that this process runs on. */
export function nodeSystem(): System {
  const cores = availableParallelism();
  const threads = nodeThreads(cores);
  return {
    clock: nodeClock(),
    env: process.env,
    platform: process.platform,
    homedir: homedir(),
    tmpdir: tmpdir(),
    cwd: workingFolder(),
    cores,
    // What a container is granted counts, not what its host has.
    freeMemory: () => process.availableMemory(),
    files: nodeFiles(threads),
    threads,
    stdio: nodeStdio(),
    random: (bytes) => randomBytes(bytes).toString('hex'),
    spawnDuplex,
    run: runProgram,
    follow: followProgram,
    modules: {
      async load(path, isRunning = false) {
        const { loadUserModule } = await import('./user-module.ts');
        return loadUserModule(path, { isRunning, cache: cacheFolder() });
      },
      async column(...args) {
        const { originalColumn } = await import('./user-module.ts');
        return originalColumn(...args);
      },
    },
  };
}

/** Linux has a name for it that also works where its own is not UTF-8, which Node cannot hold. */
function workingFolder(): string {
  const cwd = process.cwd();
  return cwd.includes('\ufffd') && process.platform === 'linux' ? '/proc/self/cwd' : cwd;
}

/** What a user's modules were compiled to: in the user's own cache, where nobody else writes. */
function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'shipper', 'modules');
}

/** Real time. */
export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const stop = () => {
          clearTimeout(timer);
          reject(interruption(signal));
        };
        const timer = setTimeout(() => {
          signal?.removeEventListener('abort', stop);
          resolve();
        }, ms);
        if (signal?.aborted) stop();
        else signal?.addEventListener('abort', stop, { once: true });
      }),
  };
}
