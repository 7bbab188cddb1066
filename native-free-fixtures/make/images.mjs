// Images around layers: the archives that `docker save` of 20.10 and 28 write, and OCI layouts.
import { createHash } from 'node:crypto';
import { BUILT } from './root-fs.mjs';
import { dir, file, symlink, tar } from './tar.mjs';

/** @typedef {import('./tar.mjs').Entry} Entry */

/**
 * @typedef {object} Step
 * @property {string} createdBy
 * @property {Buffer} [layer] the tar that the step adds
 */

/**
 * @typedef {object} Image
 * @property {Buffer} config
 * @property {readonly Buffer[]} layers
 */

const CREATED = '2024-06-01T12:00:00.123456789Z';

/** @param {Uint8Array} bytes */
export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @param {Uint8Array} bytes */
function digest(bytes) {
  return `sha256:${sha256(bytes)}`;
}

/** @param {unknown} value */
function json(value) {
  return Buffer.from(JSON.stringify(value));
}

/**
 * An image of some build steps. Its configuration has what real ones have, fields that nobody knows, and a number that
 * a JavaScript double cannot hold.
 * @param {readonly Step[]} steps
 * @param {{ architecture?: string, variant?: string, entrypoint?: readonly string[] }} [options]
 * @returns {Image}
 */
export function image(steps, options = {}) {
  const layers = steps.flatMap(({ layer }) => (layer === undefined ? [] : [layer]));
  const { architecture = 'amd64', variant, entrypoint = ['/usr/local/bin/app'] } = options;
  const config = {
    architecture,
    ...(variant === undefined ? {} : { variant }),
    config: settings(entrypoint),
    container: sha256(Buffer.from('container')),
    created: CREATED,
    docker_version: '20.10.24+dfsg1',
    history: steps.map((step, at) => ({
      created: new Date((BUILT + at * 7) * 1000).toISOString().replace('.000Z', '.5Z'),
      created_by: step.createdBy,
      comment: 'buildkit.dockerfile.v0',
      ...(step.layer === undefined ? { empty_layer: true } : {}),
    })),
    'moby.buildkit.cache.v0': 'bm90aGluZw==',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers.map(digest) },
    'org.example.unknown': { serial: 'SERIAL', nested: [null, true, 1.5, { '': 'é' }] },
  };
  const text = JSON.stringify(config).replace('"SERIAL"', '9007199254740993');
  return { config: Buffer.from(text), layers };
}

/** @param {readonly string[]} entrypoint */
function settings(entrypoint) {
  return {
    Hostname: '',
    Domainname: '',
    User: '1000:1000',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: { '8080/tcp': {} },
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'APP_GREETING=h\u00e9llo w\u00f6rld',
      'EMPTY=',
    ],
    Cmd: ['--serve'],
    Healthcheck: {
      Test: ['CMD', '/usr/local/bin/probe'],
      Interval: 30_000_000_000,
      Timeout: 5_000_000_000,
      StartPeriod: 10_000_000_000,
      StartInterval: 1_000_000_000,
      Retries: 3,
    },
    ArgsEscaped: true,
    Image: '',
    Volumes: { '/opt/data': {} },
    WorkingDir: '/srv/app',
    Entrypoint: entrypoint,
    OnBuild: null,
    Labels: { 'org.opencontainers.image.title': 'app', 'org.example.team': 'fixtures' },
    StopSignal: 'SIGTERM',
    'X-Vendor': { Kept: true },
  };
}

/**
 * What `docker save` of Docker 20.10 writes. A layer that stands twice is a symlink the second time.
 * @param {Image} source
 * @param {readonly string[]} tags
 */
export function legacyArchive(source, tags) {
  const configName = `${sha256(source.config)}.json`;
  /** @type {Map<string, string>} */
  const firstPlace = new Map();
  /** @type {Map<string, Entry[]>} */
  const folders = new Map();
  let parent = '';
  const ids = source.layers.map((layer, at) => {
    const id = sha256(Buffer.from(`${parent}:${sha256(layer)}:${at}`));
    const diffId = sha256(layer);
    const first = firstPlace.get(diffId);
    const body =
      first === undefined
        ? file(`${id}/layer.tar`, layer, stamp(0o644))
        : symlink(`${id}/layer.tar`, `../${first}/layer.tar`, stamp(0o777));
    if (first === undefined) firstPlace.set(diffId, id);
    const about = v1Json(id, parent);
    folders.set(id, [
      dir(id, stamp(0o755)),
      file(`${id}/VERSION`, '1.0', stamp(0o644)),
      file(`${id}/json`, about, stamp(0o644)),
      body,
    ]);
    parent = id;
    return id;
  });
  const manifest = [
    { Config: configName, RepoTags: tags, Layers: ids.map((id) => `${id}/layer.tar`) },
  ];
  const top = new Map(folders);
  top.set(configName, [file(configName, source.config, stamp(0o644))]);
  const sorted = [...top.keys()].sort().flatMap((name) => top.get(name) ?? []);
  return tar([
    ...sorted,
    file('manifest.json', `${JSON.stringify(manifest)}\n`, { mode: 0o644 }),
    file('repositories', `${JSON.stringify(repositoriesOf(tags, parent))}\n`, { mode: 0o644 }),
  ]);
}

