// A fleet in memory on virtual time: three hosts of an environment with what was rolled out there, reached as programs and the
// command line reach it. Each host can be cut off, be slow or answer nonsense.
import { createHash } from 'node:crypto';
import { main } from '../../src/cli/main.ts';
import { lazyOperations } from '../../src/cli/operations.ts';
import { NO_PROCESS, type ProcessHooks } from '../../src/cli/signals.ts';
import type { Context } from '../../src/core/context.ts';
import type { ShipperEvent } from '../../src/core/events.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { FleetParts } from '../../src/fleet/fleet-parts.ts';
import { FleetShipper } from '../../src/fleet/shipper.ts';
import type { ShipperOptions } from '../../src/fleet/shipper-options.ts';
import type { RolloutParts } from '../../src/rollout/environment.ts';
import { realParts } from '../../src/rollout/real-parts.ts';
import type { ReleasedImage } from '../../src/rollout/release.ts';
import { rolloutEnvironment } from '../../src/rollout/rollout.ts';
import type { RolloutReport, RolloutRequest } from '../../src/rollout/rollout-types.ts';
import { wantedServices } from '../../src/rollout/wanted.ts';
import type { System } from '../../src/system/system.ts';
import { type Workplace, workplace } from '../operations/workplace.ts';
import { type FakeContainer, FakeHost } from '../support/fake-host.ts';
import { type CallFault, type FakeCall, hostEngine } from '../support/fake-host-engine.ts';
import { VirtualTime } from '../support/virtual-clock.ts';

const YAML = `project: shop
images:
  api: { image: "r.example/api:1" }
groups:
  front: [api]
environments:
  staging:
    hosts: [tcp://a:1, tcp://b:1, tcp://c:1]
    services:
      api: { image: api, deploy: { replicas: 3, update_config: { monitor: 1s } } }
      web:
        image: "r.example/web:1"
        restart: "no"
        stop_grace_period: 3s
        healthcheck: { test: [CMD, check], interval: 1s, timeout: 1s, retries: 2 }
        deploy: { replicas: 2, update_config: { monitor: 1s } }
`;

/** What a command line printed, and its exit code. */
export interface Line {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** See the head of this file. */
export class World implements Disposable {
  readonly time = new VirtualTime(5000);
  readonly place: Workplace = workplace();
  readonly hosts = new Map<string, FakeHost>();
  readonly cut = new Set<string>();
  readonly slowMs = new Map<string, number>();
  readonly events: ShipperEvent[] = [];
  /** Every call that came in: `a containers.start`. */
  readonly calls: FakeCall[] = [];
  /** What happens to a call. */
  fault: (call: FakeCall) => CallFault = () => 'pass';
  /** What the tags name, by service. */
  version = '1';
  readonly system: System;

  constructor(yaml = YAML) {
    const { clock } = this.time.process();
    this.place.write('shipper.yaml', yaml);
    this.system = { ...this.place.system, clock };
    for (const name of ['a', 'b', 'c']) this.hosts.set(name, new FakeHost(name, clock));
  }

  [Symbol.dispose](): void {
    this.place[Symbol.dispose]();
  }

