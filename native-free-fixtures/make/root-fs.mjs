// What is in the example images: a small Debian-like root file system and what a Dockerfile's steps make of it.
import { dir, file, link, opaque, symlink, tar, whiteout } from './tar.mjs';

/** @typedef {import('./tar.mjs').Entry} Entry */

export const BUILT = 1_717_243_200;
const BASE = { mtime: BUILT - 86_400 * 30 };
const STEP = { mtime: BUILT };

/** CAP_NET_RAW+ep as `setcap` stores it (VFS_CAP_REVISION_2). */
export const NET_RAW =
  '\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00';

const RELEASE =
  'PRETTY_NAME="Fixture GNU/Linux 12 (native-free)"\nNAME="Fixture GNU/Linux"\nVERSION_ID="12"\nID=fixture\nID_LIKE=debian\n';
const PACKAGES = ['base-files', 'bash', 'coreutils', 'libc6', 'libcap2', 'perl-base', 'tzdata'];
const WORDS =
  'archive base block build cache canonical container digest directory entry file header image inode layer link manifest merge name owner path platform registry root size source stream symlink tar time tree whiteout'.split(
    ' ',
  );

/** The layers of app:latest, base first. @returns {Buffer[]} */
export function appLayers() {
  return [
    baseLayer(),
    installLayer(),
    copyLinksLayer(),
    programLayer(),
    chownLayer(),
    cleanLayer(),
  ];
}

/** `FROM scratch`, `ADD rootfs.tar.xz /`. */
function baseLayer() {
  return tar([
    ...[
      'boot',
      'dev',
      'etc',
      'etc/apt',
      'home',
      'opt',
      'opt/data',
      'proc',
      'run',
      'srv',
      'sys',
    ].map((name) => dir(name, BASE)),
    symlink('bin', 'usr/bin', BASE),
    symlink('lib', 'usr/lib', BASE),
    symlink('sbin', 'usr/sbin', BASE),
    dir('root', { ...BASE, mode: 0o700 }),
    dir('tmp', { ...BASE, mode: 0o1777 }),
    ...settings(),
    ...['usr', 'usr/bin', 'usr/lib', 'usr/local', 'usr/local/bin', 'usr/sbin', 'usr/share'].map(
      (name) => dir(name, BASE),
    ),
    file('usr/lib/os-release', RELEASE, BASE),
    ...['arch', 'clear', 'ldd', 'tempfile', 'which'].map((name) => script(`usr/bin/${name}`)),
    file('usr/bin/su', text(2100, 7), { ...BASE, mode: 0o4755 }),
    file('usr/bin/wall', text(900, 8), { ...BASE, mode: 0o2755, gid: 5 }),
    symlink('usr/bin/sh', 'arch', BASE),
    ...templates('usr/share/app'),
    dir('usr/share/doc', BASE),
    ...PACKAGES.flatMap((name, at) => copyright(name, at)),
    dir('var', BASE),
    dir('var/cache', BASE),
    dir('var/lib', BASE),
    dir('var/lib/dpkg', BASE),
    file('var/lib/dpkg/status', statusOf(PACKAGES), BASE),
    file('opt/data/old.db', noise(9000, 3), BASE),
    file('opt/data/old.idx', noise(3000, 4), BASE),
  ]);
}

/** @returns {Entry[]} */
function settings() {
  const passwd =
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n';
  return [
    file('etc/apt/sources.list', 'deb http://deb.example.org/debian stable main\n', BASE),
    file('etc/group', 'root:x:0:\ndaemon:x:1:\nshadow:x:42:\nnogroup:x:65534:\n', BASE),
    file('etc/hostname', 'fixture\n', BASE),
    file('etc/hosts', '127.0.0.1 localhost\n::1 localhost ip6-localhost\n', BASE),
    file('etc/motd', 'Made of bytes, without a native tool.\n', BASE),
    symlink('etc/os-release', '../usr/lib/os-release', BASE),
    file('etc/passwd', passwd, BASE),
    file('etc/resolv.conf', '', BASE),
    file('etc/shadow', 'root:*:19000:0:99999:7:::\n', { ...BASE, mode: 0o640, gid: 42 }),
  ];
}

/** `RUN apt-get install`: packages, their caches, and a name that is not UTF-8. */
function installLayer() {
  const packages = [...PACKAGES, 'iputils-ping'];
  return tar([
    dir('usr', BASE),
    dir('usr/bin', STEP),
    script('usr/bin/gather', STEP),
    dir('usr/share', BASE),
    dir('usr/share/doc', STEP),
    file('usr/share/doc/caf\xe9.txt', 'a name in latin1\n', STEP),
    ...copyright('iputils-ping', 9),
    dir('var', BASE),
    dir('var/cache', STEP),
    dir('var/cache/apt', STEP),
    dir('var/cache/apt/archives', STEP),
    file('var/cache/apt/archives/iputils-ping_3_amd64.deb', noise(41_000, 11), STEP),
    file('var/cache/apt/archives/libcap2_2_amd64.deb', noise(14_500, 12), STEP),
    dir('var/lib', BASE),
    dir('var/lib/apt', STEP),
    dir('var/lib/apt/lists', STEP),
    file('var/lib/apt/lists/deb.example.org_stable_main', text(12_000, 13), STEP),
    dir('var/lib/dpkg', STEP),
    file('var/lib/dpkg/status', statusOf(packages), STEP),
  ]);
}

