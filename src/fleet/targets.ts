// The hosts that are meant, each connected when it is first asked for: one that is down is a failure of its own.
import type { Environment, HostChoice } from '../config/environment-types.ts';
import { loadProject } from '../config/load.ts';
import type { Project } from '../config/types.ts';
import { type Context, narrow } from '../core/context.ts';
import { bug, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { Engine } from '../engine/engine.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import { chooseHosts, requireApi } from '../rollout/fleet.ts';
import type { RolloutHost } from '../rollout/host.ts';
import type { DeployScope } from '../rollout/release.ts';
import { within } from '../rollout/within.ts';
import type { System } from '../system/system.ts';

/** A host by its address as in DOCKER_HOST, or by the docker context that leads to it. */
export type HostAddress = string | { readonly context: string };

/** Which hosts are meant. */
export interface TargetRequest {
  /**
   * Addresses; with `environment` only those of its hosts whose address, or name in it, is like this: `s1`, `s*`. Default:
   * all hosts of the environment; without one, the engine that the docker command would talk to.
   */
  readonly hosts?: readonly HostAddress[];
  /** An environment of shipper.yaml: then only its own containers are meant, and its services have names. */
  readonly environment?: string;
  /** The configuration; default as `loadProject` finds it. */
  readonly config?: string;
}

/** One host that is meant. */
export interface Target {
  /** As it was called. */
  readonly name: string;
  /** How code that connects by itself is told of it: as `--host` or `--context`; neither for the usual engine. */
  readonly place: Pick<MediaOptions, 'host' | 'context'>;
  connect(patienceMs: number): Promise<Engine>;
}

/** The environment that is meant. */
export interface Home {
  readonly project: Project;
  readonly environment: Environment;
  readonly scope: DeployScope;
}

/** How hosts are reached. */
export interface Reach {
  /** Connects to the engine of a host; nothing is sent before its first call. */
  connect(choice: Pick<HostChoice, 'kind' | 'address'>, patienceMs: number): Promise<Engine>;
  /** The engine that the docker command would talk to. */
  usual(): Promise<Target>;
}

/** An engine may do nothing for so long while it is waited for, in milliseconds. */
export const PATIENCE_MS = 30_000;

/** The hosts of a run, connected one by one. Dispose it last. */
export class Targets implements AsyncDisposable {
  readonly list: readonly Target[];
  /** Absent where hosts are meant by themselves. */
  readonly home: Home | undefined;
  readonly #connected = new Map<Target, Promise<RolloutHost>>();
  readonly #engines: Engine[] = [];
  readonly #names = new Map<string, Target>();

  constructor(list: readonly Target[], home: Home | undefined) {
    this.list = list;
    this.home = home;
  }

  /** The engine of `target`, connected once. A failure is not remembered: the next call tries again. */
  connect(ctx: Context, target: Target, patienceMs: number): Promise<RolloutHost> {
    const known = this.#connected.get(target);
    if (known !== undefined) return known;
    const made = this.#connect(narrow(ctx, { host: target.name }), target, patienceMs);
    this.#connected.set(target, made);
    made.catch(() => this.#connected.delete(target));
    return made;
  }

  /** How code that connects by itself is told of a host that is connected. */
  placeOf({ id }: Pick<RolloutHost, 'id'>): Target['place'] {
    return this.#names.get(id)?.place ?? {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of this.#engines.splice(0)) await engine[Symbol.asyncDispose]();
  }

  async #connect(ctx: Context, target: Target, patienceMs: number): Promise<RolloutHost> {
    const engine = await target.connect(patienceMs);
    this.#engines.push(engine);
    const ask = (inside: Context) => engine.facts(inside);
    const facts = await within(ctx, patienceMs, `reach ${target.name}`, ask);
    const { name } = target;
    const host = { name, id: facts.id ?? name, engine, facts };
    requireApi(host);
    const other = this.#names.get(host.id);
    if (other !== undefined && other !== target) {
      const message = `Cannot use ${name}: it is the engine that ${other.name} is: name it once`;
      throw new ShipperError('CONFLICT', message, { host: name });
    }
    this.#names.set(host.id, target);
    return host;
  }
}

/** Finds out which hosts are meant. Connects to none. `USAGE` or `BAD_CONFIG` for what cannot be meant. */
export async function openTargets(
  system: System,
  ctx: Context,
  { hosts = [], environment, config }: TargetRequest,
  reach: Reach,
): Promise<Targets> {
  const target = ({ kind, address }: Pick<HostChoice, 'kind' | 'address'>): Target => ({
    name: address,
    place: kind === 'context' ? { context: address } : { host: address },
    connect: (patienceMs) => reach.connect({ kind, address }, patienceMs),
  });
  if (environment === undefined) {
    const choices = hosts.map(choiceOf);
    const list = choices.length === 0 ? [await reach.usual()] : distinct(choices).map(target);
    return new Targets(list, undefined);
  }
  const project = await loadProject(system, {
    environment,
    signal: ctx.signal,
    ...given({ config }),
  });
  const own = project.environment;
  if (own === undefined) throw bug('Cannot go on: the environment was not read');
  requireNoSwarm(own);
  const patterns = hosts.map((host) => (typeof host === 'string' ? host : host.context));
  const scope = { project: project.name, environment: own.name };
  return new Targets(chooseHosts(own, patterns).map(target), { project, environment: own, scope });
}

function choiceOf(host: HostAddress): Pick<HostChoice, 'kind' | 'address'> {
  if (typeof host !== 'string') return { kind: 'context', address: host.context };
  return { kind: 'host', address: host };
}

function distinct(choices: readonly Pick<HostChoice, 'kind' | 'address'>[]) {
  return choices.filter(
    ({ kind, address }, at) =>
      choices.findIndex((each) => each.kind === kind && each.address === address) === at,
  );
}

function requireNoSwarm({ name, engine }: Environment): void {
  if (engine !== 'swarm') return;
  const message = `Cannot work on the containers of ${name}: it is a swarm, whose nodes are not reached`;
  const hint = `shipper status ${name} shows its tasks; docker service has the rest`;
  throw new ShipperError('UNSUPPORTED', message, { hint });
}
