// A swarm in memory and a shipper.yaml that runs in it.
import { createHash } from 'node:crypto';
import type { Context } from '../../../src/core/context.ts';
import type { RolloutParts } from '../../../src/rollout/environment.ts';
import { moveServices } from '../../../src/rollout/move.ts';
import type { MoveReport, MoveRequest } from '../../../src/rollout/move-types.ts';
import {
  type PruneReport,
  type PruneRequest,
  pruneEnvironment,
} from '../../../src/rollout/prune.ts';
import {
  environmentHistory,
  environmentLocks,
  environmentStatus,
  unlockEnvironment,
} from '../../../src/rollout/queries.ts';
import { realParts } from '../../../src/rollout/real-parts.ts';
import type { ReleasedImage } from '../../../src/rollout/release.ts';
import {
  planRollout,
  resumeEnvironment,
  rollbackEnvironment,
  rolloutEnvironment,
} from '../../../src/rollout/rollout.ts';
import type {
  ChangeRequest,
  RollbackRequest,
  RolloutReport,
  RolloutRequest,
} from '../../../src/rollout/rollout-types.ts';
import { wantedServices } from '../../../src/rollout/wanted.ts';
import type { System } from '../../../src/system/system.ts';
import { type Workplace, workplace } from '../../operations/workplace.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { hostEngine } from '../../support/fake-host-engine.ts';
import { FakeSwarm } from '../../support/fake-swarm.ts';
import { fakeManager, type SwarmFault } from '../../support/fake-swarm-calls.ts';
import { type VirtualProcess, VirtualTime } from '../../support/virtual-clock.ts';

/** What a service does; see `TaskBehaviour`. */
export interface ServiceText {
  readonly does?: string;
  readonly replicas?: number;
  /** More of `update_config`. */
  readonly update?: string;
  /** More of `deploy`. */
  readonly deploy?: string;
}

/** Everything that a test works with. */
export class SwarmWorld {
  readonly time = new VirtualTime(5000);
  readonly place: Workplace = workplace();
  readonly swarm: FakeSwarm;
  readonly cut = new Set<string>();
  /** Of every call of every manager, by the number over all. */
  intercept: (method: string, number: number) => SwarmFault = () => 'pass';
  readonly calls: string[] = [];
  readonly notes: string[] = [];
  /** What the tags name. */
  version = '1';
  process: VirtualProcess;
  #system: System;
  readonly #hosts = new Map<string, FakeHost>();

  constructor() {
    this.process = this.time.process();
    const { clock } = this.process;
    this.#system = { ...this.place.system, clock };
    this.swarm = new FakeSwarm(clock);
    for (const name of ['a', 'b', 'c']) this.#hosts.set(name, new FakeHost(name, clock));
    this.configure({});
  }

  /** Writes shipper.yaml: `db`, which `api` depends on, and `web`. */
  configure(
    services: { readonly db?: ServiceText; readonly api?: ServiceText; readonly web?: ServiceText },
    more = '',
  ): void {
    const text = (name: 'db' | 'api' | 'web', needs = '') => {
      const { does = 'idle', replicas = 2, update = '', deploy = '' } = services[name] ?? {};
      const config = ['monitor: 1s', ...(update === '' ? [] : [update])].join(', ');
      return `      ${name}:
        image: r.example/${name}:1
        command: [${JSON.stringify(does)}]
        ${needs}
        deploy: { replicas: ${replicas}, update_config: { ${config} }, rollback_config: { monitor: 1s }${deploy === '' ? '' : `, ${deploy}`} }
`;
    };
    this.place.write(
      'shipper.yaml',
      Buffer.from(`project: shop
environments:
  prod:
    engine: swarm
    hosts: [tcp://a:1, tcp://b:1, tcp://c:1]
    retain: 2
    ${more}
    services:
${text('api', 'depends_on: [db]')}${text('web')}${text('db')}`),
    );
  }

