// A Docker host in memory, on whatever clock it is given: containers, images, networks and volumes as an engine has them, and
// what its containers do by the image that they are made from. `fake-host-engine.ts` gives it the face of an `Engine`.
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/core/events.ts';
import type {
  ContainerHealth,
  ContainerSpec,
  ContainerStatus,
  NetworkSpec,
  RestartPolicy,
  VolumeSpec,
} from '../../src/engine/containers.ts';
import { ImageTable } from './engine-store.ts';

/** What the process of a container does. */
export interface Behaviour {
  /** Its health check succeeds from so long after its start on. Default 0. */
  readonly healthyAfterMs?: number;
  /** It ends so long after each start, with this code. */
  readonly crashAfterMs?: number;
  readonly exitCode?: number;
  /** It ends only by SIGKILL. */
  readonly ignoresStop?: boolean;
  /** The engine refuses to start it. */
  readonly startError?: string;
  readonly log?: readonly string[];
}

/** A container of the table. */
export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly imageId: string;
  readonly createdMs: number;
  readonly files: Map<string, Uint8Array>;
  readonly networks: Map<string, Readonly<Record<string, unknown>>>;
  policy: RestartPolicy;
  status: ContainerStatus;
  startedMs: number;
  finishedMs: number;
  exitCode: number;
  restartCount: number;
  /** Stopped by a call, which `unless-stopped` heeds. */
  isStoppedByHand: boolean;
}

/** What an engine says no to. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** See the head of this file. */
export class FakeHost {
  readonly name: string;
  readonly clock: Clock;
  readonly containers = new Map<string, FakeContainer>();
  readonly images = new ImageTable();
  readonly networks = new Map<string, NetworkSpec>();
  readonly volumes = new Map<string, VolumeSpec>();
  /** What can be pulled: reference with digest or tag, to the id that the image gets. */
  readonly pullable = new Map<string, string>();
  /** Id of the image by the reference that it was pulled by. */
  readonly pulled = new Map<string, string>();
  /** By a part of what a container is made from. */
  readonly behaviours = new Map<string, Behaviour>();
  /** Called after each change. */
  onChange: () => void = () => undefined;
  #count = 0;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = clock;
  }

  /** By id or name. */
  find(container: string): FakeContainer | undefined {
    this.settle();
    const found = this.containers.get(container);
    return found ?? [...this.containers.values()].find(({ name }) => name === container);
  }

  need(container: string): FakeContainer {
    const found = this.find(container);
    if (found === undefined) throw new Refusal(404, `No such container: ${container}`);
    return found;
  }

  /** The id of an image by name, digest or id. */
  imageId(name: string): string | undefined {
    return (
      this.pulled.get(name) ??
      this.images.find(name)?.id ??
      [...this.pulled.values()].find((id) => id === name)
    );
  }

  create(name: string, spec: ContainerSpec): FakeContainer {
    if (this.find(name) !== undefined) {
      throw new Refusal(409, `Conflict. The container name "/${name}" is already in use`);
    }
    const imageId = this.imageId(spec.Image);
    if (imageId === undefined) throw new Refusal(404, `No such image: ${spec.Image}`);
    const policy = policyOf(spec);
    const made: FakeContainer = {
      id: createHash('sha256')
        .update(`${this.name} ${this.#count++}`)
        .digest('hex'),
      name,
      spec,
      imageId,
      createdMs: this.clock.now(),
      files: new Map(),
      networks: new Map(),
      policy,
      status: 'created',
      startedMs: 0,
      finishedMs: 0,
      exitCode: 0,
      restartCount: 0,
      isStoppedByHand: false,
    };
    this.containers.set(made.id, made);
    this.onChange();
    return made;
  }

  start(container: FakeContainer): void {
    if (container.status === 'running') return;
    const { startError } = this.behaviourOf(container);
    if (startError !== undefined) throw new Refusal(400, startError);
    for (const port of portsOf(container)) {
      const holder = this.running().find(
        (other) => other !== container && portsOf(other).includes(port),
      );
      if (holder !== undefined) {
        throw new Refusal(
          500,
          `driver failed programming external connectivity: Bind for 0.0.0.0:${port} failed: port is already allocated`,
        );
      }
    }
    container.restartCount = 0;
    container.isStoppedByHand = false;
    this.#run(container);
    this.onChange();
  }

  /** How long the process takes to end after it was asked to. */
  stopMs(container: FakeContainer, graceMs: number): number {
    return this.behaviourOf(container).ignoresStop === true ? graceMs : 50;
  }

  stop(container: FakeContainer): void {
    container.isStoppedByHand = true;
    if (!isAlive(container)) return;
    this.#end(container, this.behaviourOf(container).ignoresStop === true ? 137 : 143);
    this.onChange();
  }

  remove(container: FakeContainer): void {
    if (isAlive(container)) {
      throw new Refusal(409, `You cannot remove a running container ${container.id}`);
    }
    this.containers.delete(container.id);
    this.onChange();
  }

  healthOf(container: FakeContainer): ContainerHealth | undefined {
    const check = container.spec['Healthcheck'] as
      | { readonly Test?: readonly string[] }
      | undefined;
    if (check?.Test === undefined || check.Test[0] === 'NONE') return undefined;
    const { healthyAfterMs = 0 } = this.behaviourOf(container);
    const isHealthy = this.clock.now() - container.startedMs >= healthyAfterMs;
    return { status: isHealthy ? 'healthy' : 'starting', failingStreak: 0, log: [] };
  }

  behaviourOf({ spec }: FakeContainer): Behaviour {
    const found = [...this.behaviours].find(([part]) => spec.Image.includes(part));
    return found?.[1] ?? {};
  }

  running(): readonly FakeContainer[] {
    this.settle();
    return [...this.containers.values()].filter(({ status }) => status === 'running');
  }

  /** Whether it runs, and its check (if it has one) succeeds. */
  serves(container: FakeContainer): boolean {
    const health = this.healthOf(container);
    return container.status === 'running' && (health === undefined || health.status === 'healthy');
  }

  /** Processes end and are restarted as time passes. */
  settle(): void {
    for (const container of this.containers.values()) {
      const { crashAfterMs, exitCode = 1 } = this.behaviourOf(container);
      if (crashAfterMs === undefined) continue;
      for (let times = 0; times < 1000 && container.status === 'running'; times += 1) {
        const endMs = container.startedMs + crashAfterMs;
        if (this.clock.now() < endMs) break;
        this.#end(container, exitCode, endMs);
        if (!isRestarted(container)) break;
        container.restartCount += 1;
        this.#run(container, endMs + 100);
      }
    }
  }

  /** What is left when the machine, or its daemon, comes back: moby daemon/daemon.go, restartmanager.go. */
  reboot(): void {
    this.settle();
    for (const container of this.containers.values()) {
      const wasAlive = isAlive(container);
      if (wasAlive) this.#end(container, 137);
      const { name } = container.policy;
      const isRevived =
        name === 'always' ||
        (name === 'unless-stopped' && !container.isStoppedByHand) ||
        (name === 'on-failure' && container.exitCode !== 0);
      if (container.status === 'exited' && isRevived) this.#run(container);
    }
    this.onChange();
  }

  #run(container: FakeContainer, atMs: number = this.clock.now()): void {
    container.status = 'running';
    container.startedMs = atMs;
    container.exitCode = 0;
  }

  #end(container: FakeContainer, exitCode: number, atMs: number = this.clock.now()): void {
    container.status = 'exited';
    container.exitCode = exitCode;
    container.finishedMs = atMs;
  }
}

