// A small world for rollouts: hosts in memory on virtual time, a service with a specification by version, and what must hold.
import { createHash } from 'node:crypto';
import type { Context } from '../../src/core/context.ts';
import { ShipperError } from '../../src/core/errors.ts';
import type { ShipperEvent } from '../../src/core/events.ts';
import { neverAborts } from '../../src/core/own-abort.ts';
import { type Deployed, type Deployment, deploy, type Seen } from '../../src/rollout/deployment.ts';
import { takeFleetLock } from '../../src/rollout/fleet-lock.ts';
import type { RolloutHost } from '../../src/rollout/host.ts';
import { newReleaseId } from '../../src/rollout/labels.ts';
import type { DeployScope, Journal, ReleasedService } from '../../src/rollout/release.ts';
import type { RolloutTarget } from '../../src/rollout/rollout-run.ts';
import {
  type Known,
  releaseToGoBackTo,
  resumeTarget,
  rollbackTarget,
  rolloutTarget,
  undoTarget,
} from '../../src/rollout/targets.ts';
import type { ServiceRules, StepRules } from '../../src/rollout/works.ts';
import { FakeHost } from '../support/fake-host.ts';
import { type HostEngineOptions, hostEngine } from '../support/fake-host-engine.ts';
import { type VirtualProcess, VirtualTime } from '../support/virtual-clock.ts';

export const SCOPE: DeployScope = { project: 'shop', environment: 'staging' };

/** A service of the model. */
export interface ModelService {
  readonly name: string;
  readonly version: string;
  readonly replicas: number;
  readonly rules?: Partial<StepRules>;
  readonly back?: Partial<StepRules>;
  /** A port of the host that it has for itself. */
  readonly port?: number;
  readonly healthcheck?: boolean;
  /** Its restart policy; default `unless-stopped`. */
  readonly restart?: string;
  readonly mode?: ServiceRules['mode'];
}

/** How a program of the model is reached and interrupted. */
export interface Run extends Pick<HostEngineOptions, 'intercept' | 'isCut' | 'latencyMs'> {
  readonly process?: VirtualProcess;
  readonly signal?: AbortSignal;
  readonly onKill?: () => void;
  /** Default all. */
  readonly hosts?: readonly string[];
}

