#!/usr/bin/env node
// Starts the command line with the real System and sets the exit code. `--version` is answered before anything else
// is loaded. The exit code is set, not forced, so that what stdout still holds reaches a slow reader; only a run that was
// stopped ends at once.
import { VERSION } from './cli/version.ts';
import { endOnUncaught } from './uncaught.ts';

/** Commands that go on until they are interrupted, however much goes through them. */
const ENDLESS: ReadonlySet<string> = new Set(['logs', 'watch', 'top', 'exec', 'run']);

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
  await tuneEngine(argv.some((word) => ENDLESS.has(word)));
  const [{ main }, { runProcess }] = await Promise.all([
    import('./cli/main.ts'),
    import('./run-process.ts'),
  ]);
  await runProcess((system, hooks) =>
    main(argv, system, undefined, hooks, async (choice) => {
      const { makeShip } = await import('./library-tasks.ts');
      return makeShip(choice);
    }),
  );
}

/**
 * For runs of seconds that move gigabytes through small buffers (docs/decisions/0016). Less inlining: V8's optimizing
 * compiler would take a fifth of the processor time of a flatten. No incremental marking: what a socket reads is memory
 * outside the heap, and each few MB of it would start another marking of all the heap, beside the work, for nothing. What goes on
 * for days is marked as it goes, and its heap grows little at a time: 190 MB became 90 (bench/logs.mjs). No guessing which objects
 * will live long: where V8 takes the entries of a layer for such, a million of them cost 30 MB and a quarter more time.
 */
async function tuneEngine(isEndless: boolean): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const flags = ['--max-inlined-bytecode-size-cumulative=100', '--no-allocation-site-pretenuring'];
  if (isEndless) flags.push('--semi-space-growth-factor=1', '--heap-growing-percent=20');
  else flags.push('--no-incremental-marking');
  for (const flag of flags) setFlagsFromString(flag);
}
