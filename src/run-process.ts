// Runs a command line as this process: with the real System, signals and exit code. The exit code is set, not forced, so that what
// stdout still holds reaches a slow reader; only a run that was stopped ends at once.
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProcessHooks } from './cli/signals.ts';
import type { System } from './system/system.ts';

/** Runs `main` with the machine and the signals of this process, and sets the exit code to what it resolves to. */
export async function runProcess(
  main: (system: System, hooks: ProcessHooks) => Promise<number>,
): Promise<void> {
  const [{ STOP_SIGNALS }, { nodeSystem }] = await Promise.all([
    import('./cli/signals.ts'),
    import('./system/node.ts'),
  ]);
  const hooks: ProcessHooks = {
    onSignal(listener) {
      for (const signal of STOP_SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of STOP_SIGNALS) process.off(signal, listener);
      };
    },
    exitNow: (code) => process.exit(code),
  };
  const [runtime, script] = process.argv;
  const program =
    runtime === undefined || script === undefined ? {} : { program: [runtime, script] };
  const system = { ...nodeSystem(), ...program };
  try {
    process.exitCode = await main(system, hooks);
  } finally {
    await system.threads.close();
  }
}

/** The path of the module with `meta`, where that is what this process was started with; undefined where it was imported. */
export function mainModule({ url }: Pick<ImportMeta, 'url'>): string | undefined {
  const [, script] = process.argv;
  if (script === undefined || !url.startsWith('file:')) return undefined;
  const path = fileURLToPath(url);
  return isSame(path, script) ? path : undefined;
}

/** Node follows links to the script, and leaves argv as it was typed, perhaps without the extension. */
function isSame(path: string, script: string): boolean {
  try {
    return realpathSync(script) === realpathSync(path);
  } catch {
    return false;
  }
}

/** The words that this process was started with, behind its script. */
export function processWords(): readonly string[] {
  return process.argv.slice(2);
}
