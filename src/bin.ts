#!/usr/bin/env node
// Starts the command line with the real System and sets the exit code. `--version` is answered before anything else
// is loaded. The exit code is set, not forced, so that what stdout still holds reaches a slow reader; only a run that was
// stopped ends at once.
import { VERSION } from './cli/version.ts';
import type { System } from './system/system.ts';
import { endOnUncaught } from './uncaught.ts';

/** Commands that go on until they are interrupted, however much goes through them. */
const ENDLESS: ReadonlySet<string> = new Set(['logs', 'watch', 'top', 'exec', 'run']);

/** A file from which on the threads of a flatten start while its code still loads. */
const WARM_FROM_BYTES = 67_108_864;

let argv: readonly string[] = process.argv.slice(2);

// What nobody caught ends in one line as well, and leaves nothing behind: whatever goes wrong, for example where not even
// the files of the program can be opened.
endOnUncaught(() => argv);

const answer = process.env['SHIPPER_DOCKER_PLUGIN'] === '1' ? await asPlugin() : undefined;
if (answer !== undefined || (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V'))) {
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE')
      process.stderr.write(`shipper: Cannot write to stdout: ${error.message}\n`);
    process.exitCode = 1;
  });
  process.stdout.write(answer ?? `${VERSION}\n`);
} else {
  await run();
}

/** As the docker command's plugin the program is called in another way. Resolves to what is answered at once. */
async function asPlugin(): Promise<string | undefined> {
  const { METADATA_WORD, pluginCall, pluginMetadata } = await import('./cli/docker-plugin.ts');
  if (argv[0] === METADATA_WORD) return pluginMetadata();
  const call = pluginCall(argv);
  argv = call.argv;
  // What this program starts is no plugin.
  delete process.env['SHIPPER_DOCKER_PLUGIN'];
  Object.assign(process.env, call.env);
  return undefined;
}

async function run(): Promise<void> {
  const { runProcess } = await import('./run-process.ts');
  await runProcess(async (system, hooks) => {
    if (await flattensLargeFile(system)) system.threads.warm?.();
    const { main } = await import('./cli/main.ts');
    // Only now: with flags of another kind Node throws away what it keeps compiled of its own modules.
    await tuneEngine(argv.some((word) => ENDLESS.has(word)));
    return main(argv, system, undefined, hooks, async (choice) => {
      const { makeShip } = await import('./library-tasks.ts');
      return makeShip(choice);
    });
  });
}

/** Whether threads are worth their start before it is known what is asked for: a guess, for words that name a file. */
async function flattensLargeFile({ files, cwd }: System): Promise<boolean> {
  const [verb, ...words] = argv;
  if (verb !== 'flatten') return false;
  const facts = await Promise.all(
    words.map((word) =>
      files.stat(word.startsWith('/') ? word : `${cwd}/${word}`).catch(() => undefined),
    ),
  );
  return facts.some((file) => file !== undefined && file.size >= WARM_FROM_BYTES);
}

/**
 * For runs of seconds that move gigabytes through small buffers (docs/decisions/0016). Less inlining: V8's optimizing
 * compiler would take a fifth of the processor time of a flatten. No incremental marking: what a socket reads is memory
 * outside the heap, and each few MB of it would start another marking of all the heap, beside the work, for nothing. What goes on
 * for days is marked as it goes, and its heap grows little at a time: 190 MB became 90 (bench/logs.mjs). No guessing which objects
 * will live long: where V8 takes the entries of a layer for such, a million of them cost 30 MB and a quarter more time. Little is
 * left to collect in a young generation, and helpers for it would only be waited for, behind the threads that hash.
 */
async function tuneEngine(isEndless: boolean): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const flags = [
    '--max-inlined-bytecode-size-cumulative=100',
    '--no-allocation-site-pretenuring',
    '--no-parallel-scavenge',
  ];
  if (isEndless) flags.push('--semi-space-growth-factor=1', '--heap-growing-percent=20');
  else flags.push('--no-incremental-marking');
  for (const flag of flags) setFlagsFromString(flag);
}
