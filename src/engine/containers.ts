// The calls of the Docker Engine about containers and what they stand on: networks, volumes, images by name. Each is one
// exchange and says itself what it takes for success (orchestration 5.1), so that whoever repeats it after a lost answer
// comes to the same end. `container-client.ts` is the real one.
import type { Context } from '../core/context.ts';
import type { EngineLogin } from './engine.ts';

/** `State.Status` of a container. */
export type ContainerStatus =
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead';

/** A container in a list: what `GET /containers/json` says, as far as it matters here. */
export interface ListedContainer {
  readonly id: string;
  /** Without the slash; links of other containers left out. */
  readonly name: string;
  /** What it was made from, as it was called. */
  readonly image: string;
  readonly imageId: string;
  /** Its process and arguments as one text, as engines show them: an argument with a space stands in single quotes. */
  readonly command: string;
  readonly status: ContainerStatus;
  /** How it is and since when, in the engine's words: `Up 3 hours (healthy)`, `Exited (1) 2 days ago`. */
  readonly about: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Published ports: only those of running containers are known. */
  readonly ports: readonly PublishedPort[];
  /** Seconds since the epoch, by the host's clock. */
  readonly createdAt: number;
}

/** A port of a host that leads into a container. */
export interface PublishedPort {
  readonly hostIp: string;
  readonly published: number;
  readonly target: number;
  readonly protocol: string;
}

/** One container: `GET /containers/{id}/json`, as far as it matters here; `raw` keeps the rest. */
export interface EngineContainer {
  readonly id: string;
  readonly name: string;
  /** What it was made from, as it was called. */
  readonly image: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: ContainerState;
  /** The check that the engine carries out; undefined where it has none (`NONE` too). */
  readonly healthcheck: ContainerHealthcheck | undefined;
  readonly restartPolicy: RestartPolicy;
  /** The networks that it joins by name, and its address in each: empty while it does not run. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly ports: readonly PublishedPort[];
  readonly raw: Readonly<Record<string, unknown>>;
}

/** How a container is. */
export interface ContainerState {
  readonly status: ContainerStatus;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why it could not be started; empty mostly. */
  readonly error: string;
  /** By the host's clock, as the engine writes it: only to be compared with itself. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** How often the engine has restarted it. */
  readonly restartCount: number;
  /** Undefined without a health check. */
  readonly health: ContainerHealth | undefined;
}

/** What the engine's checks of a container said. */
export interface ContainerHealth {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** The engine keeps the last five, 4096 bytes each. Oldest first. */
  readonly log: readonly { readonly exitCode: number; readonly output: string }[];
}

/** A health check with the engine's defaults filled in; milliseconds. */
export interface ContainerHealthcheck {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
}

/** What the engine does when a container ends. */
export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** Of `on-failure`; 0 is without limit. */
  readonly maximumRetryCount: number;
}

/** `POST /containers/create` as the API has it (`ContainerConfig` with `HostConfig` and `NetworkingConfig`). */
export type ContainerSpec = Readonly<Record<string, unknown>> & {
  readonly Image: string;
  readonly Labels: Readonly<Record<string, string>>;
};

