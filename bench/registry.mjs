// Registry to registry: shipper against what its work costs at least, measured in the same run, and against peers.
import { execFileSync, spawn } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { measure, median, megabytes, seconds, which } from './measure.mjs';

/** A Debian docker-registry of our own on loopback. */
export async function startRegistry(work) {
  const folder = mkdtempSync(join(work, 'registry-'));
  const port = await freePort();
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  };
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: 'ignore',
  });
  for (let i = 0; i < 100; i += 1) {
    if (await answers(`http://127.0.0.1:${port}/v2/`)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    host: `127.0.0.1:${port}`,
    blobs: join(folder, 'data', 'docker/registry/v2/blobs/sha256'),
    /** CPU seconds that it has used. */
    cpu() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    stop() {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url) {
  return await fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Seconds to gunzip files, two at a time. */
async function gunzipAll(files) {
  const queue = [...files].sort((a, b) => statSync(b).size - statSync(a).size);
  const started = performance.now();
  const next = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const stream = createReadStream(file, { highWaterMark: 1 << 20 }).pipe(
        createGunzip({ chunkSize: 1 << 18 }),
      );
      for await (const chunk of stream) void chunk;
    }
  };
  await Promise.all([next(), next()]);
  return (performance.now() - started) / 1000;
}

/** Seconds to gzip a file at level 6 on two threads, as shipper does it. */
async function gzip(file, dist) {
  const { GzipCompressor } = await import(join(dist, 'blob/gzip.js'));
  const started = performance.now();
  const compressor = new GzipCompressor(6, 2, async () => undefined);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 21 }))
    await compressor.take(chunk);
  await compressor.finish();
  return (performance.now() - started) / 1000;
}

/** The layers' files in the registry's own folder. */
function layerFiles(registry, manifest) {
  return manifest.layers.map(({ digest }) => {
    const hex = digest.slice('sha256:'.length);
    return join(registry.blobs, hex.slice(0, 2), hex, 'data');
  });
}

/** The parts, in their order. `peers` compares with what `ours` took. */
export const PARTS = ['ours', 'none', 'peers', 'ten'];

/** Runs the section, or some of its parts. */
export async function benchRegistry({ work, root, shipper, runs, say, archive, parts = PARTS }) {
  archive('image.tar', {});
  const registry = await startRegistry(work);
  try {
    const at = (name) => `docker://${registry.host}/bench/${name}`;
    const tmp = join(work, 'tmp');
    mkdirSync(tmp, { recursive: true });
    const run = (command) => measure(command, { cwd: work, env: { TMPDIR: tmp } });
    await run(
      `skopeo copy -q --insecure-policy --dest-tls-verify=false docker-archive:image.tar ${at('app:1')}`,
    );
    const raw = execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', at('app:1')]);
    const files = layerFiles(registry, JSON.parse(raw.toString()));
    const layer = join(work, 'layer.tar');
    if (!existsSync(layer)) await makeFlatLayer({ work, run, shipper });
    const flatten = async (more) => {
      const before = registry.cpu();
      const ran = await run(`${shipper} flatten ${at('app:1')} ${more} -q --progress quiet`);
      return { ...ran, registry: registry.cpu() - before };
    };
    const rows = [];
    const isAsked = (part) => parts.includes(part);
    for (let i = 0; i < runs && (isAsked('ours') || isAsked('none') || isAsked('peers')); i += 1) {
      // The reference is measured beside what it is compared with: the machine is not as fast at every hour.
      const reference = {
        gunzip: await gunzipAll(files),
        gzip: await gzip(layer, join(root, 'dist')),
      };
      const ours =
        isAsked('none') && parts.length === 1
          ? undefined
          : await flatten(`-t ${at('app:flat')}${i}`);
      const none = isAsked('none')
        ? await flatten(`-t ${at('app:none')}${i} --spool none`)
        : undefined;
      rows.push({ ...reference, ours, none });
    }
    if (rows[0]?.ours !== undefined) sayOurs(rows, say);
    if (rows[0]?.none !== undefined) sayNone(rows, say);
    const ours = median(rows.map((row) => row.ours?.seconds ?? Number.NaN));
    if (isAsked('peers')) await benchPeers({ work, run, at, registry, say, ours });
    if (isAsked('ten')) await benchTen({ work, run, at, registry, shipper, say });
  } finally {
    registry.stop();
  }
}

/** The flat layer as a file, for the reference. */
async function makeFlatLayer({ work, run, shipper }) {
  await run(`${shipper} flatten image.tar -o flat.tar -q --progress quiet`);
  const manifest = execFileSync('tar', ['xOf', 'flat.tar', 'manifest.json'], { cwd: work });
  const [name] = JSON.parse(manifest.toString())[0].Layers;
  execFileSync('bash', ['-c', `tar xOf flat.tar ${name} > layer.tar`], { cwd: work });
}

/** How often a run took its reference: so many gunzips, a gzip, and the registry's own CPU in that run. */
function ratioOf(rows, key, times) {
  return median(
    rows.map((row) => row[key].seconds / (times * row.gunzip + row.gzip + row[key].registry)),
  );
}

