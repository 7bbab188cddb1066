// Makes the archive that the benchmark measures on: a `docker save` archive of an image as packages are installed,
// copied, chowned and purged, with about 1.1 GB, 60,000 entries and 12 layers. The same bytes each time.
//
//   node bench/make-archive.mjs FILE [--entries N] [--sizes N]     N times the entries, or files N times as large
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { encodeHeader } from '../dist/tar/encode.js';

const BLOCK = 512;
const SEED = 0x5eed;

/** A small generator of numbers from 0 to 1 (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const random = generator(SEED);

/** Bytes that compress about as a root file system does: words, and noise in between. */
function makePool(bytes) {
  const pool = Buffer.alloc(bytes);
  const words = Array.from({ length: 4096 }, () => {
    const length = 3 + Math.floor(random() * 12);
    return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join(
      '',
    );
  });
  for (let at = 0; at < bytes; ) {
    if (random() < 0.25) {
      const end = Math.min(bytes, at + 64 + Math.floor(random() * 2048));
      for (; at < end; at += 1) pool[at] = Math.floor(random() * 256);
    } else {
      at += pool.write(`${words[Math.floor(random() * random() * words.length)]} `, at);
    }
  }
  return pool;
}

const pool = makePool(16 * 1024 * 1024);

/** How much larger files are than in the plain archive. */
let sizeScale = 1;

/** File sizes as in /usr: most are small, some are libraries. */
function fileSize() {
  return Math.floor(plainSize() * sizeScale);
}

function plainSize() {
  const draw = random();
  if (draw < 0.55) return Math.floor(random() * 4096);
  if (draw < 0.93) return Math.floor(random() * 24_000);
  if (draw < 0.995) return Math.floor(random() * 200_000);
  return Math.floor(random() * 3_000_000);
}

/** One layer in the file: header, then entries as they come. */
class LayerWriter {
  constructor(fd, at) {
    this.fd = fd;
    this.start = at;
    this.at = at + BLOCK;
    this.hash = createHash('sha256');
    this.entries = 0;
    this.pending = [];
    this.pendingBytes = 0;
  }

  bytes(buffer) {
    this.pending.push(buffer);
    this.pendingBytes += buffer.length;
    if (this.pendingBytes > 4_194_304) this.flush();
  }

  flush() {
    const joined = Buffer.concat(this.pending);
    this.hash.update(joined);
    writeSync(this.fd, joined, 0, joined.length, this.at);
    this.at += joined.length;
    this.pending = [];
    this.pendingBytes = 0;
  }

  entry(type, path, options = {}) {
    const size = options.size ?? 0;
    this.bytes(encodeHeader(head(type, path, { ...options, size })));
    this.entries += 1;
    if (size === 0) return;
    const from = Math.floor(random() * Math.max(1, pool.length / 2));
    for (let left = size; left > 0; ) {
      const part = Math.min(left, pool.length - from);
      this.bytes(pool.subarray(from, from + part));
      left -= part;
    }
    this.bytes(Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK));
  }

  /** Ends the tar and names the member; returns what the manifest needs. */
  finish() {
    this.bytes(Buffer.alloc(2 * BLOCK));
    this.flush();
    const diffId = this.hash.digest('hex');
    const size = this.at - this.start - BLOCK;
    const name = `${diffId}/layer.tar`;
    const header = encodeHeader(head('file', name, { size }));
    writeSync(this.fd, header, 0, header.length, this.start);
    return { name, diffId, end: this.at, entries: this.entries };
  }
}

