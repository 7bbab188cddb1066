// The real command line, as built, with a temporary folder of its own that must be empty when it ends.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FlattenReport } from '../../../src/operations/flatten-types.ts';
import type { Endpoint } from './engines.ts';
import { type RunOptions, type RunResult, tryRun } from './run.ts';

/** `dist/bin.js`; SHIPPER_REAL_CLI names another build. */
export const CLI: string =
  process.env['SHIPPER_REAL_CLI'] ??
  fileURLToPath(new URL('../../../dist/bin.js', import.meta.url));

/** What a run left. */
export interface ShipperResult extends RunResult {
  /** What stayed in its TMPDIR. */
  readonly leftovers: readonly string[];
}

/** Options of {@link shipper}. */
export interface ShipperOptions extends RunOptions {
  /** In place of the engine's own socket, for example a proxy's. */
  readonly host?: string;
}

/** Runs `shipper ARGS… --host HOST` with the engine's environment; a failure is told by `status`. */
export async function shipper(
  engine: Endpoint,
  args: readonly string[],
  options: ShipperOptions = {},
): Promise<ShipperResult> {
  const { host = engine.host, ...others } = options;
  const tmpdir = mkdtempSync(join(engine.directory, 'tmp-'));
  const env = { ...engine.env, DOCKER_HOST: undefined, TMPDIR: tmpdir, ...options.env };
  try {
    const call = [CLI, ...args, '--host', host];
    const result = await tryRun(process.execPath, call, { cwd: tmpdir, ...others, env });
    return { ...result, leftovers: readdirSync(tmpdir) };
  } finally {
    rmSync(tmpdir, { recursive: true, force: true });
  }
}

/** A run that the test sends signals to. */
export interface RunningShipper {
  readonly child: ChildProcess;
  readonly tmpdir: string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Options of {@link startShipper}. */
export interface StartOptions {
  /** In place of the engine's own socket, for example a proxy's. */
  readonly host?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Told each line of stderr. */
  readonly onLine?: (line: string) => void;
}

/** Starts `shipper ARGS… --host HOST`; its TMPDIR goes with the engine. */
export function startShipper(
  engine: Endpoint,
  args: readonly string[],
  { host = engine.host, env: more, onLine }: StartOptions = {},
): RunningShipper {
  const tmpdir = mkdtempSync(join(engine.directory, 'tmp-'));
  const env = { ...engine.env, DOCKER_HOST: undefined, TMPDIR: tmpdir, ...more };
  const call = [CLI, ...args, '--host', host];
  const stderr = onLine === undefined ? 'ignore' : 'pipe';
  const stdio: StdioOptions = ['ignore', 'ignore', stderr];
  const child = spawn(process.execPath, call, { env, cwd: tmpdir, stdio });
  if (child.stderr !== null) {
    createInterface(child.stderr).on('line', (line) => onLine?.(line));
  }
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  return { child, tmpdir, ended };
}

/** Runs `shipper flatten ARGS… --json` and returns its report; throws when it fails or leaves temporary files. */
export async function flatten(
  engine: Endpoint,
  ...args: readonly string[]
): Promise<FlattenReport> {
  const result = await shipper(engine, ['flatten', ...args, '--json', '--progress=quiet']);
  if (result.status !== 0 || result.leftovers.length > 0) {
    const left = result.leftovers.join(', ');
    throw new Error(`shipper ended with ${result.status}, left "${left}": ${result.stderr}`);
  }
  return JSON.parse(result.stdout) as FlattenReport;
}

/** Runs a line of shell with the engine's environment; `$SHIPPER` is the command line. Returns stdout. */
export async function pipeline(engine: Endpoint, line: string): Promise<string> {
  const tmpdir = mkdtempSync(join(engine.directory, 'tmp-'));
  const env = { ...engine.env, TMPDIR: tmpdir, SHIPPER: `${process.execPath} ${CLI}` };
  try {
    const result = await tryRun('bash', ['-euo', 'pipefail', '-c', line], {
      env,
      cwd: engine.directory,
    });
    const left = readdirSync(tmpdir).join(', ');
    if (result.status === 0 && left === '') return result.stdout;
    throw new Error(`"${line}" ended with ${result.status}, left "${left}": ${result.stderr}`);
  } finally {
    rmSync(tmpdir, { recursive: true, force: true });
  }
}

/** All names in the engine, sorted. */
export async function imageNames(engine: Endpoint): Promise<string[]> {
  const said = await engine.cli('images', '--format', '{{.Repository}}:{{.Tag}}');
  return said.split('\n').filter(Boolean).sort();
}

/** Every image of the engine, nameless ones included: `id name` lines, sorted. */
export async function imageList(engine: Endpoint): Promise<string[]> {
  const format = '{{.ID}} {{.Repository}}:{{.Tag}}';
  const said = await engine.cli('images', '--all', '--no-trunc', '--format', format);
  return said.split('\n').filter(Boolean).sort();
}

/** `docker image inspect` of one image. */
export async function inspect(engine: Endpoint, image: string): Promise<Record<string, unknown>> {
  const [found] = JSON.parse(await engine.cli('image', 'inspect', image)) as [
    Record<string, unknown>,
  ];
  return found;
}

/** Lines that only one of two trees has: `-` those of `a`, `+` those of `b`. */
export function differences(a: readonly string[], b: readonly string[]): string[] {
  const inA = new Set(a);
  const inB = new Set(b);
  return [
    ...a.filter((line) => !inB.has(line)).map((line) => `- ${line}`),
    ...b.filter((line) => !inA.has(line)).map((line) => `+ ${line}`),
  ];
}
