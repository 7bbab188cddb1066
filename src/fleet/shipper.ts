// Work on the containers of many hosts at once: the class that programs, tasks and the commands of the fleet stand on.
import type { Context } from '../core/context.ts';
import { given } from '../core/given.ts';
import type { ContainerSpec } from '../engine/containers.ts';
import type { CopyReport } from '../operations/copy-types.ts';
import type { FlattenReport } from '../operations/flatten-types.ts';
import { HOSTS_AT_ONCE } from '../rollout/fleet.ts';
import type { RolloutHost } from '../rollout/host.ts';
import type { PruneReport } from '../rollout/prune.ts';
import { type ActGroupOptions, actOnGroup } from './act-group.ts';
import type { Acted, ActKind, ActOptions } from './acts.ts';
import { type Chosen, choiceOf, containersOn, ofServices, runningOf } from './chosen.ts';
import { type ContainerWork, eachChosen } from './each.ts';
import type { Ensured } from './ensure.ts';
import { type FanOut, onHosts, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetContainer, FleetImage, InspectedContainer } from './fleet-container.ts';
import type { FleetParts } from './fleet-parts.ts';
import type { GroupResult } from './group-result.ts';
import { LateTargets } from './late-targets.ts';
import { sinceSeconds } from './log-reader.ts';
import { type Logged, readLogs } from './logs.ts';
import {
  type Attached,
  type Executed,
  execIn,
  inspectIn,
  listenTo,
  requireCommand,
  type Waited,
  waitFor,
} from './output.ts';
import { create, listedOne, type Ran, runName, runWork } from './run.ts';
import type { ServiceRan, ServiceRun } from './run-service.ts';
import type { ContainerFilter } from './selection.ts';
import type {
  AttachCall,
  BuildCall,
  CallOptions,
  ExecCall,
  FlattenCall,
  LogsCall,
  RunCall,
  ShipperOptions,
  WatchCall,
} from './shipper-options.ts';
import { type Home, PATIENCE_MS } from './targets.ts';
import { lookTop, type TopContainer } from './top.ts';
import { WATCH_RULES } from './watch-slot.ts';

/**
 * Work on the containers of all targeted hosts side by side. Nothing is connected to before the first call. Every call resolves
 * with the results of all hosts, whatever failed on some of them; it rejects for what is no call at all (`USAGE`,
 * `BAD_CONFIG`), and with `INTERRUPTED`. Dispose it at the end.
 */
export class FleetShipper implements AsyncDisposable {
  readonly #options: ShipperOptions;
  readonly #parts: FleetParts;
  readonly #targets: LateTargets;

  constructor(options: ShipperOptions, parts: FleetParts, targets?: LateTargets) {
    this.#options = options;
    this.#parts = parts;
    this.#targets = targets ?? new LateTargets(parts, options);
  }

