// The pipeline's benchmark: a group of five images against the sum of its single runs. Wants DOCKER_HOST of an engine that may
// be filled (bench/with-engine.sh) and starts a docker-registry of its own.
//
// Two groups: builds that sleep, so that cores do not decide, and builds that compute.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { measure, median, seconds } from './measure.mjs';

const NAMES = ['one', 'two', 'three', 'four', 'five'];
const GROUPS = {
  sleeping: 'RUN sleep 6',
  computing: 'RUN i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done',
};

export async function benchShip({ shipper, runs, say }) {
  if (!process.env.DOCKER_HOST)
    throw new Error('Name an engine with DOCKER_HOST: bench/with-engine.sh does');
  const folder = mkdtempSync(join(tmpdir(), 'shipper-bench-ship-'));
  const registry = await startRegistry(folder);
  try {
    importBase(folder);
    for (const [name, step] of Object.entries(GROUPS)) {
      const project = writeProject(folder, registry.address, name, step);
      await benchGroup({ shipper, runs, say, name, project, folder });
    }
  } finally {
    registry.process.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchGroup({ shipper, runs, say, name, project, folder }) {
  const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
  const ship = async (...words) => {
    const call = `${shipper} ship ${words.join(' ')} --no-cache --force -q -C ${project}`;
    return (await measure(call, { cwd: project, env })).seconds;
  };
  await ship('base');
  const together = [];
  const single = [];
  const again = [];
  for (let i = 0; i < runs; i += 1) {
    let sum = 0;
    for (const image of NAMES) sum += await ship(image);
    single.push(sum);
    together.push(await ship('all'));
    const call = `${shipper} ship all -q -C ${project}`;
    await measure(call, { cwd: project, env });
    again.push((await measure(call, { cwd: project, env })).seconds);
  }
  const ratio = median(together.map((value, i) => value / single[i]));
  const limit = name === 'sleeping' ? ' (limit 0.50)' : '';
  say(
    `five ${name} builds: ${seconds(median(together))} together, ${seconds(median(single))} one by one: ratio ${ratio.toFixed(2)}${limit}; nothing to do: ${seconds(median(again))}`,
  );
}

function writeProject(folder, address, name, step) {
  const project = join(folder, name);
  const images = NAMES.map((image) => `  ${image}: { context: ./${image}, network: none }\n`).join(
    '',
  );
  const files = {
    'shipper.yaml': `project: bench-${name}\nregistry: ${address}/${name}\nimages:\n  base: { context: ./base, network: none }\n${images}groups: { all: [${NAMES.join(', ')}] }\n`,
    'base/Dockerfile': 'FROM bench-base:1\nRUN echo base > /base\n',
  };
  for (const image of NAMES)
    files[`${image}/Dockerfile`] = `FROM bench-base:1\n${step}\nRUN echo ${image} > /${image}\n`;
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(project, path, '..'), { recursive: true });
    writeFileSync(join(project, path), content);
  }
  return project;
}

/** A static busybox with its names: builds need no network. */
function importBase(folder) {
  const root = join(folder, 'root');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'tmp'), { recursive: true });
  execFileSync('cp', ['/bin/busybox', join(root, 'bin/busybox')]);
  execFileSync(join(root, 'bin/busybox'), ['--install', '-s', join(root, 'bin')]);
  const docker = process.env.SHIPPER_BENCH_DOCKER ?? 'docker';
  // Links that name the folder they were made in would lead nowhere in the image.
  execFileSync('bash', [
    '-c',
    `cd ${root}/bin && for l in *; do [ "$l" = busybox ] || ln -sf busybox "$l"; done && tar -C ${root} -c . | ${docker} import --change 'ENV PATH=/bin' - bench-base:1`,
  ]);
}

async function startRegistry(folder) {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(folder, 'registry.yml');
  const data = join(folder, 'registry');
  writeFileSync(
    config,
    JSON.stringify({
      version: '0.1',
      storage: { filesystem: { rootdirectory: data } },
      http: { addr: address },
    }),
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`http://${address}/v2/`).catch(() => undefined);
    if (answer?.ok) return { address, process: child };
    await sleep(100);
  }
  child.kill();
  throw new Error('the registry does not answer');
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
