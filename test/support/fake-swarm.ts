// A swarm in memory, on whatever clock it is given: its orchestrator keeps as many tasks as are wanted, its updater replaces them as
// swarmkit's does (manager/orchestrator/update/updater.go): it counts versions, gives up or goes back by itself, and waits for ever.
// `fake-swarm-calls.ts` gives it the face of a manager.
import type { Clock } from '../../src/core/events.ts';
import type { ServiceSpec, UpdateState } from '../../src/engine/swarm.ts';

/** What the container of a task does, by a word in its image or command. */
export type TaskBehaviour =
  /** Runs 0.2 s after its creation. */
  | 'idle'
  /** Ends with 3 soon after each start. */
  | 'bad'
  /** Never starts, as an image that takes for ever to fetch. */
  | 'frozen'
  /** Ends with 0 soon after its start. */
  | 'once';

/** A task of the table. */
export interface FakeTask {
  readonly id: string;
  readonly serviceId: string;
  readonly slot: number;
  nodeId: string;
  readonly template: Template;
  readonly createdMs: number;
  state: string;
  desired: string;
  error: string;
  exitCode: number | undefined;
  atMs: number;
}

/** `TaskTemplate` of a service. */
export interface Template {
  readonly ContainerSpec: {
    readonly Image: string;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly Command?: readonly string[];
    readonly Args?: readonly string[];
  };
  readonly RestartPolicy?: { readonly Condition?: string; readonly Delay?: number };
  readonly Placement?: { readonly Constraints?: readonly string[] };
}

/** A service of the table. */
export interface FakeService {
  readonly id: string;
  version: number;
  spec: ServiceSpec;
  previous: ServiceSpec | undefined;
  update: { state: UpdateState; message: string } | undefined;
  updater: Updater | undefined;
}

interface Updater {
  readonly isBack: boolean;
  /** Tasks that it has made and watches: by id, when they began to run. */
  readonly watched: Map<string, number | undefined>;
  readonly failed: Set<string>;
  readonly dirty: number;
  begun: boolean;
}

/** A config of the table. */
export interface FakeConfig {
  readonly id: string;
  readonly name: string;
  readonly data: Uint8Array;
  version: number;
  labels: Readonly<Record<string, string>>;
}

interface Rules {
  readonly Parallelism?: number;
  readonly Monitor?: number;
  readonly FailureAction?: string;
  readonly MaxFailureRatio?: number;
  readonly Order?: string;
}

const TICK_MS = 50;
const START_MS = 200;
const BAD_MS = 100;
const RESTART_MS = 200;
/** Tasks of a slot that have ended and are remembered (swarmkit, `TaskHistoryRetentionLimit`). */
const HISTORY = 5;

/** See the head of this file. */
export class FakeSwarm {
  readonly id = 'fakecluster';
  readonly clock: Clock;
  readonly nodes: readonly string[];
  readonly services = new Map<string, FakeService>();
  readonly configs = new Map<string, FakeConfig>();
  /** No node has room for another task. */
  isFull = false;
  tasks: FakeTask[] = [];
  #count = 0;
  #index = 10;
  #atMs: number;

  constructor(clock: Clock, nodes: readonly string[] = ['n1', 'n2', 'n3']) {
    this.clock = clock;
    this.nodes = nodes;
    this.#atMs = clock.monotonic();
  }

  /** A new id, as swarms have them. */
  newId(): string {
    this.#count += 1;
    return `${'fakefakefakefakefakefa'.slice(0, 20)}${String(this.#count).padStart(5, '0')}`;
  }

  /** The next version. */
  nextIndex(): number {
    this.#index += 1;
    return this.#index;
  }

  /** By id or name. */
  service(name: string): FakeService | undefined {
    return (
      this.services.get(name) ?? [...this.services.values()].find(({ spec }) => spec.Name === name)
    );
  }

  /** Lets happen what has happened until now. */
  advance(): void {
    const now = this.clock.monotonic();
    for (; this.#atMs + TICK_MS <= now; this.#atMs += TICK_MS) {
      if (this.#isAtRest()) {
        this.#atMs += Math.floor((now - this.#atMs) / TICK_MS) * TICK_MS;
        return;
      }
      const at = this.#atMs + TICK_MS;
      for (const task of this.tasks) this.#live(task, at);
      for (const service of this.services.values()) {
        this.#update(service, at);
        this.#orchestrate(service, at);
      }
    }
  }