/** Hosts, and what is done with them. */
export class Model {
  readonly time = new VirtualTime();
  readonly hosts: readonly FakeHost[];
  readonly events: ShipperEvent[] = [];
  readonly hooks: string[] = [];
  /** Processes that have been killed are dead only to those who can see them, which is nobody here. */
  readonly #owner = {
    tag: 'somewhere-1-1',
    isDead: () => undefined,
    onExitRemove: () => () => undefined,
  };
  readonly #random = (bytes: number) => {
    this.#tokens += 1;
    return createHash('sha256')
      .update(String(this.#tokens))
      .digest('hex')
      .slice(0, bytes * 2);
  };
  #tokens = 0;
  #count = 0;

  constructor(names: readonly string[] = ['a', 'b', 'c']) {
    const clock = this.time.process().clock;
    this.hosts = names.map((name) => new FakeHost(name, clock));
  }

  /** Rolls out `services`. */
  rollout(
    services: readonly ModelService[],
    run: Run = {},
    force = false,
  ): Promise<Deployed | undefined> {
    const rules = services.map((service) => this.#rulesOf(service));
    return this.#do(run, (known) => {
      this.#count += 1;
      const newest = known.journal.releases.at(-1)?.id;
      const id = newReleaseId(this.time.nowMs, this.#count.toString(16).padStart(4, '0'), newest);
      const fresh = { id, at: '', by: 'me', networks: [], volumes: [] };
      return rolloutTarget({ ...known, rules }, fresh, true, force);
    });
  }

  resume(services: readonly ModelService[], run: Run = {}): Promise<Deployed | undefined> {
    const rules = services.map((service) => this.#rulesOf(service));
    return this.#do(run, (known) => {
      const target = resumeTarget({ ...known, rules });
      if (target === undefined) throw new ShipperError('NOT_FOUND', 'nothing was ever rolled out');
      return target;
    });
  }

  rollback(services: readonly ModelService[], run: Run = {}): Promise<Deployed | undefined> {
    const rules = services.map((service) => this.#rulesOf(service));
    return this.#do(run, (known) => {
      const all = { ...known, rules };
      return undoTarget(all) ?? rollbackTarget(all, releaseToGoBackTo(all, undefined));
    });
  }

  /** What serves, by host: `a: api.1=v1 api.4=v1`. */
  serving(): string {
    return this.hosts
      .map((host) => {
        const running = host.running().map(({ spec }) => {
          const { Labels, Image } = spec;
          return `${Labels['shipper.service']}.${Labels['shipper.slot']}=${Image.split(':').at(-1)}`;
        });
        return `${host.name}: ${running.sort().join(' ')}`;
      })
      .join('; ');
  }

  /** All containers of the environment that do not run, by host. */
  stopped(): string {
    return this.hosts
      .flatMap((host) =>
        [...host.containers.values()]
          .filter(({ status, spec }) => status !== 'running' && 'shipper.managed' in spec.Labels)
          .map(({ spec, status }) => `${host.name}/${spec.Image.split(':').at(-1)}:${status}`),
      )
      .sort()
      .join(' ');
  }

  /** From now on: every slot in which nobody was served for a moment, once one was there. */
  watch(): { readonly dark: string[] } {
    const dark: string[] = [];
    const look = () => {
      for (const [slot, count] of this.#servedBySlot()) if (count < 1) dark.push(slot);
    };
    for (const host of this.hosts) host.onChange = look;
    return { dark };
  }

  #servedBySlot(): ReadonlyMap<string, number> {
    const slots = new Map<string, number>();
    for (const host of this.hosts) {
      for (const container of host.containers.values()) {
        const { 'shipper.service': service, 'shipper.slot': slot } = container.spec.Labels;
        if (service === undefined) continue;
        const key = `${service}.${slot}`;
        slots.set(key, (slots.get(key) ?? 0) + (host.serves(container) ? 1 : 0));
      }
    }
    return slots;
  }

  image(version: string): string {
    return `registry/api@sha256:${createHash('sha256').update(version).digest('hex')}:${version}`;
  }

  #do(run: Run, choose: (known: Known) => RolloutTarget): Promise<Deployed | undefined> {
    const { process = this.time.process(), signal = neverAborts() } = run;
    const ctx: Context = {
      report: (event) => void this.events.push(event),
      signal,
      clock: process.clock,
      scope: {},
    };
    const wanted = (seen: Seen) => choose({ scope: SCOPE, ...seen, rules: [] });
    const { hosts: names } = run;
    const work = (async () => {
      const hosts: RolloutHost[] = [];
      for (const host of this.hosts.filter(({ name }) => names?.includes(name) ?? true)) {
        const { intercept, isCut, latencyMs, onKill } = run;
        const engine = hostEngine(host, {
          clock: process.clock,
          ...(intercept === undefined ? {} : { intercept }),
          ...(isCut === undefined ? {} : { isCut }),
          ...(latencyMs === undefined ? {} : { latencyMs }),
          isDead: () => process.isDead,
          onKill: () => {
            process.kill();
            onKill?.();
          },
        });
        hosts.push({
          name: host.name,
          id: `ID-${host.name}`,
          engine,
          facts: await engine.facts(ctx),
        });
      }
      const request = { scope: SCOPE, by: 'me@here', action: 'rollout', waitMs: 120_000 };
      const system = { env: {}, random: this.#random, files: { owner: this.#owner } };
      await using lock = await takeFleetLock(ctx, system, hosts, request);
      const checkLock = (inside: Context, host: RolloutHost) => lock.check(inside, host);
      return await deploy(ctx, { ...this.#deployment(hosts), checkLock }, wanted);
    })();
    return this.time.run(work, () => process.isDead);
  }

  #deployment(hosts: readonly RolloutHost[]): Omit<Deployment, 'checkLock'> {
    return {
      scope: SCOPE,
      by: 'me@here',
      hosts,
      skipped: [],
      images: {
        deliver: async (ctx, host, services) => {
          for (const { image } of services) {
            if (image.pinned === undefined) continue;
            if ((await host.engine.inspectImage(ctx, image.pinned)) !== undefined) continue;
            await host.engine.containers.pull(ctx, image.pinned);
          }
        },
        imageOn: async (ctx, host, { image }, isAgain) => {
          if (isAgain && image.pinned !== undefined)
            await host.engine.containers.pull(ctx, image.pinned);
          return image.pinned ?? image.digest;
        },
      },
      hooks: {
        preRollout: async () => void this.hooks.push('pre'),
        postRollout: async () => void this.hooks.push('post'),
        route: async (_, { host, service, slot }) =>
          void this.hooks.push(`route ${host.name} ${service}.${slot}`),
        drain: async (_, { host, service, slot }) =>
          void this.hooks.push(`drain ${host.name} ${service}.${slot}`),
      },
      hostTimeoutMs: 60_000,
    };
  }

  #rulesOf(service: ModelService): ServiceRules {
    const { name, version, replicas, mode = 'replicated', rules = {}, back = {} } = service;
    const usual: StepRules = {
      batch: { parallelism: 1, canary: 0 },
      delayMs: 0,
      order: service.port === undefined ? 'start-first' : 'stop-first',
      monitorMs: 5000,
      failureAction: 'rollback',
      maxFailureRatio: 0,
    };
    return {
      name,
      released: this.#released(service),
      mode,
      replicas: version === '' ? 0 : replicas,
      update: { ...usual, ...rules },
      rollback: { ...usual, failureAction: 'pause', ...back },
    };
  }

  #released({
    name,
    version,
    port,
    healthcheck = false,
    restart = 'unless-stopped',
  }: ModelService): ReleasedService {
    const pinned = this.image(version);
    for (const host of this.hosts) {
      host.pullable.set(pinned, `sha256:${createHash('sha256').update(pinned).digest('hex')}`);
    }
    const bindings = port === undefined ? {} : { '80/tcp': [{ HostPort: String(port) }] };
    return {
      name,
      image: {
        name: `registry/api:${version}`,
        pinned,
        digest: pinned.split('@')[1]?.slice(0, 71) ?? '',
      },
      spec: {
        Image: pinned,
        Labels: {},
        HostConfig: { RestartPolicy: { Name: restart }, PortBindings: bindings },
        ...(healthcheck
          ? { Healthcheck: { Test: ['CMD', 'check'], Interval: 1e9, Timeout: 1e9, Retries: 3 } }
          : {}),
      },
      moreNetworks: [],
      specHash: createHash('sha256').update(`${name} ${version}`).digest('hex').slice(0, 16),
      stopGraceMs: 10_000,
    };
  }
}

/** A journal as a host has it, without what a test need not see. */
export function summary(journal: Journal | undefined): string {
  if (journal === undefined) return 'none';
  const states = journal.releases.map(({ status }) => status).join(' ');
  return `${states}${journal.unfinished === undefined ? '' : `, ${journal.unfinished.phase}`}`;
}
