// Second opinions on what is in an image: trees as plain sorted lines, one per path, that compare with `toEqual`.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoint, RunningEngine } from './engines.ts';
import { SUPPORT } from './images.ts';
import { privateDirectory } from './places.ts';
import { run, tryRun } from './run.ts';

/** How much of an entry its line says. */
export interface TreeOptions {
  /**
   * `full`: nanoseconds and all extended attributes. `export`: what every engine's `docker export` tells of it: whole
   * seconds, `security.capability` only, without the paths that an engine puts its own stubs at. Default `full`,
   * for {@link exportTree} always `export`.
   */
  readonly detail?: 'full' | 'export';
  /** Default true; false for trees that were built at different times. */
  readonly hasMtimes?: boolean;
  /** False omits the paths that an engine puts its own stubs at, and `.`; default true with `full`. */
  readonly hasStubs?: boolean;
}

interface TreeEntry {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly device?: string;
  /** First path of its hard-link group. */
  readonly link?: string;
  readonly xattrs: Readonly<Record<string, string>>;
}

/** The tree that `docker create` + `docker export` give. */
export async function exportTree(
  engine: Endpoint,
  image: string,
  options: TreeOptions = {},
): Promise<string[]> {
  const directory = mkdtempSync(join(engine.directory, 'export-'));
  const file = join(directory, 'export.tar');
  // An image without a command needs one, although nothing starts.
  const container = (await engine.cli('create', image, 'never-started')).trim();
  try {
    await engine.cli('export', '--output', file, container);
    return linesOf(await listTree('tar', file), { ...options, detail: 'export' });
  } finally {
    await engine.cli('rm', '--force', '--volumes', container);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The tree that the kernel shows when the engine's own layer directories are mounted as an overlay. */
export async function overlayTree(
  engine: RunningEngine,
  image: string,
  options: TreeOptions = {},
): Promise<string[]> {
  const directories = await layerDirectories(engine, image);
  return linesOf(await listTree('overlay', ...directories), options);
}

/** The tree that `umoci unpack` makes of an image of an OCI layout. */
export async function umociTree(
  layout: string,
  ref: string,
  options: TreeOptions = {},
): Promise<string[]> {
  const directory = privateDirectory('umoci');
  try {
    const bundle = join(directory, 'bundle');
    await run('umoci', ['unpack', '--image', `${layout}:${ref}`, bundle]);
    return linesOf(await listTree('walk', join(bundle, 'rootfs')), options);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The tree of a directory, names below it. */
export async function directoryTree(
  directory: string,
  options: TreeOptions = {},
): Promise<string[]> {
  return linesOf(await listTree('walk', directory), options);
}

/** The engine's directories of an image's layers, top first. */
export function layerDirectories(engine: RunningEngine, image: string): Promise<readonly string[]> {
  return engine.kind === '26.1-containerd'
    ? snapshotDirectories(engine, image)
    : graphDirectories(engine, image);
}

async function graphDirectories(engine: RunningEngine, image: string): Promise<readonly string[]> {
  const format = '{{.GraphDriver.Data.UpperDir}}:{{with .GraphDriver.Data.LowerDir}}{{.}}{{end}}';
  const said = await engine.cli('image', 'inspect', '--format', format, image);
  return said.trim().split(':').filter(Boolean);
}

// The daemon does not tell where containerd has the layers, so containerd is asked: a view of the top layer, by the
// chain id that the OCI image specification defines.
async function snapshotDirectories(
  engine: RunningEngine,
  image: string,
): Promise<readonly string[]> {
  const said = await engine.cli('image', 'inspect', '--format', '{{json .RootFS.Layers}}', image);
  const [first, ...others] = JSON.parse(said) as string[];
  const top = others.reduce((chain, diffId) => sha256(`${chain} ${diffId}`), first ?? '');
  const socket = join(engine.directory, 'exec/containerd/containerd.sock');
  const snapshots = ['--address', socket, '--namespace', 'moby', 'snapshots'];
  const mount = await viewMount(snapshots, top);
  const lower = /lowerdir=([^,\s]+)/.exec(mount)?.[1] ?? /-t bind (\S+)/.exec(mount)?.[1];
  if (lower === undefined) throw new Error(`Cannot read the mount of "${image}": ${mount}`);
  return lower.split(':');
}

// A view belongs to nobody, so containerd's garbage collection may take it between two calls: then once more.
async function viewMount(snapshots: readonly string[], top: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const key = `shipper-${process.hrtime.bigint()}`;
    await run('ctr', [...snapshots, 'view', key, top]);
    const mount = await tryRun('ctr', [...snapshots, 'mounts', '/nowhere', key]);
    await tryRun('ctr', [...snapshots, 'rm', key]);
    if (mount.status === 0) return mount.stdout;
    if (attempt === 5) throw new Error(`Cannot mount a view of ${top}: ${mount.stderr}`);
  }
}

async function listTree(...args: readonly string[]): Promise<readonly TreeEntry[]> {
  // A mount namespace of its own, so that no mount can stay.
  const lister = ['--mount', '--propagation', 'private', 'python3', join(SUPPORT, 'tree.py')];
  return JSON.parse(await run('unshare', [...lister, ...args])) as TreeEntry[];
}

// What an engine adds to a container, or touches when it adds it. `docker export` also omits the root directory.
const STUBS =
  /^(\.|\.dockerenv|dev|dev\/(console|pts|shm)|proc|sys|etc|etc\/(hosts|hostname|resolv\.conf|mtab))$/;

function linesOf(entries: readonly TreeEntry[], options: TreeOptions): string[] {
  const hasStubs = options.hasStubs ?? options.detail !== 'export';
  const kept = hasStubs ? entries : entries.filter((entry) => !STUBS.test(entry.path));
  return kept.map((entry) => lineOf(entry, options));
}

function lineOf(entry: TreeEntry, options: TreeOptions): string {
  const isExport = options.detail === 'export';
  const mtimeNs = BigInt(entry.mtimeNs);
  const seconds = mtimeNs < 0n ? 0n : mtimeNs / 1_000_000_000n;
  const attributes = Object.entries(entry.xattrs)
    .filter(([name]) => !isExport || name === 'security.capability')
    .map(([name, value]) => `${name}=${value}`);
  const fields = [
    entry.path,
    entry.type,
    entry.mode.toString(8).padStart(4, '0'),
    `${entry.uid}:${entry.gid}`,
    options.hasMtimes === false ? undefined : (isExport ? seconds : mtimeNs).toString(),
    entry.size?.toString(),
    entry.sha256,
    entry.target === undefined ? undefined : `-> ${entry.target}`,
    entry.device,
    entry.link === undefined ? undefined : `= ${entry.link}`,
    ...attributes,
  ];
  return fields.filter((field) => field !== undefined).join(' ');
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