  /** Nothing happens any more by itself. */
  #isAtRest(): boolean {
    const services = [...this.services.values()];
    if (services.some(({ updater }) => updater !== undefined)) return false;
    const counts = new Map<string, number>();
    for (const task of this.tasks) {
      if (task.desired !== 'running') {
        if (!isEnded(task)) return false;
        continue;
      }
      const kind = behaviourOf(task.template);
      const isStill =
        (task.state === 'running' && kind === 'idle') ||
        (task.state === 'preparing' && kind === 'frozen') ||
        task.state === 'pending';
      if (!isStill) return false;
      counts.set(task.serviceId, (counts.get(task.serviceId) ?? 0) + 1);
    }
    return services.every(({ id, spec }) => counts.get(id) === replicasOf(spec));
  }

  /** Changes the specification of a service, as a call or somebody's `docker service update` does. */
  change(service: FakeService, spec: ServiceSpec): void {
    service.previous = service.spec;
    service.spec = spec;
    service.update = undefined;
    service.version = this.nextIndex();
    service.updater = updaterFor(false, this.#dirtySlots(service).length);
  }

  /** The words of its own that a task leaves. */
  logOf({ template, state }: FakeTask): readonly string[] {
    return behaviourOf(template) === 'bad' && state === 'failed' ? ['no database'] : [];
  }

  #live(task: FakeTask, at: number): void {
    if (task.desired !== 'running') {
      if (!isEnded(task)) this.#turn(task, 'shutdown', at);
      return;
    }
    const kind = behaviourOf(task.template);
    const age = at - task.createdMs;
    if (task.state === 'new') {
      if (this.isFull || !isPlaceable(task.template)) {
        this.#turn(task, 'pending', at);
        task.error = 'no suitable node (scheduling constraints not satisfied on 3 nodes)';
        return;
      }
      const loads = this.nodes.map(
        (node) =>
          this.tasks.filter(({ nodeId, desired }) => nodeId === node && desired === 'running')
            .length,
      );
      task.nodeId = this.nodes[loads.indexOf(Math.min(...loads))] ?? '';
      this.#turn(task, 'preparing', at);
    } else if (task.state === 'preparing' && age >= START_MS && kind !== 'frozen') {
      this.#turn(task, 'running', at);
    } else if (task.state === 'running' && at - task.atMs >= BAD_MS) {
      if (kind === 'bad') {
        task.exitCode = 3;
        task.error = 'task: non-zero exit (3)';
        this.#turn(task, 'failed', at);
      } else if (kind === 'once') {
        task.exitCode = 0;
        this.#turn(task, 'complete', at);
      }
    }
  }

  #turn(task: FakeTask, state: string, at: number): void {
    task.state = state;
    task.atMs = at;
  }

  #orchestrate(service: FakeService, at: number): void {
    const replicas = replicasOf(service.spec);
    const live = this.#live0(service);
    for (const task of live.filter(({ slot }) => slot > replicas)) task.desired = 'remove';
    const condition = templateOf(service.spec).RestartPolicy?.Condition ?? 'any';
    for (let slot = 1; slot <= replicas; slot += 1) {
      const here = live.filter((task) => task.slot === slot);
      const [ended] = here.filter(isEnded);
      if (here.length === 0) {
        const last = this.tasks.findLast(
          (task) => task.serviceId === service.id && task.slot === slot,
        );
        const isStopped = last !== undefined && last.desired === 'running';
        if (!isStopped) this.#make(service, slot, at);
      } else if (ended !== undefined && here.length === 1) {
        const isAgain =
          condition === 'any' || (condition === 'on-failure' && ended.state !== 'complete');
        if (!isAgain || at - ended.atMs < RESTART_MS) continue;
        ended.desired = 'shutdown';
        this.#make(service, slot, at);
      }
    }
  }

  #live0({ id }: FakeService): FakeTask[] {
    return this.tasks.filter(({ serviceId, desired }) => serviceId === id && desired === 'running');
  }

  #make(service: FakeService, slot: number, at: number): FakeTask {
    const task: FakeTask = {
      id: this.newId(),
      serviceId: service.id,
      slot,
      nodeId: '',
      template: templateOf(service.spec),
      createdMs: at,
      state: 'new',
      desired: 'running',
      error: '',
      exitCode: undefined,
      atMs: at,
    };
    this.tasks.push(task);
    const old = this.tasks.filter(
      (each) => each.serviceId === service.id && each.slot === slot && isEnded(each),
    );
    const forgotten = new Set(old.slice(0, Math.max(0, old.length - HISTORY)));
    if (forgotten.size > 0) this.tasks = this.tasks.filter((each) => !forgotten.has(each));
    if (service.updater?.begun) service.updater.watched.set(task.id, undefined);
    return task;
  }

  #dirtySlots(service: FakeService): readonly number[] {
    const wanted = textOf(templateOf(service.spec));
    const slots = new Set(this.#live0(service).map(({ slot }) => slot));
    return [...slots].filter((slot) =>
      this.#live0(service).some((task) => task.slot === slot && textOf(task.template) !== wanted),
    );
  }

  #update(service: FakeService, at: number): void {
    const { updater } = service;
    if (updater === undefined) return;
    if (!updater.begun) {
      if (updater.dirty === 0) {
        service.updater = undefined;
        return;
      }
      updater.begun = true;
      if (!updater.isBack) this.#tell(service, 'updating', 'update in progress');
    }
    const rules = rulesOf(service.spec, updater.isBack);
    const all = rules.Parallelism === 0 ? Number.MAX_SAFE_INTEGER : (rules.Parallelism ?? 1);
    let busy = 0;
    for (const [id, since] of updater.watched) {
      const task = this.tasks.find((each) => each.id === id);
      if (task === undefined) continue;
      if (task.state === 'failed' && !updater.failed.has(id)) {
        updater.failed.add(id);
        if (this.#giveUp(service, updater, rules, task)) return;
      }
      if (task.state === 'running' && since === undefined) updater.watched.set(id, at);
      if (task.state !== 'running' && !isEnded(task)) busy += 1;
    }
    const monitorMs = (rules.Monitor ?? 5e9) / 1e6;
    const isWatching = [...updater.watched.values()].some(
      (since) => since === undefined || at - since < monitorMs,
    );
    const dirty = this.#dirtySlots(service);
    if (dirty.length === 0 && busy === 0 && !isWatching) {
      service.updater = undefined;
      const state = updater.isBack ? 'rollback_completed' : 'completed';
      this.#tell(service, state, updater.isBack ? 'rollback completed' : 'update completed');
      return;
    }
    for (const slot of dirty.slice(0, Math.max(0, all - busy))) {
      for (const old of this.#live0(service)) if (old.slot === slot) old.desired = 'shutdown';
      this.#make(service, slot, at);
      service.version = this.nextIndex();
    }
  }

  /** Whether the update has ended by it. */
  #giveUp(service: FakeService, updater: Updater, rules: Rules, task: FakeTask): boolean {
    if (updater.failed.size / Math.max(1, updater.dirty) <= (rules.MaxFailureRatio ?? 0))
      return false;
    if (rules.FailureAction === 'continue') return false;
    const why = `due to failure or early termination of task ${task.id}`;
    if (updater.isBack || rules.FailureAction !== 'rollback' || service.previous === undefined) {
      service.updater = undefined;
      this.#tell(service, updater.isBack ? 'rollback_paused' : 'paused', `update paused ${why}`);
      return true;
    }
    service.spec = service.previous;
    service.previous = undefined;
    service.updater = updaterFor(true, this.#dirtySlots(service).length);
    this.#tell(service, 'rollback_started', `update rolled back ${why}`);
    return true;
  }

  #tell(service: FakeService, state: UpdateState, message: string): void {
    service.update = { state, message };
    service.version = this.nextIndex();
  }
}

