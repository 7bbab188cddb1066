// Private Docker Engines for the tests: each with its own data, network bridge and configuration, none of them touches
// the machine's own Docker. Root only; `scripts/real-setup.sh` installs what they need.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPart } from './part.ts';
import { findProgram, requireParts, TRIXIE } from './places.ts';
import { run } from './run.ts';

/** The engines there are; `26.1-containerd` keeps its images in containerd's store. */
export type EngineKind = '20.10' | '26.1' | '26.1-containerd';

/** All of {@link EngineKind}, for `describe.each`. */
export const ENGINE_KINDS: readonly EngineKind[] = ['20.10', '26.1', '26.1-containerd'];

/** Something that answers the Docker API on a private unix socket. */
export interface Endpoint extends AsyncDisposable {
  readonly socket: string;
  /** `unix://…`, as DOCKER_HOST and `docker --host` want it. */
  readonly host: string;
  /** Private, on a real disk, deleted by `stop`; tests may put files into it. */
  readonly directory: string;
  /** The tests' environment with DOCKER_HOST, a private DOCKER_CONFIG (with buildx) and the tried client first in PATH. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs the docker client against it and returns stdout; throws with stderr when it fails. */
  cli(...args: readonly string[]): Promise<string>;
  logs(): string;
  /** Ends it and all that it started. May be called twice. */
  stop(): Promise<void>;
}

/** A started Docker Engine. */
export interface RunningEngine extends Endpoint {
  readonly kind: EngineKind;
}

/** Options of {@link startEngine}. */
export interface EngineOptions {
  /** More keys of the daemon's configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More arguments of dockerd. */
  readonly args?: readonly string[];
  /** Starts dockerd again whenever it ends, on the same data: for {@link killDaemon}. Default false. */
  readonly isRestarted?: boolean;
  /** A network namespace to run in, with a bridge of its own in it. */
  readonly network?: { readonly namespace: string; readonly bridge: string };
  /** Writes more files and returns more arguments of dockerd. */
  readonly files?: (directory: string) => readonly string[];
  /** A program that runs beside dockerd, with the same view of the machine. */
  readonly beside?: (directory: string) => readonly string[];
}

/** Starts an engine of its own: about one second. The caller stops it (`await using` does). */
export async function startEngine(
  kind: EngineKind,
  options: EngineOptions = {},
): Promise<RunningEngine> {
  const isOld = kind === '20.10';
  const dockerd = isOld ? 'dockerd' : join(TRIXIE, 'usr/sbin/dockerd');
  requireParts(`Docker Engine ${kind}`, dockerd, 'docker', 'ip', 'unshare', 'runc', 'python3');
  const part = await startPart({
    name: kind,
    lower: isOld ? '/' : TRIXIE,
    hasBridge: options.network === undefined,
    ...(options.network === undefined ? {} : { namespace: options.network.namespace }),
    prepare: (directory, bridge) =>
      prepareDaemon(kind, directory, options.network?.bridge ?? bridge, options),
    isReady: (directory) => answers(join(directory, 'docker.sock'), '/_ping'),
  });
  const engine = { ...endpointOf(part, join(part.directory, 'docker.sock')), kind };
  await refuseOtherVersion(engine);
  return engine;
}

/** Ends an engine's dockerd by SIGKILL, as a crash does, or by another signal. */
export function killDaemon(engine: RunningEngine, signal: NodeJS.Signals = 'SIGKILL'): void {
  const mark = join(engine.directory, 'dockerd.pid');
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const [program = '', ...args] = commandOf(pid);
    if (program.endsWith('dockerd') && args.includes(mark)) process.kill(Number(pid), signal);
  }
}

/** Waits until a restarted engine answers again. */
export async function waitForDaemon(engine: RunningEngine): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    if (await answers(engine.socket, '/_ping').catch(() => false)) return;
    await sleep(50);
  }
  throw new Error(`dockerd did not come back: ${engine.logs().slice(-2000)}`);
}