  /** Names of the hosts that are meant, as they were called. */
  async hosts(): Promise<readonly string[]> {
    return (await this.#begin({})).spread.targets.list.map(({ name }) => name);
  }

  /** The project and environment that are meant; undefined where hosts are meant by themselves. */
  async environment(): Promise<Home['scope'] | undefined> {
    return (await this.#begin({})).home?.scope;
  }

  /** The containers that are meant, in any state, by service, slot and name. */
  async containers(
    filter: ContainerFilter = {},
    { onResult }: CallOptions<readonly FleetContainer[]> = {},
  ): Promise<GroupResult<readonly FleetContainer[]>> {
    const { ctx, spread, home, choice } = await this.#begin(filter);
    const work = (inside: Context, host: RolloutHost) => containersOn(inside, host, choice, home);
    return onHosts(ctx, spread, 'list the containers', work, onResult);
  }

  /** The images of every host, those that have every label (`key` or `key=value`). */
  async images(
    { labels = [] }: { readonly labels?: readonly string[] } = {},
    { onResult }: CallOptions<readonly FleetImage[]> = {},
  ): Promise<GroupResult<readonly FleetImage[]>> {
    const work = async (inside: Context, { name: host, engine }: RolloutHost) =>
      (await engine.containers.listImages(inside, labels)).map((image) => ({ host, ...image }));
    return this.#onHosts('list the images', work, onResult);
  }

  /** Each container as its engine has it. `NOT_FOUND` of one that is gone. */
  inspect(
    chosen: Chosen = {},
    { onResult }: CallOptions<InspectedContainer> = {},
  ): Promise<GroupResult<InspectedContainer>> {
    return this.#each(chosen, 'inspect', onResult, inspectIn);
  }

  /** Makes a container of the Engine's own specification on every host, without starting it. */
  async createContainer(
    spec: ContainerSpec | Omit<ContainerSpec, 'Labels'>,
    { name, onResult }: CallOptions<FleetContainer> & { readonly name?: string } = {},
  ): Promise<GroupResult<FleetContainer>> {
    const whole = { Labels: {}, ...spec } as ContainerSpec;
    const own = name ?? runName(whole.Image, this.#parts.system.random(3));
    const job = { name: own, spec: whole, login: this.#parts.login };
    const work = async (inside: Context, host: RolloutHost) =>
      listedOne(inside, host, await create(inside, host, job), job);
    return this.#onHosts(`create ${own}`, work, onResult);
  }

  /**
   * Makes and starts a container of `image` on every host; its image is pulled where a host lacks it. With `once` only where no
   * such container runs already.
   */
  async run(
    image: string,
    command: readonly string[] = [],
    options: RunCall & CallOptions<Ran> = {},
  ): Promise<GroupResult<Ran>> {
    const work = runWork(image, command, options, this.#parts, this.#dryRun);
    return this.#onHosts(`run ${image}`, work, options.onResult);
  }

  /** Starts containers: of each slot the one that is wanted there, else the newest. Paused ones go on. */
  start(chosen: Chosen = {}, options: CallOptions<Acted> = {}): Promise<GroupResult<Acted>> {
    return this.#act('start', chosen, options);
  }

  /** Stops containers that run. Their engine does not start them again, nor does `shipper watch`, before `start` or `ensure`. */
  stop(
    chosen: Chosen = {},
    options: Pick<ActOptions, 'graceMs'> & CallOptions<Acted> = {},
  ): Promise<GroupResult<Acted>> {
    return this.#act('stop', chosen, options);
  }

  /**
   * Restarts containers, all at once; with `batch` so many at a time over all hosts, the next once those before work (they run,
   * and their health check says so). Then nothing more is restarted after the first that does not.
   */
  restart(
    chosen: Chosen = {},
    options: Pick<ActOptions, 'graceMs'> & { readonly batch?: number } & CallOptions<Acted> = {},
  ): Promise<GroupResult<Acted>> {
    return this.#act('restart', chosen, options);
  }

  /** Stops and removes containers: every one that is meant, so name them well. */
  remove(
    chosen: Chosen,
    options: Pick<ActOptions, 'graceMs' | 'volumes'> & CallOptions<Acted> = {},
  ): Promise<GroupResult<Acted>> {
    return this.#act('remove', chosen, options);
  }

  /** Waits until the containers have ended, however long that is, and tells their exit codes. */
  wait(chosen: Chosen = {}, { onResult }: CallOptions<Waited> = {}): Promise<GroupResult<Waited>> {
    return this.#each(chosen, 'wait for', onResult, waitFor);
  }

  /** Runs a command in every running container that is meant, and tells its exit code, whatever it is, and its output. */
  exec(
    chosen: Chosen,
    command: readonly string[],
    { onLines, onResult, ...more }: ExecCall & CallOptions<Executed> = {},
  ): Promise<GroupResult<Executed>> {
    const spec = { command: requireCommand(command), ...more };
    return this.#each(runningOf(chosen), 'exec in', onResult, (inside, host, container) =>
      execIn(inside, host, container, spec, { take: onLines, dryRun: this.#dryRun }),
    );
  }

  /** Listens to what running containers write from now on, until they end, or each has written the line that is waited for. */
  attach(
    chosen: Chosen,
    { stopLine, onLines, onResult }: AttachCall & CallOptions<Attached> = {},
  ): Promise<GroupResult<Attached>> {
    return this.#each(runningOf(chosen), 'attach to', onResult, (inside, host, container) =>
      listenTo(inside, host, container, stopLine, onLines),
    );
  }

  /** The logs of all that are meant in one order: by time, within what has come. */
  async logs(
    chosen: Chosen,
    { follow, tail, since, onLines, onResult }: LogsCall & CallOptions<Logged>,
  ): Promise<GroupResult<Logged>> {
    const { ctx, spread, home, choice } = await this.#begin(chosen);
    const request = given({ follow, tail, sinceSeconds: sinceSeconds(ctx.clock, since) });
    return readLogs(ctx, spread, { choice, home, request, take: onLines }, onResult);
  }

  /** Pulls an image by its name on every host, with the credentials of this machine. */
  async pull(
    reference: string,
    { onResult }: CallOptions<string> = {},
  ): Promise<GroupResult<string>> {
    const work = async (inside: Context, { engine }: RolloutHost) => {
      if (this.#options.dryRun === true) return reference;
      const login = await this.#parts.login(inside, reference);
      await engine.containers.pull(inside, reference, given({ login }));
      return reference;
    };
    return this.#onHosts(`pull ${reference}`, work, onResult);
  }

  /**
   * Brings the images of services of the environment, as its configuration names them now, to its hosts, so that a rollout
   * finds them there. A result is the names of the images. `USAGE` without an environment.
   */
  async pullServices(
    services: readonly string[] = this.#options.services ?? [],
    { onResult }: CallOptions<readonly string[]> = {},
  ): Promise<GroupResult<readonly string[]>> {
    const { ctx, spread, home } = await this.#begin({ services });
    const { pullServices } = await import('./pull-services.ts');
    const job = { services, home, dryRun: this.#dryRun };
    return pullServices(ctx, this.#parts, spread, job, onResult);
  }

  /** Builds an image on every host with its engine's classic builder. A result is the id of the image. */
  async build(
    job: BuildCall,
    { onResult }: CallOptions<string> = {},
  ): Promise<GroupResult<string>> {
    const { buildOnHosts } = await import('./build.ts');
    return buildOnHosts(await this.#begin({}), this.#parts, job, this.#dryRun, onResult);
  }

  /** Gives an image another name on every host. A result is that name. */
  async tag(
    source: string,
    name: string,
    { onResult }: CallOptions<string> = {},
  ): Promise<GroupResult<string>> {
    const work = async (inside: Context, { engine }: RolloutHost) => {
      if (!this.#dryRun) await engine.tagImage(inside, source, name);
      return name;
    };
    return this.#onHosts(`tag ${source}`, work, onResult);
  }

  /** Pushes an image that every host has, through this machine, with its credentials. */
  async push(
    reference: string,
    { onResult }: CallOptions<CopyReport> = {},
  ): Promise<GroupResult<CopyReport>> {
    const { pushFromHosts } = await import('./flat-images.ts');
    return pushFromHosts(
      await this.#begin({}),
      this.#parts,
      { reference, dryRun: this.#dryRun },
      onResult,
    );
  }

  /** Merges the layers of an image on every host into one, as {@link flatten} does, and keeps it there. */
  async flatten(
    source: string,
    { onResult, ...request }: FlattenCall & CallOptions<FlattenReport> = {},
  ): Promise<GroupResult<FlattenReport>> {
    const { flattenOnHosts } = await import('./flat-images.ts');
    const job = { ...request, source, dryRun: this.#dryRun };
    return flattenOnHosts(await this.#begin({}), this.#parts, job, onResult);
  }

  /** Removes names of images (or an image by its id) from every host; nothing is forced. A result is the name. */
  async removeImage(
    name: string,
    { onResult }: CallOptions<string> = {},
  ): Promise<GroupResult<string>> {
    const work = async (inside: Context, { engine }: RolloutHost) => {
      if (!this.#dryRun) await engine.removeImage(inside, name);
      return name;
    };
    return this.#onHosts(`remove image ${name}`, work, onResult);
  }

  /**
   * Removes what releases of the environment that are kept do not need, as `shipper prune` does, under the lock of all hosts:
   * all must be there. `USAGE` without an environment.
   */
  async prune(): Promise<PruneReport> {
    const { pruneFleet } = await import('./prune-fleet.ts');
    return pruneFleet(await this.#begin({}), this.#parts, this.#options);
  }

  /**
   * Makes sure that services of the environment run: each slot of the release that runs has exactly its container, and it works.
   * What is missing is made, what was stopped, paused or never started is started, what is unhealthy is restarted, what is of
   * another image or release is replaced. `NOT_FOUND` where nothing was rolled out, `PARTIAL` where a release is half-way.
   */
  async ensure(
    services: readonly string[] = this.#options.services ?? [],
    { onResult }: CallOptions<Ensured> = {},
  ): Promise<GroupResult<Ensured>> {
    const { ctx, spread, home } = await this.#begin({ services });
    const { ensure } = await import('./ensure.ts');
    const job = { services, home, dryRun: this.#dryRun };
    return ensure(ctx, this.#parts, spread, job, onResult);
  }

  /**
   * Runs a command with the specification of a service in a container of its own, on the first host or on all: what it writes is
   * given, its end waited for, and it is removed. It takes no traffic. `NOT_FOUND` where nothing was rolled out.
   */
  async runService({
    onResult,
    ...run
  }: ServiceRun & CallOptions<ServiceRan>): Promise<GroupResult<ServiceRan>> {
    const { runService } = await import('./run-service.ts');
    const job = { ...run, dryRun: this.#dryRun };
    return runService(await this.#begin({}), this.#parts, job, onResult);
  }

  /** What the containers that are meant use now. An engine takes about a second to measure. */
  async top(
    filter: ContainerFilter = {},
    { onResult }: CallOptions<readonly TopContainer[]> = {},
  ): Promise<GroupResult<readonly TopContainer[]>> {
    return lookTop(await this.#begin(filter), onResult);
  }

  /**
   * Watches services of the environment until it is cancelled: what stops or turns unhealthy is mended as by `ensure`, after a
   * pause that doubles with each try, and given up after `limit` tries in a row. What was stopped by `stop` is left alone.
   */
  async watch({ services: asked, onEvent, ...rules }: WatchCall): Promise<never> {
    const services = asked ?? this.#options.services ?? [];
    const { ctx, spread, home } = await this.#begin({ services });
    const { watchFleet } = await import('./watch.ts');
    const job = { services, home, rules: { ...WATCH_RULES, ...rules }, tell: onEvent };
    return watchFleet(ctx, this.#parts, spread, job);
  }

  /** The same hosts and connections, worked on in another way. Only the first of them is to be disposed of. */
  with(
    options: Pick<ShipperOptions, 'parallel' | 'timeoutMs' | 'dryRun' | 'signal' | 'report'>,
  ): FleetShipper {
    return new FleetShipper({ ...this.#options, ...options }, this.#parts, this.#targets);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#targets[Symbol.asyncDispose]();
  }

  get #dryRun(): boolean {
    return this.#options.dryRun ?? false;
  }

  async #begin(chosen: Chosen): Promise<FleetCall> {
    const { report = () => undefined, signal = new AbortController().signal } = this.#options;
    const ctx = { report, signal, clock: this.#parts.system.clock, scope: {} };
    const targets = await this.#targets.open(ctx);
    const { parallel = HOSTS_AT_ONCE, timeoutMs, patienceMs = PATIENCE_MS } = this.#options;
    const spread: FanOut = { targets, parallel, timeoutMs, patienceMs };
    const choice = choiceOf(ofServices(chosen, this.#options.services ?? []), targets.home);
    return { ctx, spread, home: targets.home, choice };
  }

  async #onHosts<T>(
    what: string,
    work: (ctx: Context, host: RolloutHost) => Promise<T>,
    onResult: Told<T> | undefined,
  ): Promise<GroupResult<T>> {
    const { ctx, spread } = await this.#begin({});
    return onHosts(ctx, spread, what, work, onResult);
  }

  async #each<T>(
    chosen: Chosen,
    what: string,
    onResult: Told<T> | undefined,
    work: ContainerWork<T>,
  ): Promise<GroupResult<T>> {
    return eachChosen(await this.#begin(chosen), what, work, onResult);
  }

  async #act(
    kind: ActKind,
    chosen: Chosen,
    { onResult, ...options }: ActGroupOptions & CallOptions<Acted>,
  ): Promise<GroupResult<Acted>> {
    const call = await this.#begin(chosen);
    return actOnGroup(
      call,
      this.#parts.system,
      kind,
      { ...options, dryRun: this.#dryRun },
      onResult,
    );
  }
}
