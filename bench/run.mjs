// The benchmark: ratios against limits and peers, measured in one run.
//
//   node bench/run.mjs [archive] [memory] [start] [daemon] [large] [registry] [ship] [logs] [--runs N] [--parts ours,none,peers,ten] [--write]
//
// Without words: archive, memory and start. `daemon` wants DOCKER_HOST of a graph-driver engine that may be filled;
// `large` makes a 10 GB archive; `registry` starts a docker-registry of its own and wants skopeo, and buildah or CRANE as peers;
// `--parts` are those of it to run; `logs` follows 30 containers that write 1,000 lines a second each, of engines of its own.
// `--write` adds the figures to bench/RESULTS.md.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchLogs } from './logs.mjs';
import { makeArchive } from './make-archive.mjs';
import { measure, median, megabytes, seconds, which } from './measure.mjs';
import { benchRegistry } from './registry.mjs';
import { benchShip } from './ship.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = process.env.SHIPPER_BENCH_DIR ?? join(root, 'bench', '.work');
const shipper = `${process.execPath} ${join(root, 'dist', 'bin.js')}`;
const { values: options, positionals: sections } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '5' },
    parts: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const runs = Number(options.runs);
const parts = options.parts?.split(',');
const lines = [];

function say(line) {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}

function archive(name, scales) {
  const file = join(work, name);
  if (!existsSync(file)) {
    const made = makeArchive(file, scales);
    say(`made ${name}: ${megabytes(made.bytes)}, ${made.entries} entries, ${made.layers} layers`);
  }
  return file;
}

/** Archive to archive, against copying, flushing and hashing the output one after the other. */
async function benchArchive() {
  archive('image.tar', {});
  const flatten = `${shipper} flatten image.tar -o flat.tar -q --progress quiet`;
  const run = (command) => measure(command, { cwd: work });
  await run(flatten);
  // What both sides read lies in the page cache as `cp` leaves it: a file that grew in small writes is read half as fast.
  for (const file of ['image.tar', 'flat.tar'])
    await run(`bash -c 'cp ${file} ${file}.new && mv ${file}.new ${file} && sync ${file}'`);
  // Right before each side writes: where a machine gives freed memory back to its host after two seconds, pages of its own
  // that were just freed cost a sixth of new ones, and both sides get the former.
  const removed = async (file) => {
    rmSync(join(work, file), { force: true });
    await run('sync');
  };
  const crane = which('crane');
  const rows = { copy: [], flush: [], hash: [], shipper: [], rss: [], cpu: [], crane: [] };
  for (let i = 0; i < runs; i += 1) {
    await removed('copy.tar');
    rows.copy.push((await run('cp flat.tar copy.tar')).seconds);
    rows.flush.push((await run('sync copy.tar')).seconds);
    rows.hash.push((await run('openssl dgst -sha256 flat.tar')).seconds);
    await removed('out.tar');
    const ours = await run(flatten.replace('flat.tar', 'out.tar'));
    rows.shipper.push(ours.seconds);
    rows.rss.push(ours.bytes);
    rows.cpu.push(ours.cpu);
    if (crane !== undefined)
      rows.crane.push(
        (await measure(`${crane} export - out.crane.tar < image.tar`, { cwd: work })).seconds,
      );
  }
  const limits = rows.copy.map((value, i) => value + rows.flush[i] + rows.hash[i]);
  const limit = median(limits);
  const ratio = median(rows.shipper.map((value, i) => value / limits[i]));
  say(
    `archive to archive: ${seconds(median(rows.shipper))} (${seconds(median(rows.cpu))} of CPU), peak ${megabytes(Math.max(...rows.rss))}`,
  );
  say(
    `  cp ${seconds(median(rows.copy))} + sync ${seconds(median(rows.flush))} + sha256 ${seconds(median(rows.hash))} = ${seconds(limit)}: ratio ${ratio.toFixed(2)} (limit 1.50)`,
  );
  if (crane !== undefined) say(`  crane export: ${seconds(median(rows.crane))}`);
}

/** Peak memory for a million entries. */
async function benchMemory() {
  archive('million.tar', { entries: 18, sizes: 1 / 64 });
  const { seconds: wall, bytes } = await measure(
    `${shipper} flatten million.tar --dry-run -q --progress quiet`,
    { cwd: work },
  );
  say(
    `a million entries: peak ${megabytes(bytes)} (limit 256 MiB = 268 MB), ${seconds(wall)} for plan and digests`,
  );
}

/** Peak memory for 10 GB. */
async function benchLarge() {
  archive('large.tar', { sizes: 11 });
  const { seconds: wall, bytes } = await measure(
    `${shipper} flatten large.tar -o large-flat.tar -q --progress quiet`,
    { cwd: work },
  );
  rmSync(join(work, 'large-flat.tar'));
  say(`10 GB: peak ${megabytes(bytes)}, ${seconds(wall)}`);
}

