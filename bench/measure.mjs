// How the benchmarks run programs: wall clock, CPU and peak memory of a child, medians of several runs.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Node reads these certificates at every start, for 70 ms: a machine that wants them for its own network would measure that
 * instead of us.
 */
const WITHOUT = { NODE_EXTRA_CA_CERTS: undefined };

/** Runs a shell command and returns wall and CPU seconds and peak resident bytes (GNU time's figures). */
export async function measure(command, { cwd, env, stdin = 'ignore' } = {}) {
  const figures = join(cwd, `.time-${process.pid}`);
  const started = performance.now();
  const child = spawn(
    '/usr/bin/time',
    ['-q', '-f', '%U %S %M', '-o', figures, 'bash', '-c', `exec ${command}`],
    {
      cwd,
      env: { ...process.env, ...WITHOUT, ...env },
      stdio: [stdin, 'ignore', 'pipe'],
    },
  );
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(-4000);
  });
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${command}: exit ${code}\n${stderr}`);
  const [user, system, kilobytes] = readFileSync(figures, 'utf8').trim().split(' ').map(Number);
  rmSync(figures);
  return { seconds, cpu: user + system, bytes: kilobytes * 1024 };
}

/** The middle of several numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Seconds with two digits. */
export function seconds(value) {
  return `${value.toFixed(2)} s`;
}

/** Bytes as MB (10^6). */
export function megabytes(value) {
  return `${Math.round(value / 1e6)} MB`;
}

/** Whether a program is on PATH; its path. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    try {
      readFileSync(join(folder, program), { flag: 'r' });
      return join(folder, program);
    } catch {}
  }
  return undefined;
}