/** `RUN cp -al /usr/share/app /srv/app`: overlayfs copies the originals up, so both names are in the layer. */
function copyLinksLayer() {
  const originals = templates('usr/share/app');
  const links = originals.flatMap((entry) => {
    const name = entry.name.replace('usr/share/app', 'srv/app');
    return entry.type === 'dir' ? [{ ...entry, name }] : [];
  });
  const files = originals.filter(({ type }) => type === 'file');
  return tar([
    dir('srv', STEP),
    ...links,
    ...files.map((entry) => ({ ...entry, name: entry.name.replace('usr/share/app', 'srv/app') })),
    dir('usr', BASE),
    dir('usr/share', BASE),
    ...originals.flatMap((entry) => {
      const target = entry.name.replace('usr/share/app', 'srv/app');
      return entry.type === 'dir' ? [entry] : [link(entry.name, target, attributesOf(entry))];
    }),
  ]);
}

/** `COPY` of the program and `RUN setcap cap_net_raw+ep`. */
function programLayer() {
  return tar([
    dir('usr', BASE),
    dir('usr/local', BASE),
    dir('usr/local/bin', STEP),
    file('usr/local/bin/app', helloProgram('hello from the flattened app\n'), {
      ...STEP,
      mode: 0o755,
    }),
    file('usr/local/bin/probe', helloProgram('probe: ok\n'), {
      ...STEP,
      mode: 0o755,
      xattrs: { 'security.capability': NET_RAW },
    }),
    link('usr/local/bin/probe6', 'usr/local/bin/probe', {
      ...STEP,
      mode: 0o755,
      xattrs: { 'security.capability': NET_RAW },
    }),
  ]);
}

/** `RUN chown -R 1000:1000 /srv/app`: copy-up parts the copies from the originals. */
function chownLayer() {
  const owner = { uid: 1000, gid: 1000 };
  return tar([
    dir('srv', STEP),
    ...templates('usr/share/app').map((entry) => ({
      ...entry,
      ...owner,
      name: entry.name.replace('usr/share/app', 'srv/app'),
    })),
  ]);
}

/** `RUN rm -rf` of caches, and a directory that is made anew. */
function cleanLayer() {
  return tar([
    dir('etc', STEP),
    whiteout('etc/motd'),
    file('etc/app.conf', 'listen = 8080\nworkers = 4\n', { ...STEP, mode: 0o640 }),
    dir('opt', STEP),
    dir('opt/data', { ...STEP, mode: 0o750, uid: 1000, gid: 1000 }),
    opaque('opt/data'),
    file('opt/data/app.db', noise(2000, 21), { ...STEP, uid: 1000, gid: 1000 }),
    dir('var', BASE),
    dir('var/cache', STEP),
    whiteout('var/cache/apt'),
    dir('var/lib', BASE),
    dir('var/lib/apt', STEP),
    whiteout('var/lib/apt/lists'),
  ]);
}

/** @param {Entry} entry @returns {Partial<Entry>} */
function attributesOf({ mode = 0o644, uid = 0, gid = 0, mtime = 0 }) {
  return { mode, uid, gid, mtime };
}

/** @param {string} root @returns {Entry[]} */
function templates(root) {
  const names = ['index', 'layout', 'login', 'mail', 'report', 'search', 'table', 'user'];
  return [
    dir(root, BASE),
    dir(`${root}/templates`, BASE),
    ...names.map((name, at) =>
      file(`${root}/templates/${name}.html`, text(900 + 150 * at, at), BASE),
    ),
    file(`${root}/version`, '4.2.0\n', BASE),
  ];
}

/** @param {string} name @param {Partial<Entry>} [attributes] */
function script(name, attributes = BASE) {
  const about = text(300, name.length).trimEnd().replaceAll('\n', '\n# ');
  const body = `#!/bin/sh\n# ${about}\nexit 0\n`;
  return file(name, body, { ...attributes, mode: 0o755 });
}

/** @param {string} name @param {number} seed */
function copyright(name, seed) {
  const path = `usr/share/doc/${name}`;
  return [dir(path, BASE), file(`${path}/copyright`, text(1500, seed + 40), BASE)];
}

/** @param {readonly string[]} packages */
function statusOf(packages) {
  return packages
    .map((name, at) => {
      const about = text(220, at + 60)
        .replaceAll('\n', '\n ')
        .trimEnd();
      return `Package: ${name}\nStatus: install ok installed\nVersion: ${at + 1}.0-1\nDescription: ${about}\n`;
    })
    .join('\n');
}

/** Words that depend on a seed. @param {number} size @param {number} seed */
export function text(size, seed) {
  const next = numbers(seed);
  let out = '';
  for (let column = 0; out.length < size; column += 1) {
    out += `${WORDS[next() % WORDS.length]}${column % 11 === 10 ? '\n' : ' '}`;
  }
  return `${out.slice(0, size - 1)}\n`;
}

/** Bytes that no compressor shrinks. @param {number} size @param {number} seed */
export function noise(size, seed) {
  const next = numbers(seed);
  return Buffer.from(Array.from({ length: size }, () => next() & 0xff));
}

/** mulberry32. @param {number} seed */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/**
 * A static x86-64 program that writes a line and exits 0, so that the example image runs. Two system calls: write
 * (1) and exit (60).
 * @param {string} message
 */
export function helloProgram(message) {
  const code = Buffer.from(
    'b801000000bf01000000488d3510000000ba000000000f05b83c00000031ff0f05',
    'hex',
  );
  code.writeUInt32LE(message.length, 18);
  const start = 64 + 56;
  const size = start + code.length + message.length;
  const head = Buffer.alloc(start);
  head.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(0x400000 + start), 24);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(1, 64);
  head.writeUInt32LE(5, 68);
  head.writeBigUInt64LE(0x400000n, 80);
  head.writeBigUInt64LE(0x400000n, 88);
  head.writeBigUInt64LE(BigInt(size), 96);
  head.writeBigUInt64LE(BigInt(size), 104);
  head.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([head, code, Buffer.from(message, 'latin1')]);
}
