// A Docker host in memory, on whatever clock it is given: containers, images, networks and volumes as an engine has them, and
// what its containers do by the image that they are made from. `fake-host-engine.ts` gives it the face of an `Engine`,
// `fake-host-http.ts` that of a server. Both keep the contract of real engines (test/contract).
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/core/events.ts';
import type {
  ContainerHealth,
  ContainerSpec,
  ContainerStatus,
  ExecSpec,
  LogLine,
  NetworkSpec,
  RestartPolicy,
  VolumeSpec,
} from '../../src/engine/containers.ts';
import { ImageTable } from './engine-store.ts';
import { checkOf, healthAt } from './fake-host-health.ts';
import { idOfImage, labelsOfImage, type Pullable } from './fake-host-images.ts';
import { hasLabel, Refusal } from './fake-host-terms.ts';

/** What the process of a container does. */
export interface Behaviour {
  /** Its health check succeeds from so long after its start on, at the first check then. Default 0. */
  readonly healthyAfterMs?: number;
  /** And fails again from here on. Default never. */
  readonly unhealthyAfterMs?: number;
  /** It ends so long after each start, with `exitCode` (default 1). */
  readonly crashAfterMs?: number;
  readonly exitCode?: number;
  /** It ends only by SIGKILL. */
  readonly ignoresStop?: boolean;
  /** How long it takes to end when it is asked to. Default 50. */
  readonly stopMs?: number;
  /** Its code then. Default 143. */
  readonly stopExitCode?: number;
  /** The engine refuses to start it. */
  readonly startError?: string;
  /** How long the engine takes to remove it. Default 0. */
  readonly removeMs?: number;
  /** What it writes after each start. */
  readonly log?: readonly (string | TimedLine)[];
  /** It writes `line 1`, `line 2` … so often. */
  readonly talksEveryMs?: number;
  /** A command that is run in it. Default: nothing is said, code 0. */
  readonly exec?: (spec: ExecSpec) => {
    readonly code: number;
    readonly lines: readonly LogLine[];
  };
}

/** A line that is written so long after a start. */
export interface TimedLine extends LogLine {
  readonly afterMs: number;
}

/** A container of the table. */
export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly imageId: string;
  readonly createdMs: number;
  /** By absolute path. */
  readonly files: Map<string, Uint8Array>;
  /** What it joins, with its settings. */
  readonly networks: Map<string, Readonly<Record<string, unknown>>>;
  /** From when to when it ran; the last is open while it does. */
  readonly runs: { readonly fromMs: number; toMs: number }[];
  policy: RestartPolicy;
  status: ContainerStatus;
  startedMs: number;
  finishedMs: number;
  exitCode: number;
  /** Why it could not be started. */
  error: string;
  restartCount: number;
  /** When a `restarting` one runs again, and how long it waits. */
  restartMs: number;
  backOffMs: number;
  /** Stopped by a call, which `unless-stopped` heeds. */
  isStoppedByHand: boolean;
  /** The state of its check that was told last. */
  toldHealth: string;
}

/** Something that happened. */
export interface HostEvent {
  readonly type: string;
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeNano: string;
}

/** Restarts of one that crashes: moby daemon/internal/restartmanager. */
const FIRST_BACK_OFF_MS = 100;
const LAST_BACK_OFF_MS = 60_000;
/** Who ran so long does not count as crashing. */
const SETTLED_MS = 10_000;

