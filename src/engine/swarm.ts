// The calls of a manager of a swarm: services, their tasks, nodes and configs. As with containers each is one exchange that says
// itself what it takes for success. `swarm-client.ts` is the real one.
import type { Context } from '../core/context.ts';
import type { LogLine } from './containers.ts';
import type { EngineLogin } from './engine.ts';

/** What an engine says of the swarm that it is in: `Swarm` of `GET /info`. */
export interface SwarmState {
  /** Of the node that the engine is; empty outside of a swarm. */
  readonly nodeId: string;
  /** Of the swarm; only managers know it. */
  readonly clusterId: string | undefined;
  readonly isManager: boolean;
  /** `active`, `inactive`, `pending`, `locked`, `error`. */
  readonly state: string;
}

/** `POST /services/create` as the API has it. */
export type ServiceSpec = Readonly<Record<string, unknown>> & {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>>;
};

/** Where the update of a service is. */
export type UpdateState =
  | 'updating'
  | 'paused'
  | 'completed'
  | 'rollback_started'
  | 'rollback_paused'
  | 'rollback_completed';

/** A service: `GET /services/{id}`, as far as it matters here. */
export interface SwarmService {
  readonly id: string;
  /** Rises with each change, also with those that the swarm's own updater makes. */
  readonly version: number;
  readonly spec: ServiceSpec;
  /** None after a change that needed no new task, and before the updater has begun. */
  readonly update: { readonly state: UpdateState; readonly message: string } | undefined;
}

/** A task: one container of a service, as the swarm sees it. */
export interface SwarmTask {
  readonly id: string;
  readonly serviceId: string;
  /** From 1; 0 of a global service, which has one task on each node. */
  readonly slot: number;
  /** Empty until it has been given to one. */
  readonly nodeId: string;
  /** Of its container. */
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  /** `pending`, `preparing`, `starting`, `running`, `complete`, `failed`, `rejected`, `shutdown`, `orphaned` … */
  readonly state: string;
  /** What the swarm wants it to be: `running`, `shutdown`, `remove` … */
  readonly desired: string;
  /** Why it is as it is; empty mostly. */
  readonly error: string;
  readonly exitCode: number | undefined;
  readonly containerId: string | undefined;
  /** RFC 3339, by the manager's clock. */
  readonly createdAt: string;
  /** When it came into its state. */
  readonly at: string;
}

/** A node of a swarm. */
export interface SwarmNode {
  readonly id: string;
  readonly hostname: string;
  /** As managers reach it. */
  readonly address: string;
  /** `ready`, `down`, `unknown`, `disconnected`. */
  readonly state: string;
  /** `active`, `pause`, `drain`. */
  readonly availability: string;
}

/** A config: bytes under a name, which never change, with labels, which may. */
export interface SwarmConfig {
  readonly id: string;
  readonly version: number;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** What {@link SwarmCalls.createConfig} makes. */
export type ConfigSpec = Pick<SwarmConfig, 'name' | 'labels' | 'data'>;

/** A system that an image runs on. */
export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
}

/** An engine as a manager of a swarm. Failures as with `Containers`; one that is no manager answers with `ENGINE`, status 503. */
export interface SwarmCalls {
  state(ctx: Context): Promise<SwarmState>;
  /** Those that have every label (`key` or `key=value`). */
  listServices(ctx: Context, labels?: readonly string[]): Promise<readonly SwarmService[]>;
  /** By id or name; undefined when there is none. */
  inspectService(ctx: Context, service: string): Promise<SwarmService | undefined>;
  /** Returns the id. `CONFLICT` where the name is in use. `login` is kept by the swarm, for the nodes. */
  createService(ctx: Context, spec: ServiceSpec, login?: EngineLogin): Promise<string>;
  /** `CONFLICT` where its version is another one by now: "update out of sequence". */
  updateService(
    ctx: Context,
    service: Pick<SwarmService, 'id' | 'version'>,
    spec: ServiceSpec,
    login?: EngineLogin,
  ): Promise<void>;
  /** No error when it is gone. Its tasks end after it. */
  removeService(ctx: Context, service: string): Promise<void>;
  /** Of these services (ids), those that have ended too as far as the swarm remembers them. None without services. */
  listTasks(ctx: Context, services: readonly string[]): Promise<readonly SwarmTask[]>;
  /** The last lines that a task wrote, from the node that it was on: that may take for ever where the node is lost. */
  taskLogs(ctx: Context, task: string, tail: number): AsyncIterable<LogLine>;
  listNodes(ctx: Context): Promise<readonly SwarmNode[]>;
  /** With their data. */
  listConfigs(ctx: Context, labels?: readonly string[]): Promise<readonly SwarmConfig[]>;
  /** By id or name; undefined when there is none. */
  inspectConfig(ctx: Context, config: string): Promise<SwarmConfig | undefined>;
  /** Returns the id. `CONFLICT` where the name is in use. */
  createConfig(ctx: Context, spec: ConfigSpec): Promise<string>;
  /** `CONFLICT` where its version is another one by now, `NOT_FOUND` where it is gone. */
  updateConfig(
    ctx: Context,
    config: Pick<SwarmConfig, 'id' | 'version' | 'name'>,
    labels: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** No error when it is gone. */
  removeConfig(ctx: Context, config: string): Promise<void>;
  /** What a registry says that an image is for; none where it does not say. The engine asks it. */
  platforms(
    ctx: Context,
    reference: string,
    login?: EngineLogin,
  ): Promise<readonly ImagePlatform[]>;
}