  host(name: string): FakeHost {
    const found = this.hosts.get(name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  }

  /** The newest container of a slot, wherever it is: `api.1`. */
  container(slot: string): { readonly host: FakeHost; readonly container: FakeContainer } {
    const all = [...this.hosts.values()].flatMap((host) =>
      [...host.containers.values()].map((container) => ({ host, container })),
    );
    const found = all.filter(({ container }) => slotOf(container) === slot).at(-1);
    if (found === undefined) throw new Error(`no container in ${slot}`);
    return found;
  }

  engine(name: string): Engine {
    return hostEngine(this.host(name), {
      clock: this.system.clock,
      isCut: () => this.cut.has(name),
      intercept: (call) => {
        this.calls.push(call);
        const delayMs = this.slowMs.get(name);
        return delayMs === undefined ? this.fault(call) : { delayMs };
      },
    });
  }

  parts(system: System = this.system): FleetParts {
    return {
      system,
      media: {},
      connect: async ({ address }) => this.engine(/\/\/(\w)/.exec(address)?.[1] ?? ''),
      usual: async () => ({
        name: 'unix:///a.sock',
        place: {},
        connect: async () => this.engine('a'),
      }),
      login: async () => undefined,
      rollout: async () => this.rolloutParts(),
    };
  }

  rolloutParts(): RolloutParts {
    return {
      ...realParts(this.system, '1.2.3', {}),
      connect: async ({ address }) => this.engine(/\/\/(\w)/.exec(address)?.[1] ?? ''),
      wanted: (ctx, opened, { services = [] }, images) =>
        wantedServices(ctx, opened, services, async (_, { name }) => {
          return images?.get(name) ?? this.image(name);
        }),
    };
  }

  /** `name` in the version of now, which every host can pull. */
  image(name: string): ReleasedImage {
    const digest = `sha256:${createHash('sha256').update(`${name} ${this.version}`).digest('hex')}`;
    const pinned = `r.example/${name}@${digest}`;
    for (const host of this.hosts.values()) host.pullable.set(pinned, digest);
    return { name: `r.example/${name}:1`, pinned, digest };
  }

  ctx(): Context {
    const { signal } = new AbortController();
    const report = (event: ShipperEvent) => void this.events.push(event);
    return { report, signal, clock: this.system.clock, scope: {} };
  }

  async run<T>(work: PromiseLike<T>): Promise<T> {
    return (await this.time.run(Promise.resolve(work))) as T;
  }

  rollout(more: Partial<RolloutRequest> = {}): Promise<RolloutReport> {
    const request = { environment: 'staging', ...more };
    return this.run(rolloutEnvironment(this.system, this.ctx(), request, this.rolloutParts()));
  }

  shipper(options: ShipperOptions = { environment: 'staging' }): FleetShipper {
    const report = (event: ShipperEvent) => void this.events.push(event);
    return new FleetShipper({ report, ...options }, this.parts());
  }

  /** Runs a command line whose output goes to files. */
  line(...argv: readonly string[]): Promise<Line> {
    return this.#line(argv, false, () => false);
  }

  /** Runs a command line on a terminal; Ctrl-C comes once `isEnough` says so of what it wrote. */
  live(isEnough: (out: string) => boolean, ...argv: readonly string[]): Promise<Line> {
    return this.#line(argv, true, isEnough);
  }

  async #line(
    argv: readonly string[],
    isTTY: boolean,
    isEnough: (out: string) => boolean,
  ): Promise<Line> {
    let stop: Parameters<ProcessHooks['onSignal']>[0] = () => {};
    const onSignal: ProcessHooks['onSignal'] = (listener) => {
      stop = listener;
      return () => {};
    };
    const text = { out: '', err: '' };
    const stdio: System['stdio'] = {
      ...this.system.stdio,
      stdinIsTTY: isTTY,
      stdoutIsTTY: isTTY,
      stderrIsTTY: isTTY,
      columns: () => (isTTY ? 100 : 0),
      writeOut: async (bytes) => {
        text.out += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8');
        if (isEnough(text.out)) stop('SIGINT');
      },
      writeErr: (more) => {
        text.err += more;
      },
    };
    const system = { ...this.system, stdio };
    const operations = {
      ...lazyOperations,
      openShipper: async (inside: System, options: ShipperOptions) =>
        new FleetShipper(options, this.parts(inside)),
    };
    const code = await this.run(main(argv, system, operations, { ...NO_PROCESS, onSignal }));
    return { code, ...text };
  }

  /** What serves, by host: `a: api.1 web.1; b: …`. */
  serving(): string {
    return [...this.hosts.values()]
      .map((host) => `${host.name}: ${host.running().map(slotOf).sort().join(' ')}`)
      .join('; ');
  }

  /** Calls that change something: `a containers.stop`. */
  changes(): readonly string[] {
    return this.calls
      .filter(({ method }) => /\.(?:start|stop|restart|remove|create|unpause)$/.test(method))
      .map(({ host, method }) => `${host} ${method.replace('containers.', '')}`);
  }
}

/** `api.1`; the name of one that stands in no slot. */
export function slotOf({ spec, name }: FakeContainer): string {
  const { 'shipper.service': service, 'shipper.slot': slot } = spec.Labels;
  return service === undefined ? name : `${service}.${slot}`;
}