/** See the head of this file. */
export class FakeHost {
  readonly name: string;
  readonly clock: Clock;
  readonly containers = new Map<string, FakeContainer>();
  readonly images = new ImageTable();
  /** Besides `bridge`, `host` and `none`, which are always there. */
  readonly networks = new Map<string, NetworkSpec>();
  readonly volumes = new Map<string, VolumeSpec>();
  /** What can be pulled: reference with digest or tag, to the id that the image gets, or more about it. */
  readonly pullable = new Map<string, string | Pullable>();
  /** Id of the image by the reference that it was pulled by. */
  readonly pulled = new Map<string, string>();
  /** By a part of what a container is made from. */
  readonly behaviours = new Map<string, Behaviour>();
  /** All that happened, oldest first. */
  readonly events: HostEvent[] = [];
  /** Called after each change. */
  onChange: () => void = () => undefined;
  #count = 0;
  #settledMs = Number.NEGATIVE_INFINITY;

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
    return idOfImage(this, name);
  }

  /** All containers, those that have every label. */
  list(labels: readonly string[]): readonly FakeContainer[] {
    this.settle();
    return [...this.containers.values()].filter((container) => {
      const own = this.labelsOf(container);
      return labels.every((label) => hasLabel(own, label));
    });
  }

  create(name: string, spec: ContainerSpec): FakeContainer {
    const holder = this.find(name);
    if (holder !== undefined) {
      const words = `The container name "/${name}" is already in use by container`;
      throw new Refusal(409, `Conflict. ${words} "${holder.id}".`);
    }
    const imageId = this.imageId(spec.Image);
    if (imageId === undefined) throw new Refusal(404, `No such image: ${spec.Image}`);
    const made: FakeContainer = {
      id: createHash('sha256')
        .update(`${this.name} ${this.#count++}`)
        .digest('hex'),
      name,
      spec,
      imageId,
      createdMs: this.clock.now(),
      files: new Map(),
      networks: new Map(networksOf(spec)),
      runs: [],
      policy: policyOf(spec),
      status: 'created',
      startedMs: 0,
      finishedMs: 0,
      exitCode: 0,
      error: '',
      restartCount: 0,
      restartMs: 0,
      backOffMs: 0,
      isStoppedByHand: false,
      toldHealth: '',
    };
    this.containers.set(made.id, made);
    this.tell(made, 'create');
    this.onChange();
    return made;
  }

  /** False when it runs already. */
  start(container: FakeContainer): boolean {
    this.settle();
    if (container.status === 'running' || container.status === 'restarting') return false;
    if (container.status === 'paused') {
      throw new Refusal(409, 'cannot start a paused container, try unpause instead');
    }
    if (container.status !== 'created' && container.status !== 'exited') {
      throw new Refusal(409, 'container is marked for removal and cannot be started');
    }
    const refusal = this.#startRefusal(container);
    if (refusal !== undefined) {
      container.error = refusal.message;
      throw refusal;
    }
    container.error = '';
    container.restartCount = 0;
    container.backOffMs = 0;
    container.isStoppedByHand = false;
    this.#run(container);
    this.onChange();
    return true;
  }

  /** How long the process takes to end after it was asked to. */
  stopMs(container: FakeContainer, graceMs: number): number {
    const { ignoresStop, stopMs = 50 } = this.behaviourOf(container);
    if (container.status !== 'running') return 0;
    return ignoresStop === true ? graceMs : Math.min(stopMs, graceMs);
  }

  /** Asked to, and after the grace made to; `graceMs` of 0 or less than it takes is the latter. */
  stop(container: FakeContainer, graceMs: number = Number.POSITIVE_INFINITY): void {
    this.settle();
    if (!isAlive(container)) return;
    const { ignoresStop, stopMs = 50, stopExitCode = 143 } = this.behaviourOf(container);
    container.isStoppedByHand = true;
    if (container.status === 'restarting') container.status = 'exited';
    else this.#end(container, ignoresStop === true || graceMs < stopMs ? 137 : stopExitCode);
    this.tell(container, 'stop');
    this.onChange();
  }

  kill(container: FakeContainer, signal: string): void {
    this.settle();
    if (!isAlive(container)) throw new Refusal(409, `Container ${container.id} is not running`);
    const isKill = /^(?:SIG)?KILL$|^9$/.test(signal);
    const { ignoresStop, stopExitCode = 143 } = this.behaviourOf(container);
    if (!isKill && (ignoresStop === true || !/^(?:SIG)?TERM$|^15$/.test(signal))) return;
    container.isStoppedByHand = true;
    this.#end(container, isKill ? 137 : stopExitCode);
    this.onChange();
  }

  pause(container: FakeContainer, isPaused: boolean): void {
    this.settle();
    const from = isPaused ? 'running' : 'paused';
    if (container.status !== from) {
      throw new Refusal(409, `Container ${container.id} is not ${from}`);
    }
    container.status = isPaused ? 'paused' : 'running';
    this.tell(container, isPaused ? 'pause' : 'unpause');
    this.onChange();
  }

  /** Begins a removal; {@link removed} ends it. */
  remove(container: FakeContainer): void {
    this.settle();
    if (container.status === 'removing') {
      throw new Refusal(409, `removal of container ${container.id} is already in progress`);
    }
    if (isAlive(container)) {
      throw new Refusal(409, `You cannot remove a running container ${container.id}. Stop it`);
    }
    container.status = 'removing';
    if ((this.behaviourOf(container).removeMs ?? 0) <= 0) this.removed(container);
  }

  removed(container: FakeContainer): void {
    if (!this.containers.delete(container.id)) return;
    this.tell(container, 'destroy');
    this.onChange();
  }

  /** Undefined without a check, and before the first start. */
  healthOf(container: FakeContainer): ContainerHealth | undefined {
    const check = checkOf(this, container);
    if (check === undefined || container.startedMs === 0) return undefined;
    const isOver = container.status === 'exited' || container.status === 'dead';
    const atMs = isOver ? container.finishedMs : this.clock.now();
    return healthAt(check, this.behaviourOf(container), atMs - container.startedMs);
  }

  behaviourOf({ spec }: FakeContainer): Behaviour {
    const found = [...this.behaviours].find(([part]) => spec.Image.includes(part));
    return found?.[1] ?? {};
  }

  /** Its own, and those of its image. */
  labelsOf({ spec, imageId }: FakeContainer): Readonly<Record<string, string>> {
    return { ...labelsOfImage(this, imageId), ...spec.Labels };
  }

  running(): readonly FakeContainer[] {
    this.settle();
    return [...this.containers.values()].filter(({ status }) => status === 'running');
  }

  /** Whether it runs, and its check (if it has one) succeeds. */
  serves(container: FakeContainer): boolean {
    this.settle();
    const health = this.healthOf(container);
    return container.status === 'running' && (health === undefined || health.status === 'healthy');
  }

  /** Processes end and are restarted as time passes. */
  settle(): void {
    const nowMs = this.clock.now();
    // Nothing falls due twice at one moment, and every call looks.
    if (nowMs === this.#settledMs) return;
    this.#settledMs = nowMs;
    for (const container of this.containers.values()) {
      const { crashAfterMs, exitCode = 1 } = this.behaviourOf(container);
      for (let times = 0; times < 10_000; times += 1) {
        if (container.status === 'restarting' && nowMs >= container.restartMs) {
          this.#run(container, container.restartMs);
        }
        if (container.status !== 'running' || crashAfterMs === undefined) break;
        const endMs = container.startedMs + crashAfterMs;
        if (nowMs < endMs) break;
        this.#end(container, exitCode, endMs);
        if (!isRestarted(container)) break;
        this.#awaitRestart(container, crashAfterMs);
      }
      this.#tellHealth(container);
    }
  }

  /**
   * What is left when the daemon comes back that was killed while its containers went on: it stops them first, and counts that
   * as stopped by hand, so that `unless-stopped` does not help (20.10 and 26.1: test/real/daemon-restart.test.ts).
   */
  crashDaemon(): void {
    for (const container of this.running()) this.stop(container);
    this.reboot();
  }

  /** What is left when a daemon comes back that was stopped: it has asked its containers to end, not counted as by hand. */
  restartDaemon(): void {
    for (const container of this.running()) {
      const { ignoresStop, stopExitCode = 143 } = this.behaviourOf(container);
      this.#end(container, ignoresStop === true ? 137 : stopExitCode);
    }
    this.#revive();
  }

  /** What is left when the machine comes back that had lost its power. */
  reboot(): void {
    this.#revive();
  }

  tell(container: FakeContainer, action: string, more: Readonly<Record<string, string>> = {}) {
    const { id, name, spec } = container;
    const attributes = { ...this.labelsOf(container), image: spec.Image, name, ...more };
    this.tellOf('container', action, id, attributes);
  }

  tellOf(
    type: string,
    action: string,
    id: string,
    attributes: Readonly<Record<string, string>>,
  ): void {
    // Two things at one millisecond still have an order.
    const timeNano = `${Math.floor(this.clock.now())}${String(this.events.length % 1e6).padStart(6, '0')}`;
    this.events.push({ type, action, id, attributes, timeNano });
  }

  /** moby daemon/daemon.go, restartmanager.go. */
  #revive(): void {
    this.settle();
    for (const container of this.containers.values()) {
      if (container.status === 'removing') this.removed(container);
      if (isAlive(container)) this.#end(container, 137);
      const { name } = container.policy;
      const isRevived =
        name === 'always' ||
        (name === 'unless-stopped' && !container.isStoppedByHand) ||
        (name === 'on-failure' && container.exitCode !== 0);
      if (container.status === 'exited' && isRevived) this.#run(container);
    }
    this.onChange();
  }

  #startRefusal(container: FakeContainer): Refusal | undefined {
    const { startError } = this.behaviourOf(container);
    if (startError !== undefined) return new Refusal(400, startError);
    for (const network of container.networks.keys()) {
      if (!this.hasNetwork(network)) return new Refusal(404, `network ${network} not found`);
    }
    for (const port of portsOf(container)) {
      const isTaken = this.running().some(
        (other) => other !== container && portsOf(other).includes(port),
      );
      if (!isTaken) continue;
      const words = 'driver failed programming external connectivity on endpoint';
      const state = `Bind for 0.0.0.0:${port} failed: port is already allocated`;
      return new Refusal(500, `${words} ${container.name}: ${state}`);
    }
    return undefined;
  }

  hasNetwork(name: string): boolean {
    return BUILT_IN_NETWORKS.includes(name) || this.networks.has(name);
  }

  #run(container: FakeContainer, atMs: number = this.clock.now()): void {
    container.status = 'running';
    container.startedMs = atMs;
    container.exitCode = 0;
    container.toldHealth = '';
    container.runs.push({ fromMs: atMs, toMs: Number.POSITIVE_INFINITY });
    this.tell(container, 'start');
  }

  #end(container: FakeContainer, exitCode: number, atMs: number = this.clock.now()): void {
    container.status = 'exited';
    container.exitCode = exitCode;
    container.finishedMs = atMs;
    const run = container.runs.at(-1);
    if (run !== undefined) run.toMs = Math.min(run.toMs, atMs);
    this.tell(container, 'die', { exitCode: String(exitCode) });
  }

  /** It is counted when the container ends; that it runs again is seen later. */
  #awaitRestart(container: FakeContainer, ranMs: number): void {
    const { backOffMs } = container;
    container.backOffMs =
      backOffMs === 0 || ranMs >= SETTLED_MS
        ? FIRST_BACK_OFF_MS
        : Math.min(backOffMs * 2, LAST_BACK_OFF_MS);
    container.restartCount += 1;
    container.status = 'restarting';
    container.restartMs = container.finishedMs + container.backOffMs;
  }

  #tellHealth(container: FakeContainer): void {
    if (container.status !== 'running') return;
    const { status } = this.healthOf(container) ?? {};
    if (status === undefined || status === 'starting' || status === container.toldHealth) return;
    container.toldHealth = status;
    this.tell(container, `health_status: ${status}`);
  }
}