/** Start-up against a bare Node. */
async function benchStart() {
  const times = { bare: [], version: [] };
  for (let i = 0; i < 4 * runs; i += 1) {
    times.bare.push((await measure(`${process.execPath} -e 0`, { cwd: work })).seconds);
    times.version.push((await measure(`${shipper} --version`, { cwd: work })).seconds);
  }
  const ratio = median(times.version) / median(times.bare);
  say(
    `shipper --version: ${seconds(median(times.version))}, node -e 0: ${seconds(median(times.bare))}: ratio ${ratio.toFixed(2)} (limit 1.50)`,
  );
}

/**
 * Engine to engine on a graph driver, against saving the image and importing the flat layer.
 * Each run has an image and a layer of its own, and nothing is removed in between: for minutes ext4 looks at every file that was
 * deleted before it makes a new one, which takes an import from 8 to 20 seconds.
 */
async function benchDaemon() {
  if (!process.env.DOCKER_HOST)
    throw new Error('Name an engine with DOCKER_HOST: bench/with-engine.sh does');
  archive('image.tar', {});
  const run = (command) => measure(command, { cwd: work });
  const bash = (command) => execFileSync('bash', ['-c', command], { cwd: work }).toString();
  const docker = process.env.SHIPPER_BENCH_DOCKER ?? 'docker';
  await run(`${docker} load -i image.tar`);
  await run(`${shipper} flatten image.tar -o flat.tar -q --progress quiet`);
  const [layer] = JSON.parse(bash('tar xOf flat.tar manifest.json'))[0].Layers;
  const rows = { save: [], load: [], shipper: [], rss: [] };
  /**
   * Lets the kernel forget the image that was made, as if it had never been: on a virtual machine that gives free memory back
   * to its host, memory that was not used for long costs several times what used memory does, and the one who comes to it
   * first, after some rounds, would pay.
   */
  const forget = (image) => {
    const folder = bash(`${docker} inspect -f '{{.GraphDriver.Data.UpperDir}}' ${image}`).trim();
    bash(`sync; python3 ${join(root, 'bench/evict.py')} '${folder}'`);
  };
  const reference = async (i) => {
    rows.save[i] = (await run(`bash -c '${docker} save bench:${i} > /dev/null'`)).seconds;
    rows.load[i] = (await run(`${docker} import layer.tar bench:imported-${i}`)).seconds;
    forget(`bench:imported-${i}`);
  };
  const ours = async (i) => {
    const flat = `${shipper} flatten bench:${i} -t bench:flat-${i} -q --progress quiet`;
    const { seconds: taken, bytes } = await run(flat);
    rows.shipper[i] = taken;
    rows.rss[i] = bytes;
    forget(`bench:flat-${i}`);
  };
  for (let i = 0; i < runs; i += 1) {
    bash(`mkdir -p own && echo ${i} > own/run-${i}`);
    bash(
      `printf 'FROM bench:latest\nCOPY run-${i} /\n' | ${docker} build -q -t bench:${i} -f - own`,
    );
    bash(`tar xOf flat.tar ${layer} > layer.tar && tar rf layer.tar -C own run-${i}`);
    const parts = i % 2 === 0 ? [reference, ours] : [ours, reference];
    for (const part of parts) {
      // Or it would be measured beside the flushing of what the one before has left.
      bash('sync');
      await part(i);
    }
  }
  // By name: an image from which others were built can lose its names, and nothing else before they are gone.
  bash(`${docker} images bench --format '{{.Repository}}:{{.Tag}}' | xargs ${docker} rmi`);
  const limits = rows.save.map((value, i) => value + rows.load[i]);
  // Of medians: until its first byte the same engine takes 5 seconds for one save and 13 for the next.
  const ratio = median(rows.shipper) / median(limits);
  say(
    `engine to engine: ${seconds(median(rows.shipper))}, peak ${megabytes(Math.max(...rows.rss))}`,
  );
  say(
    `  docker save ${seconds(median(rows.save))} + docker import ${seconds(median(rows.load))} = ${seconds(median(limits))}: ratio ${ratio.toFixed(2)} (limit 1.15)`,
  );
}

const ALL = {
  archive: benchArchive,
  memory: benchMemory,
  large: benchLarge,
  start: benchStart,
  daemon: benchDaemon,
  registry: () => benchRegistry({ work, root, shipper, runs, say, archive, parts }),
  ship: () => benchShip({ shipper, runs, say }),
  logs: () => benchLogs({ work, bin: join(root, 'dist', 'bin.js'), say }),
};

mkdirSync(work, { recursive: true });
say(
  `${new Date().toISOString().slice(0, 10)}, node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model.trim()}, ${runs} runs, medians`,
);
for (const name of sections.length === 0 ? ['archive', 'memory', 'start'] : sections) {
  const section = ALL[name];
  if (section === undefined)
    throw new Error(`There is no section ${name}: ${Object.keys(ALL).join(', ')}`);
  await section();
}
if (options.write)
  appendFileSync(join(root, 'bench', 'RESULTS.md'), `\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n`);
