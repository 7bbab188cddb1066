// Runs the tests with real parts. Those of rollouts, fleets and swarms wait most of their time, those of images compute: the
// two run beside each other, each one file after the other; a few of images stand with the first, so that both take as long.
// With arguments it is a plain run of vitest with them.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const HOSTS =
  /^(?:rollout|swarm|fleet|fabric|shells|ssh-|ship(?!-faults)|daemon-restart|containers|support|registry-stacks|registry\.faults)/;

/** Runs vitest. Where `isLater`, what it says is told at its end, and before that only which files have ended. */
function vitest(args, isLater) {
  const command = ['vitest', 'run', '--project', 'real', ...args];
  const stdio = isLater ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'];
  const child = spawn('npx', command, { cwd: root, stdio });
  const told = [];
  child.stdout?.on('data', (chunk) => {
    told.push(chunk);
    const ended = String(chunk)
      .split('\n')
      .filter((line) => / test\/real\/\S+ .*\(/.test(line));
    for (const line of ended) process.stdout.write(`(beside) ${line}\n`);
  });
  child.stderr?.on('data', (chunk) => told.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, text: Buffer.concat(told) }));
  });
}

const args = process.argv.slice(2);
if (args.length > 0) {
  process.exitCode = (await vitest(args, false)).code;
} else {
  const files = readdirSync(`${root}test/real`).filter((name) => name.endsWith('.test.ts'));
  const pathsOf = (isWanted) => files.filter(isWanted).map((name) => `test/real/${name}`);
  const [images, hosts] = await Promise.all([
    vitest(
      pathsOf((name) => !HOSTS.test(name)),
      false,
    ),
    vitest(
      pathsOf((name) => HOSTS.test(name)),
      true,
    ),
  ]);
  process.stdout.write(hosts.text);
  process.exitCode = Math.max(images.code, hosts.code);
}