function isAlive({ status }: FakeContainer): boolean {
  return status === 'running' || status === 'paused' || status === 'restarting';
}

function isRestarted({ policy, exitCode, restartCount }: FakeContainer): boolean {
  if (policy.name === 'no') return false;
  if (policy.name !== 'on-failure') return true;
  return (
    exitCode !== 0 && (policy.maximumRetryCount === 0 || restartCount < policy.maximumRetryCount)
  );
}

/** The restart policy that a specification asks for. */
export function policyOf(spec: ContainerSpec): RestartPolicy {
  const host = spec['HostConfig'] as { readonly RestartPolicy?: RawPolicy } | undefined;
  const { Name = 'no', MaximumRetryCount = 0 } = host?.RestartPolicy ?? {};
  return { name: Name === '' ? 'no' : Name, maximumRetryCount: MaximumRetryCount };
}

interface RawPolicy {
  readonly Name?: RestartPolicy['name'] | '';
  readonly MaximumRetryCount?: number;
}

/** Ports of the host that a container has for itself. */
export function portsOf({ spec }: FakeContainer): readonly number[] {
  const host = spec['HostConfig'] as { readonly PortBindings?: Bindings } | undefined;
  return Object.values(host?.PortBindings ?? {}).flatMap((bindings) =>
    bindings.flatMap(({ HostPort = '' }) => (/^\d+$/.test(HostPort) ? [Number(HostPort)] : [])),
  );
}

type Bindings = Readonly<Record<string, readonly { readonly HostPort?: string }[]>>;
