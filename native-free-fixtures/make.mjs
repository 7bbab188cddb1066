// Makes every fixture of this folder from nothing but Node: `node native-free-fixtures/make.mjs`.
// No tar, no docker, no zlib: the same bytes on every machine and Node version.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzip, gzipMembers } from './make/gzip.mjs';
import {
  archiveOf,
  createBlobs,
  hybridArchive,
  image,
  layoutFiles,
  legacyArchive,
  putAttestation,
  putImage,
  putIndex,
} from './make/images.mjs';
import { appLayers, helloProgram } from './make/root-fs.mjs';
import { STACKS } from './make/stacks.mjs';
import { dir, file, link, opaque, symlink, tar, whiteout } from './make/tar.mjs';
import { zstd } from './make/zstd.mjs';

/** @typedef {import('./make/images.mjs').Image} Image */

/** Every fixture by its path in this folder. @returns {Map<string, Buffer>} */
export function makeFixtures() {
  const small = smallImage();
  return new Map([
    ['app.tar', legacyArchive(appImage(), ['app:latest'])],
    ['legacy-repeated-layer.tar', legacyArchive(repeatedImage(), ['repeat:1', 'repeat:latest'])],
    ['hybrid.tar', hybridArchive(small, 'small:1.0')],
    ['hybrid.tar.gz', gzip(hybridArchive(small, 'small:1.0'))],
    ['oci-gzip.tar', archiveOf(gzipLayout(small))],
    ['oci-zstd.tar', archiveOf(zstdLayout(small))],
    ['multi-platform.tar', archiveOf(multiPlatformLayout())],
    ...[...gzipLayout(small)].map(
      ([name, bytes]) => /** @type {const} */ ([`oci-layout/${name}`, bytes]),
    ),
    ...STACKS.flatMap(stackFiles),
    ['stacks/expected.json', expectedOfStacks()],
  ]);
}

/** The README's example. @returns {Image} */
function appImage() {
  const [base, install, copy, program, chown, clean] = appLayers();
  return image([
    { createdBy: 'ADD rootfs.tar.xz / # buildkit', layer: base },
    { createdBy: 'CMD ["sh"]' },
    { createdBy: 'ENV APP_GREETING=h\u00e9llo w\u00f6rld' },
    { createdBy: 'RUN /bin/sh -c apt-get install -y iputils-ping # buildkit', layer: install },
    { createdBy: 'RUN /bin/sh -c cp -al /usr/share/app /srv/app # buildkit', layer: copy },
    { createdBy: 'COPY app probe /usr/local/bin/ # buildkit', layer: program },
    { createdBy: 'RUN /bin/sh -c chown -R 1000:1000 /srv/app # buildkit', layer: chown },
    { createdBy: 'RUN /bin/sh -c rm -rf /var/cache/apt /opt/data # buildkit', layer: clean },
    { createdBy: 'HEALTHCHECK &{["CMD" "/usr/local/bin/probe"] "30s" "5s" "10s" "1s" \'\\x03\'}' },
    { createdBy: 'ENTRYPOINT ["/usr/local/bin/app"]' },
  ]);
}

/** One layer at two places, with its removal between. @returns {Image} */
function repeatedImage() {
  const add = tar([dir('a'), file('a/one', '1'), link('a/two', 'a/one'), file('only', 'kept')]);
  const remove = tar([whiteout('a'), file('extra', 'more')]);
  return image([
    { createdBy: 'COPY a / # buildkit', layer: add },
    { createdBy: 'RUN /bin/sh -c rm -r /a # buildkit', layer: remove },
    { createdBy: 'WORKDIR /' },
    { createdBy: 'COPY a / # buildkit', layer: add },
  ]);
}

/** A little of everything. @param {string} [about] */
function smallLayers(about = 'small') {
  return [
    tar([
      dir('bin'),
      file('bin/app', helloProgram(`hello from ${about}\n`), { mode: 0o755 }),
      dir('etc'),
      file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
      file('etc/gone', 'deleted above\n'),
      dir('data'),
      file('data/old', 'x'.repeat(2000)),
      dir('usr'),
      dir('usr/lib'),
      symlink('lib', 'usr/lib'),
      file('usr/lib/caf\xe9', 'a name in latin1\n'),
    ]),
    tar([
      dir('data', { mode: 0o700 }),
      opaque('data'),
      file('data/new', `${about}\n`),
      dir('etc'),
      whiteout('etc/gone'),
      link('bin/again', 'bin/app', { mode: 0o755 }),
      file('lib/through-the-link', 'in /usr/lib\n'),
    ]),
  ];
}

/** @returns {Image} */
function smallImage() {
  return image(stepsOf(smallLayers()), { entrypoint: ['/bin/app'] });
}

/** @param {readonly Buffer[]} layers */
function stepsOf(layers) {
  return [
    ...layers.map((layer, at) => ({ createdBy: `COPY step${at} / # buildkit`, layer })),
    { createdBy: 'ENTRYPOINT ["/bin/app"]' },
  ];
}

/** The second layer is written in several gzip members. @param {Image} source */
function gzipLayout(source) {
  const store = createBlobs();
  const annotations = { 'org.opencontainers.image.ref.name': '1.0' };
  const compress = (/** @type {Buffer} */ layer, /** @type {number} */ at) =>
    at === 0 ? gzip(layer) : gzipMembers(layer, 1000);
  return layoutFiles(store, [putImage(store, source, '+gzip', compress, { annotations })]);
}

/** @param {Image} source */
function zstdLayout(source) {
  const store = createBlobs();
  const annotations = { 'org.opencontainers.image.ref.name': '1.0' };
  return layoutFiles(store, [putImage(store, source, '+zstd', zstd, { annotations })]);
}

/** As `buildx build --platform linux/amd64,linux/arm64 --output type=oci` writes it: an index below the index. */
function multiPlatformLayout() {
  const store = createBlobs();
  const platforms = [
    { architecture: 'amd64', os: 'linux' },
    { architecture: 'arm64', os: 'linux', variant: 'v8' },
  ];
  const images = platforms.map((platform) => {
    const source = image(stepsOf(smallLayers(platform.architecture)), {
      ...platform,
      entrypoint: ['/bin/app'],
    });
    return putImage(store, source, '+gzip', gzip, { platform });
  });
  const attestations = images.map((descriptor) => putAttestation(store, descriptor.digest));
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  return layoutFiles(store, [putIndex(store, [...images, ...attestations], { annotations })]);
}

/** @param {import('./make/stacks.mjs').Stack} stack */
function stackFiles(stack) {
  return stack.layers.map((layer, at) => {
    return /** @type {[string, Buffer]} */ ([`stacks/${stack.name}/${at + 1}.tar`, layer]);
  });
}

function expectedOfStacks() {
  const expected = Object.fromEntries(STACKS.map(({ name, flat }) => [name, flat]));
  return Buffer.from(`${JSON.stringify(expected, null, 2)}\n`);
}

/** Writes all of them beside this file. */
function writeFixtures() {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const folder of ['oci-layout', 'stacks'])
    rmSync(join(here, folder), { recursive: true, force: true });
  for (const [name, bytes] of makeFixtures()) {
    const path = join(here, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    console.log(`${String(bytes.length).padStart(7)} ${name}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFixtures();