const BUILT_IN_NETWORKS: readonly string[] = ['bridge', 'host', 'none'];

/** Whether its process is there, or comes back. */
export function isAlive({ status }: FakeContainer): boolean {
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
  const { Name = 'no', MaximumRetryCount = 0 } = hostConfigOf(spec).RestartPolicy ?? {};
  return { name: Name === '' ? 'no' : Name, maximumRetryCount: MaximumRetryCount };
}

/** The part of a specification that is about the host. */
export function hostConfigOf(spec: ContainerSpec): RawHostConfig {
  return (spec['HostConfig'] as RawHostConfig | undefined) ?? {};
}

interface RawHostConfig {
  readonly RestartPolicy?: {
    readonly Name?: RestartPolicy['name'] | '';
    readonly MaximumRetryCount?: number;
  };
  readonly PortBindings?: Readonly<
    Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>
  >;
  readonly NetworkMode?: string;
  readonly Memory?: number;
}

/** Ports of the host that a container has for itself. */
export function portsOf({ spec }: FakeContainer): readonly number[] {
  return Object.values(hostConfigOf(spec).PortBindings ?? {}).flatMap((bindings) =>
    bindings.flatMap(({ HostPort = '' }) => (/^\d+$/.test(HostPort) ? [Number(HostPort)] : [])),
  );
}

/** What it joins when it is made. */
function networksOf(spec: ContainerSpec): [string, Readonly<Record<string, unknown>>][] {
  const mode = hostConfigOf(spec).NetworkMode ?? 'bridge';
  const config = spec['NetworkingConfig'] as
    | { readonly EndpointsConfig?: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
    | undefined;
  const further = Object.entries(config?.EndpointsConfig ?? {});
  const [first] = mode === 'default' || mode === '' ? ['bridge'] : [mode];
  if (further.some(([name]) => name === first)) return further;
  return [[first ?? 'bridge', {}], ...further];
}
