// A command run once with the specification of a service, in a container of its own beside the slots: a migration, a console
// task. It takes no traffic: no ports, no names in networks, none of the labels that a proxy goes by.
import { type Context, interruption } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { neverAborts } from '../core/own-abort.ts';
import type { ContainerSpec } from '../engine/containers.ts';
import { objectOf } from '../engine/wire.ts';
import { specFor } from '../rollout/api-fit.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { readJournal } from '../rollout/journal.ts';
import { latestOf } from '../rollout/journal-changes.ts';
import { LABELS } from '../rollout/labels.ts';
import type { Images } from '../rollout/parts.ts';
import type { DeployScope, ReleasedService } from '../rollout/release.ts';
import { specHash } from '../rollout/spec-hash.ts';
import { serviceNames } from './chosen.ts';
import { currentRelease } from './current-release.ts';
import { onHosts, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import { type FleetContainer, fleetContainer, isAlive, RUN_LABEL } from './fleet-container.ts';
import type { FleetParts } from './fleet-parts.ts';
import { GroupResult } from './group-result.ts';
import { LineMerge } from './line-merge.ts';
import { readLog } from './log-reader.ts';
import type { FleetLine, TakeLines } from './output.ts';
import { openedAt, requireHome } from './pull-services.ts';

/** What is run. */
export interface ServiceRun {
  readonly service: string;
  /** Words; none: the service's own command. */
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workingDir?: string;
  /** Nothing is done where such a one runs: with the same specification and these choices. Default false. */
  readonly once?: boolean;
  /** On every host. Default false: on the first. */
  readonly allHosts?: boolean;
  /** It is left running. Default false: its output is given, its end waited for, and it is removed. */
  readonly detach?: boolean;
  readonly onLines?: TakeLines;
}

/** What came of it on one host. JSON-able. */
export interface ServiceRan {
  readonly container: FleetContainer;
  readonly did: 'ran' | 'started' | 'found' | 'planned';
  /** Of one that was run to its end. */
  readonly exitCode?: number;
}

/** Runs it on the first host, or on all. `NOT_FOUND` where the release that runs does not have the service. */
export async function runService(
  { ctx, spread, home }: FleetCall,
  parts: FleetParts,
  run: ServiceRun & { readonly dryRun: boolean },
  told?: Told<ServiceRan>,
): Promise<GroupResult<ServiceRan>> {
  const own = requireHome(home, 'run a command of a service');
  const [name = run.service] = serviceNames(own, [run.service]);
  const [first] = spread.targets.list;
  const where = run.allHosts ? spread : { ...spread, only: (host: string) => host === first?.name };
  const read = (inside: Context, { engine }: RolloutHost) => readJournal(inside, engine, own.scope);
  const journals = await onHosts(ctx, where, 'read its journal', read);
  if (journals.values.length === 0) {
    for (const failure of journals.failures) told?.(failure);
    return new GroupResult(journals.failures, journals.hosts);
  }
  const record = currentRelease(own.scope, latestOf(journals.values));
  const service = record.services.find((each) => each.name === name);
  if (service === undefined) {
    const message = `Cannot run a command of ${name}: release ${record.id} does not have it`;
    const hint = `shipper rollout ${own.scope.environment} ${name}`;
    throw new ShipperError('NOT_FOUND', message, { hint });
  }
  const rollout = await parts.rollout();
  await using images = rollout.images(openedAt(parts, own, rollout));
  const random = parts.system.random(3);
  const work = (inside: Context, host: RolloutHost) =>
    new OneRun(inside, host, own.scope, service, run, random).run(images);
  return await onHosts(ctx, where, `run ${name}`, work, told);
}

class OneRun {
  readonly #ctx: Context;
  readonly #host: RolloutHost;
  readonly #service: ReleasedService;
  readonly #run: ServiceRun & { readonly dryRun: boolean };
  readonly #name: string;
  readonly #spec: ContainerSpec;

  constructor(
    ctx: Context,
    host: RolloutHost,
    scope: DeployScope,
    service: ReleasedService,
    run: ServiceRun & { readonly dryRun: boolean },
    random: string,
  ) {
    this.#ctx = ctx;
    this.#host = host;
    this.#service = service;
    this.#run = run;
    this.#name = [scope.project, scope.environment, service.name, 'run', random].join('-');
    this.#spec = specOf(scope, service, run);
  }

  async run(images: Images): Promise<ServiceRan> {
    const found = this.#run.once ? await this.#running() : undefined;
    if (found !== undefined) return { container: found, did: 'found' };
    if (this.#run.dryRun) return { container: this.#planned(), did: 'planned' };
    const { containers } = this.#host.engine;
    const id = await this.#create(images);
    const isKept = this.#run.detach === true;
    try {
      for (const [network, settings] of this.#service.moreNetworks) {
        await containers.connectNetwork(this.#ctx, network, id, quiet(settings));
      }
      await containers.start(this.#ctx, id);
      const container = await this.#listed(id);
      if (isKept) return { container, did: 'started' };
      const exitCode = await this.#toItsEnd(container);
      await containers.remove(this.#ctx, id, { volumes: true });
      return { container, did: 'ran', exitCode };
    } catch (error) {
      await this.#takeBack(id);
      throw this.#ctx.signal.aborted ? interruption(this.#ctx.signal) : error;
    }
  }

  async #create(images: Images): Promise<string> {
    const ctx = this.#ctx;
    const Image = await images.imageOn(ctx, this.#host, this.#service, false);
    const spec = specFor({ ...this.#spec, Image }, this.#host.facts.apiVersion);
    return this.#host.engine.containers.create(ctx, this.#name, spec);
  }

  /** Gives what it writes, and resolves with its exit code. */
  async #toItsEnd(container: FleetContainer): Promise<number> {
    const { onLines } = this.#run;
    const merge = new LineMerge<FleetLine>(this.#ctx);
    const source = merge.open();
    merge.close();
    const place = { time: '', told: 0 };
    const read = readLog(this.#ctx, this.#host, container, { follow: true }, place, source);
    const reading = read.finally(() => source.end());
    const giving = (async () => {
      for await (const lines of merge.batches()) await onLines?.(lines);
    })();
    await Promise.all([reading, giving]);
    return this.#host.engine.containers.wait(this.#ctx, container.id);
  }

  /** Whatever became of the run: a container of it is not left behind. What cannot be removed is told by `ps`. */
  async #takeBack(id: string): Promise<void> {
    const { containers } = this.#host.engine;
    const inside = { ...this.#ctx, signal: neverAborts() };
    try {
      await containers.stop(inside, id, this.#service.stopGraceMs);
      await containers.remove(inside, id, { volumes: true });
    } catch {
      // The host is lost, which is what the caller is told.
    }
  }

  async #running(): Promise<FleetContainer | undefined> {
    const label = `${RUN_LABEL}=${this.#spec.Labels[RUN_LABEL]}`;
    const listed = await this.#host.engine.containers.list(this.#ctx, [label]);
    return listed.map((each) => fleetContainer(this.#host.name, each)).find(isAlive);
  }

  async #listed(id: string): Promise<FleetContainer> {
    const label = `${RUN_LABEL}=${this.#spec.Labels[RUN_LABEL]}`;
    const listed = await this.#host.engine.containers.list(this.#ctx, [label]);
    const found = listed.find((each) => each.id === id);
    return found === undefined
      ? { ...this.#planned(), id }
      : fleetContainer(this.#host.name, found);
  }

  #planned(): FleetContainer {
    const { Labels, Image } = this.#spec;
    return fleetContainer(this.#host.name, {
      ...{ id: '', name: this.#name, image: Image, imageId: '', command: '', about: '' },
      ...{ status: 'created', labels: Labels, ports: [], createdAt: 0 },
    });
  }
}

/** The specification of the service without what makes it one of its slots. */
function specOf(scope: DeployScope, service: ReleasedService, run: ServiceRun): ContainerSpec {
  const { Labels: _, Healthcheck: __, ExposedPorts: ___, ...spec } = service.spec;
  const { PortBindings: ____, ...hostConfig } = objectOf(spec['HostConfig']);
  const networks = Object.entries(objectOf(objectOf(spec['NetworkingConfig'])['EndpointsConfig']));
  const more = Object.entries(run.environment ?? {}).map(([name, value]) => `${name}=${value}`);
  const own = Array.isArray(spec['Env']) ? spec['Env'] : [];
  const whole = {
    ...spec,
    HostConfig: { ...hostConfig, RestartPolicy: { Name: 'no' } },
    ...(networks.length === 0
      ? {}
      : {
          NetworkingConfig: {
            EndpointsConfig: Object.fromEntries(
              networks.map(([name, settings]) => [name, quiet(objectOf(settings))]),
            ),
          },
        }),
    Env: [...own, ...more],
    ...(run.command.length === 0 ? {} : { Cmd: run.command }),
    ...(run.user === undefined ? {} : { User: run.user }),
    ...(run.workingDir === undefined ? {} : { WorkingDir: run.workingDir }),
  };
  const hash = specHash({ ...whole, Image: service.image.digest });
  return {
    ...whole,
    Image: service.spec.Image,
    Labels: {
      [LABELS.managed]: '1',
      [LABELS.project]: scope.project,
      [LABELS.environment]: scope.environment,
      [LABELS.service]: service.name,
      [RUN_LABEL]: hash,
    },
  };
}

/** Without the names and addresses by which others reach the service. */
function quiet(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { Aliases: _, IPAMConfig: __, MacAddress: ___, ...rest } = settings;
  return rest;
}
