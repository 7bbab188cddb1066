// The few Docker Engine calls that shipper needs, with its own types. `modem.ts` is the real one.
import type { Context } from '../core/context.ts';
import type { Containers } from './containers.ts';
import type { SwarmCalls } from './swarm.ts';

/** What `GET /version`, `/info` and `/_ping` say, as far as it matters here. */
export interface EngineFacts {
  /** How messages call the endpoint, without secrets. */
  readonly endpoint: string;
  /** `docker` or `podman`. */
  readonly product: 'docker' | 'podman';
  /** For example `26.1.5`. */
  readonly version: string;
  /** The API version in use: the lower of theirs and ours. */
  readonly apiVersion: string;
  /** `containerd` when images lie in containerd's store, else `graph-driver`; `unknown` for podman. */
  readonly store: 'graph-driver' | 'containerd' | 'unknown';
  /** For example `overlay2`. */
  readonly driver: string;
  readonly os: string;
  /** In Go's words: `amd64`, `arm64`. */
  readonly architecture: string;
  /** `ID` of `/info`, by which two names of one engine are told; undefined where it says none. */
  readonly id: string | undefined;
  /** What the engine calls its machine. */
  readonly hostname: string | undefined;
  /** Where the engine keeps its data, on its own machine. */
  readonly rootDirectory: string | undefined;
}

/** `GET /images/{name}/json`, as far as it matters here; `raw` keeps the rest. */
export interface EngineImage {
  /** `sha256:…`: the configuration's digest on graph drivers, the manifest's or index's on the containerd store. */
  readonly id: string;
  readonly tags: readonly string[];
  readonly diffIds: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
  readonly sizeBytes: number;
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Options of {@link Engine.importLayer}. */
export interface ImportOptions {
  /** Full name with tag that the imported image gets. */
  readonly name: string;
  /** `os/architecture[/variant]`. */
  readonly platform?: string;
}

/** A build by the engine's classic builder. */
export interface BuildImageOptions {
  /** Full name with tag that the result gets. */
  readonly name: string;
  /** Path of the Dockerfile in the context. Default `Dockerfile`. */
  readonly dockerfile?: string;
  readonly target?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Ask registries for newer base images. Default false. */
  readonly pull?: boolean;
  readonly noCache?: boolean;
  /** Network of RUN. */
  readonly network?: string;
  /** `host:address`. */
  readonly extraHosts?: readonly string[];
  readonly shmSizeBytes?: number;
  readonly ulimits?: readonly {
    readonly name: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  /** Images whose layers may be taken for steps that are the same. */
  readonly cacheFrom?: readonly string[];
  /** `os/architecture[/variant]`. */
  readonly platform?: string;
  /** A context that the engine fetches: a git repository, a Dockerfile or a tar by http. The body is to be empty then. */
  readonly remote?: string;
  /** Credentials for base images, by registry: the `X-Registry-Config` of the API. */
  readonly logins?: Readonly<Record<string, EngineLogin>>;
  /** Takes a line of the build's own output. */
  readonly log?: (line: string) => void;
}

/** Credentials for one registry: a password, an identity token, or a token for the registry itself. */
export interface EngineLogin {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/**
 * A Docker Engine. All failures are ShipperErrors: `ENGINE`, `ENGINE_UNREACHABLE`, `NOT_FOUND`, `TIMEOUT`,
 * `INTERRUPTED`, and `BAD_REFERENCE` for a name that cannot stand in a URL; those of an uploaded body pass through as
 * they are. Calls may run beside each other. After a failure the engine's state is what `inspectImage` says.
 */
export interface Engine extends AsyncDisposable {
  /** Its calls about containers, networks, volumes. */
  readonly containers: Containers;
  /** Its calls as a manager of a swarm. */
  readonly swarm: SwarmCalls;
  /** Negotiates on the first call and remembers. */
  facts(ctx: Context): Promise<EngineFacts>;
  /** Undefined when the engine has no such image. `name` is a reference or id. */
  inspectImage(ctx: Context, name: string): Promise<EngineImage | undefined>;
  /**
   * `GET /images/{name}/get`: the stream of `docker save`. Always pass a tag or id: a bare repository exports all its
   * tags. Fails when the connection ends early as far as HTTP can tell; the tar's own end is the caller's to check.
   * `platform` is `os/architecture[/variant]`; an engine below API 1.48 shows one platform of an image, and it is
   * `NOT_FOUND` when that is another (with containerd's store it has all: do not ask for one). Leaving the iteration early closes the connection.
   *
   * `framing` says how the end is told (default `http`). Who checks the tar's own end anyway says `tar`: over a unix socket the
   * stream is then not framed, which takes half of the time to read, a connection that ends early is no error here, and the
   * memory of a chunk is used again when the next is asked for.
   */
  saveImage(
    ctx: Context,
    name: string,
    platform?: string,
    framing?: 'http' | 'tar',
  ): AsyncIterable<Uint8Array>;
  /**
   * `POST /images/load`. A chunk of `body` is not kept once the next is asked for. Returns what the engine says it
   * loaded (names or ids); an `errorDetail` in its stream is an `ENGINE` error although the status was 200.
   */
  loadImages(ctx: Context, body: AsyncIterable<Uint8Array>): Promise<readonly string[]>;
  /**
   * `POST /images/create?fromSrc=-`: one uncompressed layer becomes an image. Returns its id. Chunks as in `loadImages`.
   * A failed import may leave its name behind (26.1 with containerd's store does): remove it in any case.
   */
  importLayer(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    options: ImportOptions,
  ): Promise<string>;
  /**
   * `POST /build` with `body` as context (a tar): the classic builder. Returns the id of the result. A step that fails is
   * an `ENGINE` error; nothing has the name then. A step may be silent for as long as it takes.
   */
  buildImage(
    ctx: Context,
    body: AsyncIterable<Uint8Array>,
    options: BuildImageOptions,
  ): Promise<string>;
  tagImage(ctx: Context, source: string, name: string): Promise<void>;
  /** The names of `repository` (without a registry or folder) that the engine has, as it shows them. In no order. */
  listTags(ctx: Context, repository: string): Promise<readonly string[]>;
  /** Removes one name (or an image by id). No error when it is not there. Never forced, never prunes parents when `keepParents`. */
  removeImage(
    ctx: Context,
    name: string,
    options?: { readonly keepParents?: boolean },
  ): Promise<void>;
}
