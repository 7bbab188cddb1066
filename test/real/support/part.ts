// A real part of the tests (an engine, a registry, podman): started through `part.sh`, which says what it isolates.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { privateDirectory } from './places.ts';
import { tryRun } from './run.ts';

/** A started part. */
export interface Part extends AsyncDisposable {
  /** Private to the part; deleted when it ends. */
  readonly directory: string;
  /** Everything that it wrote on stdout and stderr so far; also after its end. */
  logs(): string;
  /** Ends it and all that it started, and removes its mounts and its directory. May be called twice. */
  stop(): Promise<void>;
}

/** Options of {@link startPart}. */
export interface PartOptions {
  /** Short: it is the beginning of the directory's name. */
  readonly name: string;
  /** The root file system that the part sees, under a layer of its own in memory; default the host's. */
  readonly lower?: string;
  /** Whether it gets a network bridge: containers on it have the network 10.213.N.0/24. It ends with the part. */
  readonly hasBridge?: boolean;
  /** The network namespace that it runs in; default the machine's. */
  readonly namespace?: string;
  /** Writes what the part needs into its directory and returns its command. */
  prepare(directory: string, bridge: string): readonly string[];
  /** Polled until it is true; a rejection counts as false. */
  isReady(directory: string): Promise<boolean>;
  /** Default 60,000: two busy cores may be slow. */
  readonly readyWithinMs?: number;
}

/** Starts a part and waits until it is ready; a failure ends with its last log lines. */
export async function startPart(options: PartOptions): Promise<Part> {
  const directory = privateDirectory(options.name);
  const log = openSync(join(directory, 'log'), 'a+');
  const bridge = options.hasBridge === true ? await addBridge() : '-';
  const script = fileURLToPath(new URL('part.sh', import.meta.url));
  const command = prepareOrClean(options, directory, bridge);
  const { namespace } = options;
  // Not `ip netns exec`, which hides the control groups.
  const enter = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`];
  const [program = '', ...args] = [
    ...enter,
    ...['bash', script, directory, options.lower ?? '/', bridge],
    ...command,
  ];
  const child = spawn(program, args, {
    stdio: ['pipe', log, log],
    // A process group of its own, so that a Ctrl-C does not end it in the middle of its cleaning.
    detached: true,
  });
  const part = describePart(directory, log, child);
  try {
    await waitUntilReady(part, child, options);
    return part;
  } catch (error) {
    await part.stop();
    throw error;
  }
}

// Until part.sh runs, nobody else cleans up.
function prepareOrClean(options: PartOptions, directory: string, bridge: string) {
  try {
    return options.prepare(directory, bridge);
  } catch (error) {
    if (bridge !== '-') spawnSync('ip', ['link', 'del', bridge]);
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

async function addBridge(): Promise<string> {
  for (let number = 1; number < 250; number += 1) {
    const name = `shipper${number}`;
    // The kernel refuses a name that is taken, so two test runs at once do not share one.
    const added = await tryRun('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
    if (added.status !== 0 && !added.stderr.includes('File exists')) throw new Error(added.stderr);
    if (added.status !== 0) continue;
    await tryRun('ip', ['address', 'add', `10.213.${number}.1/24`, 'dev', name]);
    await tryRun('ip', ['link', 'set', name, 'up']);
    return name;
  }
  throw new Error('Cannot add a bridge: 250 are there');
}

function describePart(directory: string, log: number, child: ChildProcess): Part {
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    // The end of its standard input is what ends a part; the same happens when this process dies.
    child.stdin?.end();
    const late = sleep(30_000, 'late' as const, { ref: false });
    if ((await Promise.race([ended, late])) === 'late' && child.pid !== undefined) {
      process.kill(-child.pid, 'SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    }
  };
  return {
    directory,
    logs: () => readFromStart(log),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

// By the open descriptor, which stays after the part deleted its directory: a failing test can still print the log.
function readFromStart(file: number): string {
  const bytes = Buffer.alloc(fstatSync(file).size);
  return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0));
}

async function waitUntilReady(
  part: Part,
  child: ChildProcess,
  options: PartOptions,
): Promise<void> {
  const withinMs = options.readyWithinMs ?? 60_000;
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (await options.isReady(part.directory).catch(() => false)) return;
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    if (hasEnded || performance.now() > deadline) {
      const why = hasEnded ? 'it ended by itself' : `not ready within ${withinMs} ms`;
      const lines = part.logs().trimEnd().split('\n').slice(-30).join('\n');
      throw new Error(`Cannot start "${options.name}": ${why}; its last lines:\n${lines}`);
    }
    await sleep(50);
  }
}