/** The client's side of a part that answers the Docker API at `socket`. */
export function endpointOf(
  part: { directory: string; logs(): string; stop(): Promise<void> },
  socket: string,
): Endpoint {
  const host = `unix://${socket}`;
  const env = clientEnvironment(part.directory, host);
  return {
    socket,
    host,
    directory: part.directory,
    env,
    cli: (...args) => run(clientProgram(), args, { env }),
    logs: () => part.logs(),
    stop: () => part.stop(),
    [Symbol.asyncDispose]: () => part.stop(),
  };
}

/** Whether `GET path` on a unix socket is answered with 200. */
export function answers(socketPath: string, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 5000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode === 200));
    });
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', reject);
    call.end();
  });
}

function prepareDaemon(
  kind: EngineKind,
  directory: string,
  bridge: string,
  options: EngineOptions,
): readonly string[] {
  const file = join(directory, 'daemon.json');
  const features = kind === '26.1-containerd' ? { 'containerd-snapshotter': true } : {};
  writeFileSync(file, JSON.stringify({ features, ...options.config }));
  const beside = options.beside?.(directory) ?? [];
  return [
    ...(beside.length === 0 ? [] : [...BESIDE, String(beside.length), ...beside]),
    ...(options.isRestarted === true ? AGAIN_AND_AGAIN : []),
    'dockerd',
    ...['--config-file', file, '--host', `unix://${join(directory, 'docker.sock')}`],
    ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'dockerd.pid')],
    // The machine's firewall, routing and systemd are not ours to change.
    ...['--bridge', bridge, '--iptables=false', '--ip-masq=false', '--ip-forward=false'],
    ...['--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ...['--cgroup-parent', `/shipper-${directory.slice(directory.lastIndexOf('/') + 1)}`],
    ...(options.args ?? []),
    ...(options.files?.(directory) ?? []),
  ];
}

// The first of its arguments is the number of words of the program beside.
const BESIDE = ['bash', '-c', 'mkdir -p /run/sshd; "${@:2:$1}" & exec "${@:$1+2}"', 'beside'];

// A signal to it ends it and its dockerd; a dockerd that is killed leaves its pid file and its socket behind.
const AGAIN_AND_AGAIN = [
  ...['bash', '-c'],
  `trap 'kill -TERM "$child"; wait "$child"; exit' TERM; while :; do "$@" & child=$!; wait "$child"; sleep 0.1; done`,
  'again',
];

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended in the meantime.
    return [];
  }
}

// Debian's own client, on every machine the same one: 28.2 and 29 differ from it in options and in the API they ask for.
function clientProgram(): string {
  const program = process.env['SHIPPER_REAL_DOCKER'] ?? findProgram('/usr/bin/docker');
  return program ?? findProgram('docker') ?? 'docker';
}

function clientEnvironment(directory: string, host: string): NodeJS.ProcessEnv {
  const config = join(directory, 'docker-config');
  const programs = join(directory, 'bin');
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  mkdirSync(programs);
  symlinkSync(
    join(TRIXIE, 'usr/libexec/docker/cli-plugins/docker-buildx'),
    join(config, 'cli-plugins/docker-buildx'),
  );
  symlinkSync(clientProgram(), join(programs, 'docker'));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DOCKER_'));
  return {
    ...Object.fromEntries(inherited),
    DOCKER_HOST: host,
    DOCKER_CONFIG: config,
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
  };
}

async function refuseOtherVersion(engine: RunningEngine): Promise<void> {
  const version = await engine.cli('version', '--format', '{{.Server.Version}}');
  if (version.startsWith(`${engine.kind.replace('-containerd', '')}.`)) return;
  await engine.stop();
  throw new Error(
    `Cannot use the engine as ${engine.kind}: it is ${version.trim()}; the real tests are made for Debian 12`,
  );
}