function updaterFor(isBack: boolean, dirty: number): Updater {
  return { isBack, watched: new Map(), failed: new Set(), dirty, begun: false };
}

function isEnded({ state }: FakeTask): boolean {
  return ['failed', 'complete', 'shutdown', 'rejected'].includes(state);
}

/** `TaskTemplate`. */
export function templateOf(spec: ServiceSpec): Template {
  return spec['TaskTemplate'] as Template;
}

function replicasOf(spec: ServiceSpec): number {
  const mode = spec['Mode'] as { readonly Replicated?: { readonly Replicas?: number } };
  return mode.Replicated?.Replicas ?? 1;
}

function rulesOf(spec: ServiceSpec, isBack: boolean): Rules {
  return (spec[isBack ? 'RollbackConfig' : 'UpdateConfig'] ?? {}) as Rules;
}

function isPlaceable({ Placement }: Template): boolean {
  return !(Placement?.Constraints ?? []).some((text) => text.includes('nowhere'));
}

const texts = new WeakMap<Template, string>();

/** Templates never change, and are compared at each tick. */
function textOf(template: Template): string {
  const known = texts.get(template) ?? JSON.stringify(template);
  texts.set(template, known);
  return known;
}

const behaviours = new WeakMap<Template, TaskBehaviour>();

function behaviourOf(template: Template): TaskBehaviour {
  const known = behaviours.get(template) ?? behaviourIn(template);
  behaviours.set(template, known);
  return known;
}

function behaviourIn({ ContainerSpec }: Template): TaskBehaviour {
  const { Image, Command = [], Args = [] } = ContainerSpec;
  const text = [Image, ...Command, ...Args].join(' ');
  if (/exit 3|\bbad\b/.test(text)) return 'bad';
  if (/\bfrozen\b/.test(text)) return 'frozen';
  return /\bonce\b/.test(text) ? 'once' : 'idle';
}