/** @param {number} mode */
function stamp(mode) {
  return { mode, mtime: BUILT };
}

/** @param {string} id @param {string} parent */
function v1Json(id, parent) {
  const about = { created: '1970-01-01T00:00:00Z', container_config: { Env: null, Cmd: null } };
  return json({ id, ...(parent === '' ? {} : { parent }), ...about, os: 'linux' });
}

/** @param {readonly string[]} tags @param {string} id */
function repositoriesOf(tags, id) {
  /** @type {Record<string, Record<string, string>>} */
  const repositories = {};
  for (const tag of tags) {
    const [name = '', version = ''] = tag.split(':');
    repositories[name] = { ...repositories[name], [version]: id };
  }
  return repositories;
}

/** Blobs by digest, and the descriptors that point at them. */
export function createBlobs() {
  /** @type {Map<string, Buffer>} */
  const blobs = new Map();
  return {
    blobs,
    /** @param {string} mediaType @param {Buffer} bytes @param {object} [more] */
    add(mediaType, bytes, more = {}) {
      blobs.set(sha256(bytes), bytes);
      return { mediaType, digest: digest(bytes), size: bytes.length, ...more };
    },
  };
}

/** @typedef {ReturnType<typeof createBlobs>} Blobs */

const OCI = 'application/vnd.oci.image';

/**
 * Stores an image and gives the descriptor of its manifest.
 * @param {Blobs} store
 * @param {Image} source
 * @param {'' | '+gzip' | '+zstd'} suffix
 * @param {(layer: Buffer, at: number) => Buffer} [compress]
 * @param {object} [more] further fields of the descriptor
 */
export function putImage(store, source, suffix, compress = (layer) => layer, more = {}) {
  const layers = source.layers.map((layer, at) =>
    store.add(`${OCI}.layer.v1.tar${suffix}`, compress(layer, at)),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: store.add(`${OCI}.config.v1+json`, source.config),
    layers,
    annotations: { 'org.example.built': 'by hand' },
  };
  return store.add(`${OCI}.manifest.v1+json`, json(manifest), more);
}

/**
 * Stores the attestation that buildx puts beside an image.
 * @param {Blobs} store
 * @param {string} subject digest of the image's manifest
 */
export function putAttestation(store, subject) {
  const statement = json({
    _type: 'https://in-toto.io/Statement/v0.1',
    subject: [{ name: 'app' }],
  });
  const type = 'application/vnd.in-toto+json';
  const config = json({
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [digest(statement)] },
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: store.add(`${OCI}.config.v1+json`, config),
    layers: [
      store.add(type, statement, {
        annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' },
      }),
    ],
  };
  // The subject is in the annotations only; a salt keeps two attestations apart.
  const bytes = json({ ...manifest, annotations: { 'org.example.of': subject } });
  return store.add(`${OCI}.manifest.v1+json`, bytes, {
    annotations: {
      'vnd.docker.reference.digest': subject,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
    platform: { architecture: 'unknown', os: 'unknown' },
  });
}

/** @param {Blobs} store @param {readonly object[]} manifests @param {object} [more] */
export function putIndex(store, manifests, more = {}) {
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests };
  return store.add(`${OCI}.index.v1+json`, json(index), more);
}

/**
 * The files of an OCI layout.
 * @param {Blobs} store
 * @param {readonly object[]} manifests
 * @returns {Map<string, Buffer>}
 */
export function layoutFiles(store, manifests) {
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests };
  const files = new Map([...store.blobs].map(([hex, bytes]) => [`blobs/sha256/${hex}`, bytes]));
  // Pretty, so that the formatter of this repository leaves the file of the layout folder alone.
  files.set('index.json', Buffer.from(`${JSON.stringify(index, null, 2)}\n`));
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A tar of files, with entries for their folders. @param {Map<string, Buffer>} files */
export function archiveOf(files) {
  const folders = [dir('blobs', stamp(0o755)), dir('blobs/sha256', stamp(0o755))];
  return tar([...folders, ...[...files].map(([name, body]) => file(name, body, stamp(0o644)))]);
}

/**
 * What `docker save` of Docker 25 and later writes: an OCI layout with a `manifest.json`.
 * @param {Image} source
 * @param {string} tag
 */
export function hybridArchive(source, tag) {
  const store = createBlobs();
  const name = `docker.io/library/${tag}`;
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': tag.split(':')[1],
  };
  const files = layoutFiles(store, [putImage(store, source, '', undefined, { annotations })]);
  const blob = (/** @type {Uint8Array} */ bytes) => `blobs/sha256/${sha256(bytes)}`;
  const sources = source.layers.map((layer) => [
    digest(layer),
    { mediaType: `${OCI}.layer.v1.tar`, size: layer.length, digest: digest(layer) },
  ]);
  const manifest = [
    {
      Config: blob(source.config),
      RepoTags: [tag],
      Layers: source.layers.map(blob),
      LayerSources: Object.fromEntries(sources),
    },
  ];
  files.set('manifest.json', json(manifest));
  files.set(
    'repositories',
    json(repositoriesOf([tag], sha256(source.layers.at(-1) ?? Buffer.alloc(0)))),
  );
  return archiveOf(new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))));
}