function sayOurs(rows, say) {
  const of = (pick) => seconds(median(rows.map(pick)));
  const peak = megabytes(Math.max(...rows.map(({ ours }) => ours.bytes)));
  say(
    `registry to registry, gzip -6: ${of(({ ours }) => ours.seconds)} (${of(({ ours }) => ours.cpu)} of CPU), peak ${peak} (limit 250 MB)`,
  );
  say(
    `  gunzip once ${of(({ gunzip }) => gunzip)} + gzip ${of(({ gzip }) => gzip)} on two cores + registry ${of(({ ours }) => ours.registry)} of CPU: ratio ${ratioOf(rows, 'ours', 1).toFixed(2)} (limit 1.25)`,
  );
}

function sayNone(rows, say) {
  const wall = seconds(median(rows.map(({ none }) => none.seconds)));
  const peak = megabytes(Math.max(...rows.map(({ none }) => none.bytes)));
  say(
    `  without a file (--spool none, gunzip twice): ${wall}, peak ${peak}: ratio ${ratioOf(rows, 'none', 2).toFixed(2)}`,
  );
}

async function benchPeers({ work, run, at, registry, say, ours }) {
  if (which('buildah') !== undefined) {
    const store = mkdtempSync(join(work, 'buildah-'));
    const options = `--root ${store}/root --runroot ${store}/run --storage-driver overlay`;
    const push = `buildah ${options} push -q --tls-verify=false squashed ${at('app:buildah')}`;
    const script = `c=$(buildah ${options} from -q --tls-verify=false ${at('app:1')}) && buildah ${options} commit -q --squash $c squashed >/dev/null && ${push}`;
    const { seconds: wall } = await run(`bash -c '${script}'`);
    execFileSync('bash', [
      '-c',
      `buildah ${options} rm -a >/dev/null; buildah ${options} rmi -af >/dev/null; umount ${store}/root/overlay 2>/dev/null; rm -rf ${store}`,
    ]);
    say(
      `  buildah from + commit --squash + push: ${seconds(wall)}, ${(wall / ours).toFixed(1)} times ours (at least 2)`,
    );
  }
  const crane = process.env.CRANE ?? which('crane');
  if (crane === undefined) return;
  const { seconds: wall } = await run(
    `${crane} flatten --insecure ${registry.host}/bench/app:1 -t ${registry.host}/bench/app:crane`,
  );
  say(`  crane flatten: ${seconds(wall)}, ${(wall / ours).toFixed(1)} times ours (at least 5)`);
}

/** Ten images on one base, which stays as it is and is fetched and indexed once. */
async function benchTen({ work, run, at, registry, shipper, say }) {
  const base = at('app:1').slice('docker://'.length);
  for (let i = 0; i < 10; i += 1) makeChild(work, registry.host, base, i);
  const cache = join(work, 'cache');
  const flatten = (i) =>
    run(
      `${shipper} flatten ${at(`child${i}:1`)} -t ${at(`child${i}:flat`)} --keep-base ${at('app:1')} --cache ${cache} -q --progress quiet`,
    );
  rmSync(cache, { recursive: true, force: true });
  const { seconds: one } = await flatten(0);
  rmSync(cache, { recursive: true, force: true });
  let all = 0;
  for (let i = 0; i < 10; i += 1) all += (await flatten(i)).seconds;
  const ship = (count) => shipImages({ work, registry, base, shipper, count });
  const [shipOne, shipAll] = [await ship(1), await ship(10)];
  const row = (ten, single) =>
    `${seconds(ten)}, one ${seconds(single)}: ratio ${(ten / single).toFixed(2)}`;
  say(
    `  ten images on one base, in one run of ship (keep_base): ${row(shipAll, shipOne)} (limit 3)`,
  );
  say(`  one command after the other (--keep-base, --cache): ${row(all, one)}`);
}

/** Seconds of a run over so many images on one base, with nothing cached or remembered. */
async function shipImages({ work, registry, base, shipper, count }) {
  const folder = join(work, 'ship-ten');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const names = Array.from({ length: count }, (_, i) => `child${i}`);
  const images = names.map(
    (name) =>
      `  ${name}: { image: ${registry.host}/bench/${name}:1, flatten: { keep_base: ${base} }, tags: [of${count}] }`,
  );
  const head = `project: ten\nregistry: ${registry.host}/bench\nimages:\n`;
  writeFileSync(join(folder, 'shipper.yaml'), `${head}${images.join('\n')}\n`);
  const env = { TMPDIR: join(work, 'tmp') };
  const ran = await measure(`${shipper} ship --force -q --progress quiet`, { cwd: folder, env });
  return ran.seconds;
}

/** The base and two layers of small files, made without a builder. */
function makeChild(work, host, base, i) {
  const folder = join(work, 'child');
  rmSync(folder, { recursive: true, force: true });
  execFileSync('skopeo', [
    'copy',
    '-q',
    '--insecure-policy',
    '--src-tls-verify=false',
    `docker://${base}`,
    `dir:${folder}`,
  ]);
  const script = join(
    import.meta.dirname ?? new URL('.', import.meta.url).pathname,
    'add-layers.py',
  );
  execFileSync('python3', [script, folder, String(i)]);
  execFileSync('skopeo', [
    'copy',
    '-q',
    '--insecure-policy',
    '--dest-tls-verify=false',
    `dir:${folder}`,
    `docker://${host}/bench/child${i}:1`,
  ]);
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
}
