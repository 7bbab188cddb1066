// Programs without a shell, as one stream: their stdin is what is written, their stdout what is read.
import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { ShipperError } from '../core/errors.ts';

const STDERR_BYTES = 4096;

/** See `System.spawnDuplex`. */
export function spawnDuplex(
  command: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Duplex {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_BYTES);
  });
  const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin });
  const fail = (reason: string) =>
    duplex.destroy(new ShipperError('IO', `Cannot run ${command}: ${reason}`));
  child.on('error', (error) => fail(error.message));
  child.on('close', (code, signal) => {
    if (code !== 0 && !duplex.destroyed) {
      fail(lastLine(stderr) || `it ended with ${signal ?? `code ${code}`}`);
    }
  });
  duplex.on('close', () => child.kill());
  return duplex;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
