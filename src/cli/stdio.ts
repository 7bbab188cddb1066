// The System as a command sees it: `-C` applied, a note taken when nobody reads stdout any more, and no wait for the
// other end of a pipe that outlasts the run.
import { resolve } from 'node:path';
import { orAborted, untilAborted } from '../core/until-aborted.ts';
import type { Stdio, System } from '../system/system.ts';

/** Whether the reader of stdout went away. */
export interface StdoutFate {
  isBroken: boolean;
}

/** `stdio`, noting in `fate` a write to stdout that failed with EPIPE. */
export function watchStdout(stdio: Stdio, fate: StdoutFate): Stdio {
  return {
    stdin: () => stdio.stdin(),
    async writeOut(bytes) {
      try {
        await stdio.writeOut(bytes);
      } catch (error) {
        if (hasCode(error, 'EPIPE')) fate.isBroken = true;
        throw error;
      }
    },
    writeErr: (text) => stdio.writeErr(text),
    stdinIsTTY: stdio.stdinIsTTY,
    stdoutIsTTY: stdio.stdoutIsTTY,
    stderrIsTTY: stdio.stderrIsTTY,
    columns: () => stdio.columns(),
  };
}

/** `stdio` whose waits for a silent writer or a stalled reader end when `signal` aborts. */
export function stoppableStdio(stdio: Stdio, signal: AbortSignal): Stdio {
  return {
    stdin: () => untilAborted(signal, stdio.stdin()),
    writeOut: (bytes) => orAborted(signal, stdio.writeOut(bytes)),
    writeErr: (text) => stdio.writeErr(text),
    stdinIsTTY: stdio.stdinIsTTY,
    stdoutIsTTY: stdio.stdoutIsTTY,
    stderrIsTTY: stdio.stderrIsTTY,
    columns: () => stdio.columns(),
  };
}

function hasCode(error: unknown, code: string): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; depth++) {
    if ('code' in cause && cause.code === code) return true;
    cause = cause.cause;
  }
  return false;
}

/** `system` with another standard stream and, where `folder` is given, another working directory. */
export function systemWith(system: System, stdio: Stdio, folder: string | undefined): System {
  return {
    clock: system.clock,
    env: system.env,
    platform: system.platform,
    homedir: system.homedir,
    ...(system.program === undefined ? {} : { program: system.program }),
    tmpdir: system.tmpdir,
    cwd: folder === undefined ? system.cwd : resolve(system.cwd, folder),
    cores: system.cores,
    freeMemory: () => system.freeMemory(),
    files: system.files,
    threads: system.threads,
    stdio,
    random: (bytes) => system.random(bytes),
    spawnDuplex: (command, args, env) => system.spawnDuplex(command, args, env),
    run: (command, args, options) => system.run(command, args, options),
    follow: (command, args, options) => system.follow(command, args, options),
    modules: system.modules,
  };
}