/** A network, as far as it matters here. */
export interface EngineNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `POST /networks/create`. */
export interface NetworkSpec {
  readonly name: string;
  readonly driver?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly attachable?: boolean;
  readonly internal?: boolean;
  readonly ipv6?: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** A volume, as far as it matters here. */
export interface EngineVolume {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `POST /volumes/create`. */
export interface VolumeSpec {
  readonly name: string;
  readonly driver?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** An image in a list. */
export interface ListedImage {
  readonly id: string;
  readonly tags: readonly string[];
  /** `repository@sha256:…`: under which digests registries know it. */
  readonly digests: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  /** Seconds since the epoch, from its configuration. */
  readonly createdAt: number;
}

/** Options of {@link Containers.logs}. */
export interface LogOptions {
  /** At most so many of the last lines; default all. */
  readonly tail?: number;
  /** Go on until the container ends. Default false. */
  readonly follow?: boolean;
  /** Only what is newer: seconds since the epoch (with fraction), by the host's clock. */
  readonly since?: string;
  /** Each line begins with the host's time, RFC 3339 with nanoseconds. Default false. */
  readonly timestamps?: boolean;
}

/** A line that a container wrote, without its end. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** What {@link Containers.exec} runs. */
export interface ExecSpec {
  readonly command: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Something that happened in the engine: `GET /events`. */
export interface EngineEvent {
  /** `container`, `image` and so on. */
  readonly type: string;
  /** `start`, `die`, `health_status: healthy` and so on. */
  readonly action: string;
  /** Of what it happened to. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since the epoch by the host's clock, as text: `since` of a later call. */
  readonly timeNano: string;
}

/** One look at what a container uses: `GET /containers/{id}/stats`. */
export interface ContainerStats {
  /** Processors in use, 1 is one core; undefined where the engine has nothing to compare with. */
  readonly cpus: number | undefined;
  readonly memoryBytes: number;
  /** 0 without a limit. */
  readonly memoryLimitBytes: number;
}

/**
 * Containers of one engine. Failures are those of `Engine`; a call that says "no error" takes that state for success. A
 * failure with `retryable` may have had its effect all the same: look before you act again.
 */
export interface Containers {
  /** All containers in any state, or those that have every label (`key` or `key=value`). */
  list(ctx: Context, labels?: readonly string[]): Promise<readonly ListedContainer[]>;
  /** By id or name; undefined when there is none. */
  inspect(ctx: Context, container: string): Promise<EngineContainer | undefined>;
  /**
   * Returns the id. Fails with `CONFLICT` where the name is in use, `NOT_FOUND` where the image is not there, or not for
   * `platform` (`os/architecture[/variant]`; default the engine's own).
   */
  create(
    ctx: Context,
    name: string,
    spec: ContainerSpec,
    options?: { readonly platform?: string },
  ): Promise<string>;
  /** No error when it runs already. A port that is in use is an `ENGINE` error, and the container stays `created`. */
  start(ctx: Context, container: string): Promise<void>;
  /** Waits until it is stopped: its signal, then after `graceMs` SIGKILL. No error when it is stopped, or gone. */
  stop(ctx: Context, container: string, graceMs: number): Promise<void>;
  restart(ctx: Context, container: string, graceMs: number): Promise<void>;
  kill(ctx: Context, container: string, signal: string): Promise<void>;
  unpause(ctx: Context, container: string): Promise<void>;
  /** Never forced: a running one is an `ENGINE` error. Waits for a removal under way. No error when it is gone. Keeps volumes. */
  remove(ctx: Context, container: string, options?: { readonly volumes?: boolean }): Promise<void>;
  setRestartPolicy(ctx: Context, container: string, policy: RestartPolicy): Promise<void>;
  /** Resolves with the exit code once it has ended. Without a time limit. */
  wait(ctx: Context, container: string): Promise<number>;
  /** Extracts a tar at `path` in a container, which need not run. */
  putArchive(ctx: Context, container: string, path: string, tar: Uint8Array): Promise<void>;
  /** The tar of what is at `path`, at most `maxBytes`; undefined when there is nothing, or no such container. */
  getArchive(
    ctx: Context,
    container: string,
    path: string,
    maxBytes: number,
  ): Promise<Uint8Array | undefined>;
  /** Lines as they were written, both streams in their order as far as the engine keeps it. */
  logs(ctx: Context, container: string, options?: LogOptions): AsyncIterable<LogLine>;
  /** As `logs` with `follow`, from now on and without what was written before. */
  attach(ctx: Context, container: string): AsyncIterable<LogLine>;
  /**
   * Runs a command in a running container to its end; `line` takes what it writes, and no more is read until it has resolved.
   * Resolves with the exit code.
   */
  exec(
    ctx: Context,
    container: string,
    spec: ExecSpec,
    line: (line: LogLine) => void | Promise<void>,
  ): Promise<number>;
  stats(ctx: Context, container: string): Promise<ContainerStats>;
  /** Events with these filters, from `since` (nanoseconds as text) on. Ends when the connection does. */
  events(
    ctx: Context,
    filters: Readonly<Record<string, readonly string[]>>,
    since?: string,
  ): AsyncIterable<EngineEvent>;

  /** Pulls by tag or digest. `UNAUTHORIZED`, `NOT_FOUND`, `NO_SPACE` or `ENGINE` where the engine says why. */
  pull(
    ctx: Context,
    reference: string,
    options?: { readonly platform?: string; readonly login?: EngineLogin },
  ): Promise<void>;
  listImages(ctx: Context, labels?: readonly string[]): Promise<readonly ListedImage[]>;

  /** By name; undefined when there is none. */
  inspectNetwork(ctx: Context, name: string): Promise<EngineNetwork | undefined>;
  /** No error when there is one of that name: the engine is asked not to make a second. */
  createNetwork(ctx: Context, spec: NetworkSpec): Promise<void>;
  /** `settings` is an `EndpointSettings` of the API. No error when the container joined it before. */
  connectNetwork(
    ctx: Context,
    network: string,
    container: string,
    settings: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /** No error when it is gone; one that is in use is an `ENGINE` error. */
  removeNetwork(ctx: Context, name: string): Promise<void>;
  inspectVolume(ctx: Context, name: string): Promise<EngineVolume | undefined>;
  /** No error when there is one of that name: the engine gives that. */
  createVolume(ctx: Context, spec: VolumeSpec): Promise<void>;
}