  /** Of the name of a manager, as a host of its own. */
  host(name: string): FakeHost {
    const found = this.#hosts.get(name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  }

  ctx(signal: AbortSignal = new AbortController().signal): Context {
    const { clock } = this.#system;
    return {
      report: (event) => {
        if (event.type === 'note') this.notes.push(event.message);
      },
      signal,
      clock,
      scope: {},
    };
  }

  parts(): RolloutParts {
    return {
      ...realParts(this.#system, '1.2.3', {}),
      login: async () => undefined,
      connect: async ({ address }) => {
        const name = /\/\/(\w)/.exec(address)?.[1] ?? '';
        const host = this.host(name);
        const isCut = () => this.cut.has(name);
        const { process } = this;
        const swarm = fakeManager(this.swarm, {
          node: `n${name === 'a' ? 1 : name === 'b' ? 2 : 3}`,
          isCut,
          onKill: () => this.process.kill(),
          isDead: () => process.isDead,
          intercept: (method) => {
            this.calls.push(method);
            return this.intercept(method, this.calls.length);
          },
        });
        return hostEngine(host, { isCut, swarm });
      },
      wanted: (ctx, opened, { services = [] }, images) =>
        wantedServices(ctx, opened, services, async (_, { name }) => {
          return images?.get(name) ?? this.image(name);
        }),
    };
  }

  /** The image of a service, which hosts can pull too. */
  image(name: string): ReleasedImage {
    const digest = `sha256:${createHash('sha256').update(`${name} ${this.version}`).digest('hex')}`;
    const pinned = `r.example/${name}@${digest}`;
    for (const host of this.#hosts.values()) host.pullable.set(pinned, digest);
    return { name: `r.example/${name}:1`, pinned, digest };
  }

  /** The next run is another process. */
  revive(): void {
    this.intercept = () => 'pass';
    this.process = this.time.process();
    this.#system = { ...this.#system, clock: this.process.clock };
  }

  /** Undefined where the process was killed on the way. */
  async run<T>(work: PromiseLike<T>): Promise<T> {
    const { process } = this;
    return (await this.time.run(Promise.resolve(work), () => process.isDead)) as T;
  }

  rollout(more: Partial<RolloutRequest> = {}, signal?: AbortSignal): Promise<RolloutReport> {
    const request = { environment: 'prod', ...more };
    return this.run(rolloutEnvironment(this.#system, this.ctx(signal), request, this.parts()));
  }

  rollback(more: Partial<RollbackRequest> = {}): Promise<RolloutReport> {
    const request = { environment: 'prod', ...more };
    return this.run(rollbackEnvironment(this.#system, this.ctx(), request, this.parts()));
  }

  resume(more: Partial<ChangeRequest> = {}): Promise<RolloutReport> {
    const request = { environment: 'prod', ...more };
    return this.run(resumeEnvironment(this.#system, this.ctx(), request, this.parts()));
  }

  /** From `dev` to `prod`. */
  move(more: Partial<MoveRequest> = {}): Promise<MoveReport> {
    const request = { from: 'dev', to: 'prod', ...more };
    return this.run(moveServices(this.#system, this.ctx(), request, () => this.parts()));
  }

  prune(more: Partial<PruneRequest> = {}): Promise<PruneReport> {
    const request = { environment: 'prod', ...more };
    return this.run(pruneEnvironment(this.#system, this.ctx(), request, this.parts()));
  }

  locks() {
    const request = { environment: 'prod' };
    return this.run(environmentLocks(this.#system, this.ctx(), request, this.parts()));
  }

  unlock(tokens: readonly string[]) {
    const request = { environment: 'prod', tokens };
    return this.run(unlockEnvironment(this.#system, this.ctx(), request, this.parts()));
  }

  plan() {
    const request = { environment: 'prod' };
    return this.run(planRollout(this.#system, this.ctx(), request, this.parts()));
  }

  status(environment = 'prod') {
    const request = { environment };
    return this.run(environmentStatus(this.#system, this.ctx(), request, this.parts()));
  }

  history(environment = 'prod') {
    const request = { environment };
    return this.run(environmentHistory(this.#system, this.ctx(), request, this.parts()));
  }

  /** What runs now in an environment: `api=idle*2 db=idle*2`. */
  running(environment = 'prod'): string {
    this.swarm.advance();
    const counts = new Map<string, number>();
    for (const { serviceId, state, desired, template } of this.swarm.tasks) {
      if (state !== 'running' || desired !== 'running') continue;
      const labels = this.swarm.service(serviceId)?.spec.Labels;
      if (labels?.['shipper.env'] !== environment) continue;
      const name = labels['shipper.service'] ?? '?';
      const key = `${name}=${template.ContainerSpec.Args?.join(' ')}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts]
      .map(([key, count]) => `${key}*${count}`)
      .sort()
      .join(' ');
  }

  /** Names of the configs that are there, without the ids of releases. */
  configs(): readonly string[] {
    return [...this.swarm.configs.values()]
      .map(({ name }) => name.replace(/\d{8}-\d{6}-\w{4}$/, 'ID'))
      .sort();
  }
}
