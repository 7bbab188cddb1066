// Work on the containers of many hosts at once: the class that programs, tasks and the commands of the fleet stand on.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { ContainerSpec, EngineContainer, ListedImage } from '../engine/containers.ts';
import type { RolloutHost } from '../rollout/host.ts';
import type { System } from '../system/system.ts';
import { type ActGroupOptions, actOnGroup } from './act-group.ts';
import type { Acted, ActKind, ActOptions } from './acts.ts';
import { type Chosen, choiceOf, containersOn, runningOf } from './chosen.ts';
import type { Ensured } from './ensure.ts';
import { type FanOut, fanOut, type HostWork, onEach, onHosts, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import type { FleetContainer } from './fleet-container.ts';
import type { FleetParts } from './fleet-parts.ts';
import type { GroupResult } from './group-result.ts';
import { type Logged, readLogs } from './logs.ts';
import {
  type Attached,
  type Executed,
  execIn,
  listenTo,
  requireCommand,
  type Waited,
  waitFor,
} from './output.ts';
import { create, listedOne, type Once, type Ran, runName, running, runOn, sameRun } from './run.ts';
import { runSpec } from './run-spec.ts';
import { type ContainerFilter, commandText, currentOnes, isChosen } from './selection.ts';
import type {
  AttachCall,
  CallOptions,
  ExecCall,
  LogsCall,
  RunCall,
  ShipperOptions,
} from './shipper-options.ts';
import { type Home, openTargets, PATIENCE_MS, type Targets } from './targets.ts';

/** An image on one of the hosts. JSON-able. */
export interface FleetImage extends ListedImage {
  readonly host: string;
}

/** A container as its engine has it, and on which host. */
export interface InspectedContainer extends EngineContainer {
  readonly host: string;
}

/** As `connectFleet`: an sshd drops more. */
const HOSTS_AT_ONCE = 30;

/**
 * Work on the containers of all targeted hosts side by side. Nothing is connected to before the first call. Every call resolves
 * with the results of all hosts, whatever failed on some of them; it rejects for what is no call at all (`USAGE`,
 * `BAD_CONFIG`), and with `INTERRUPTED`. Dispose it at the end.
 */
export class FleetShipper implements AsyncDisposable {
  readonly #options: ShipperOptions;
  readonly #parts: FleetParts;
  readonly #targets: { opened?: Promise<Targets> };

  constructor(
    options: ShipperOptions,
    parts: FleetParts,
    targets: { opened?: Promise<Targets> } = {},
  ) {
    this.#options = options;
    this.#parts = parts;
    this.#targets = targets;
  }

  /** Names of the hosts that are meant, as they were called. */
  async hosts(): Promise<readonly string[]> {
    return (await this.#open()).list.map(({ name }) => name);
  }

  /** The project and environment that are meant; undefined where hosts are meant by themselves. */
  async environment(): Promise<Home['scope'] | undefined> {
    return (await this.#open()).home?.scope;
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
    const { ctx, spread } = await this.#begin({});
    const work = async (inside: Context, host: RolloutHost) => {
      const images = await host.engine.containers.listImages(inside, labels);
      return images.map((image) => ({ host: host.name, ...image }));
    };
    return onHosts(ctx, spread, 'list the images', work, onResult);
  }

  /** Each container as its engine has it. `NOT_FOUND` of one that is gone. */
  inspect(
    chosen: Chosen = {},
    { onResult }: CallOptions<InspectedContainer> = {},
  ): Promise<GroupResult<InspectedContainer>> {
    return this.#each(chosen, 'inspect', onResult, async (inside, host, container) => {
      const { id } = container;
      const seen = await host.engine.containers.inspect(inside, id);
      if (seen !== undefined) return { host: host.name, ...seen };
      throw gone(host.name, container.name);
    });
  }

  /** Makes a container of the Engine's own specification on every host, without starting it. */
  async createContainer(
    spec: ContainerSpec | Omit<ContainerSpec, 'Labels'>,
    { name, onResult }: CallOptions<FleetContainer> & { readonly name?: string } = {},
  ): Promise<GroupResult<FleetContainer>> {
    const { ctx, spread } = await this.#begin({});
    const whole = { Labels: {}, ...spec } as ContainerSpec;
    const own = name ?? runName(whole.Image, this.#system.random(3));
    const job = { name: own, spec: whole, login: this.#parts.login };
    const work = async (inside: Context, host: RolloutHost) =>
      listedOne(inside, host, await create(inside, host, job), job);
    return onHosts(ctx, spread, `create ${own}`, work, onResult);
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
    const { once, name, onResult } = options;
    const spec = runSpec(image, command, options);
    const own = name ?? runName(image, this.#system.random(3));
    const found = onceOf(once, sameRun(spec));
    const job = { name: own, spec, login: this.#parts.login, ...given({ once: found }) };
    const { ctx, spread } = await this.#begin({});
    const work = async (inside: Context, host: RolloutHost): Promise<Ran> => {
      if (this.#options.dryRun !== true) return runOn(inside, host, job);
      const there = await running(inside, host, found);
      if (there !== undefined) return { container: there, did: 'found' };
      return { container: await listedOne(inside, host, '', job), did: 'planned' };
    };
    return onHosts(ctx, spread, `run ${image}`, work, onResult);
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
    const runs = runningOf(chosen);
    if (this.#options.dryRun === true) {
      const plan = async (_: Context, __: RolloutHost, container: FleetContainer) => ({
        ...{ container, exitCode: 0, lines: [] },
      });
      return this.#each(runs, 'exec', onResult, plan);
    }
    return this.#each(runs, 'exec', onResult, (inside, host, container) =>
      execIn(inside, host, container, spec, onLines),
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
    const sinceMs = typeof since === 'number' ? ctx.clock.now() - since : since?.getTime();
    const sinceSeconds = sinceMs === undefined ? undefined : sinceMs / 1000;
    const request = given({ follow, tail, sinceSeconds });
    return readLogs(ctx, spread, { choice, home, request, take: onLines }, onResult ?? nobody);
  }

  /** Pulls an image by its name on every host, with the credentials of this machine. */
  async pull(
    reference: string,
    { onResult }: CallOptions<string> = {},
  ): Promise<GroupResult<string>> {
    const { ctx, spread } = await this.#begin({});
    const work = async (inside: Context, { engine }: RolloutHost) => {
      if (this.#options.dryRun === true) return reference;
      const login = await this.#parts.login(inside, reference);
      await engine.containers.pull(inside, reference, given({ login }));
      return reference;
    };
    return onHosts(ctx, spread, `pull ${reference}`, work, onResult);
  }

  /**
   * Brings the images of services of the environment, as its configuration names them now, to its hosts, so that a rollout
   * finds them there. A result is the names of the images. `USAGE` without an environment.
   */
  async pullServices(
    services: readonly string[] = [],
    { onResult }: CallOptions<readonly string[]> = {},
  ): Promise<GroupResult<readonly string[]>> {
    const { ctx, spread, home } = await this.#begin({ services });
    const { pullServices } = await import('./pull-services.ts');
    const job = { services, home, dryRun: this.#options.dryRun ?? false };
    return pullServices(ctx, this.#parts, spread, job, onResult ?? nobody);
  }

  /**
   * Makes sure that services of the environment run: each slot of the release that runs has exactly its container, and it works.
   * What is missing is made, what was stopped, paused or never started is started, what is unhealthy is restarted, what is of
   * another image or release is replaced. `NOT_FOUND` where nothing was rolled out, `PARTIAL` where a release is half-way.
   */
  async ensure(
    services: readonly string[] = [],
    { onResult }: CallOptions<Ensured> = {},
  ): Promise<GroupResult<Ensured>> {
    const { ctx, spread, home } = await this.#begin({ services });
    const { ensure } = await import('./ensure.ts');
    const job = { services, home, dryRun: this.#options.dryRun ?? false };
    return ensure(ctx, this.#parts, spread, job, onResult ?? nobody);
  }

  /** The same hosts and connections, worked on in another way. Only the first of them is to be disposed of. */
  with(
    options: Pick<ShipperOptions, 'parallel' | 'timeoutMs' | 'dryRun' | 'signal' | 'report'>,
  ): FleetShipper {
    return new FleetShipper({ ...this.#options, ...options }, this.#parts, this.#targets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { opened } = this.#targets;
    if (opened === undefined) return;
    // What could not be opened was told by the call that wanted it.
    const targets = await opened.catch(() => undefined);
    await targets?.[Symbol.asyncDispose]();
  }

  get #system(): System {
    return this.#parts.system;
  }

  #context(): Context {
    const { report = () => undefined, signal = new AbortController().signal } = this.#options;
    return { report, signal, clock: this.#system.clock, scope: {} };
  }

  #open(): Promise<Targets> {
    const { opened } = this.#targets;
    if (opened !== undefined) return opened;
    const made = openTargets(this.#system, this.#context(), this.#options, this.#parts);
    this.#targets.opened = made;
    made.catch(() => {
      delete this.#targets.opened;
    });
    return made;
  }

  async #begin(chosen: Chosen): Promise<FleetCall> {
    const targets = await this.#open();
    const { parallel = HOSTS_AT_ONCE, timeoutMs, patienceMs = PATIENCE_MS } = this.#options;
    const spread: FanOut = { targets, parallel, timeoutMs, patienceMs };
    const { home } = targets;
    return { ctx: this.#context(), spread, home, choice: choiceOf(chosen, home) };
  }

  /** Does `work` to each container that is meant: of each slot those that run, else the newest. */
  async #each<T>(
    chosen: Chosen,
    what: string,
    onResult: Told<T> | undefined,
    work: (ctx: Context, host: RolloutHost, container: FleetContainer) => Promise<T>,
  ): Promise<GroupResult<T>> {
    const { ctx, spread, home, choice } = await this.#begin(chosen);
    const all: HostWork<T> = async (inside, host, told) => {
      const found = await containersOn(inside, host, choice, home);
      const picked = choice.kind === 'these' ? found : currentOnes(found);
      return onEach(host, picked, (container) => work(inside, host, container), told);
    };
    return fanOut(ctx, spread, `${what} containers`, all, onResult);
  }

  async #act(
    kind: ActKind,
    chosen: Chosen,
    { onResult, ...options }: ActGroupOptions & CallOptions<Acted>,
  ): Promise<GroupResult<Acted>> {
    const call = await this.#begin(chosen);
    const { dryRun = false } = this.#options;
    return actOnGroup(call, this.#system, kind, { ...options, dryRun }, onResult);
  }
}

const nobody = (): void => undefined;

function gone(host: string, name: string): ShipperError {
  const message = `Cannot inspect ${name} on ${host}: it is not there any more`;
  return new ShipperError('NOT_FOUND', message, { host });
}

function onceOf(once: RunCall['once'], same: Once): Once | undefined {
  if (once === undefined || once === false) return undefined;
  if (once === true) return same;
  const { image, command } = once;
  const filter = given({
    image,
    command: command === undefined ? undefined : commandText(command),
  });
  return (container) => isChosen(container, filter);
}