function head(
  type,
  path,
  { size = 0, linkTarget = '', uid = 0, mode = type === 'directory' ? 0o755 : 0o644 },
) {
  return {
    type,
    path,
    linkTarget,
    mode,
    uid,
    gid: uid,
    size,
    mtimeSeconds: 1_700_000_000,
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
}

/** A tree of folders and files below `top`; returns what was made. */
function tree(layer, top, files) {
  const made = [];
  layer.entry('directory', top);
  for (let folder = 0; made.length < files; folder += 1) {
    const name = `${top}/d${String(folder).padStart(4, '0')}`;
    layer.entry('directory', name);
    const count = Math.min(files - made.length, 5 + Math.floor(random() * 30));
    for (let i = 0; i < count; i += 1) {
      const path = `${name}/file-${String(i).padStart(3, '0')}.dat`;
      const size = fileSize();
      layer.entry('file', path, { size });
      made.push({ path, size });
    }
  }
  return made;
}

/** The layers as functions of a writer, base first. */
function recipe(scale) {
  const trees = {};
  const install = (top, files) => (layer) => {
    trees[top] = tree(layer, top, files * scale);
  };
  return [
    install('usr', 8500),
    install('opt/python', 8000),
    install('opt/perl', 5000),
    install('opt/git', 4000),
    install('opt/gcc', 8000),
    install('opt/node', 8000),
    // `cp -al`: a link to a file of a lower layer copies the file up, so that it stands in this layer too.
    (layer) => {
      for (const { path, size } of trees['opt/perl']) {
        layer.entry('file', path, { size });
        layer.entry('link', path.replace('opt/perl', 'srv'), { linkTarget: path });
      }
    },
    (layer) => {
      for (const { path, size } of trees['opt/perl'].slice(0, 3000 * scale))
        layer.entry('file', path.replace('opt/perl', 'srv'), { size, uid: 1000 });
    },
    (layer) => layer.entry('file', 'opt/.wh.gcc'),
    (layer) => {
      for (const { path } of trees['opt/python'].slice(0, 3000 * scale))
        layer.entry('file', path.replace(/([^/]+)$/, '.wh.$1'));
    },
    (layer) => {
      for (let i = 0; i < 200; i += 1)
        layer.entry('file', `var/blob-${String(i).padStart(3, '0')}`, { size: 65_536 });
    },
    (layer) => {
      for (let i = 0; i < 200; i += 2)
        layer.entry('file', `var/.wh.blob-${String(i).padStart(3, '0')}`);
    },
  ];
}

/** Writes the archive. */
export function makeArchive(file, { entries = 1, sizes = 1 } = {}) {
  sizeScale = sizes;
  const fd = openSync(file, 'w');
  const layers = [];
  let at = 0;
  for (const write of recipe(entries)) {
    const layer = new LayerWriter(fd, at);
    write(layer);
    layers.push(layer.finish());
    at = layers.at(-1).end;
  }
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: '2026-01-01T00:00:00Z',
      config: { Cmd: ['/bin/sh'], Env: ['PATH=/usr/bin'] },
      history: layers.map((_, i) => ({
        created: '2026-01-01T00:00:00Z',
        created_by: `RUN step ${i}`,
      })),
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
    }),
  );
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  const manifest = Buffer.from(
    JSON.stringify([
      { Config: configName, RepoTags: ['bench:latest'], Layers: layers.map(({ name }) => name) },
    ]),
  );
  for (const [name, bytes] of [
    [configName, config],
    ['manifest.json', manifest],
  ]) {
    const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
    const member = Buffer.concat([
      encodeHeader(head('file', name, { size: bytes.length })),
      bytes,
      padding,
    ]);
    writeSync(fd, member, 0, member.length, at);
    at += member.length;
  }
  writeSync(fd, Buffer.alloc(2 * BLOCK), 0, 2 * BLOCK, at);
  closeSync(fd);
  return {
    bytes: at + 2 * BLOCK,
    entries: layers.reduce((sum, { entries }) => sum + entries, 0),
    layers: layers.length,
  };
}

/** The number behind an option of the command line. */
function option(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? 1 : Number(process.argv[at + 1]);
}

if (process.argv[1]?.endsWith('make-archive.mjs')) {
  const scales = { entries: option('--entries'), sizes: option('--sizes') };
  const made = makeArchive(process.argv[2] ?? 'bench.tar', scales);
  process.stdout.write(`${JSON.stringify(made)}\n`);
}
