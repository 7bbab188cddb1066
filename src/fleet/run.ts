// Runs a container on a host: made, started and, where that is asked, watched to its end; or only where no such one runs.
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import type { ContainerSpec } from '../engine/containers.ts';
import type { EngineLogin } from '../engine/engine.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { type FleetContainer, fleetContainer, isAlive, RUN_LABEL } from './fleet-container.ts';
import type { FleetParts } from './fleet-parts.ts';
import { runSpec } from './run-spec.ts';
import { commandText, isChosen } from './selection.ts';
import type { RunCall } from './shipper-options.ts';

/** A container that was run. JSON-able. */
export interface Ran {
  /** As it was seen at the end. */
  readonly container: FleetContainer;
  /** `found`: one ran already, and `once` was asked. `planned`: a dry run would run it. */
  readonly did: 'ran' | 'found' | 'planned';
}

/** When a container counts as already there. */
export type Once = (container: FleetContainer) => boolean;

/** A run on one host. */
export interface RunJob {
  readonly name: string;
  readonly spec: ContainerSpec;
  /** Nothing is done where a running container is such a one. */
  readonly once?: Once;
  /** What there is to pull its image with, where the host does not have it. */
  readonly login: (ctx: Context, image: string) => Promise<EngineLogin | undefined>;
}

/** By the hash of what it was run with. */
function sameRun(spec: ContainerSpec): Once {
  const hash = spec.Labels[RUN_LABEL];
  return (container) => isAlive(container) && container.labels[RUN_LABEL] === hash;
}

/** The running container that `once` means; undefined where there is none. */
async function running(
  ctx: Context,
  host: RolloutHost,
  once: Once | undefined,
): Promise<FleetContainer | undefined> {
  if (once === undefined) return undefined;
  const listed = await host.engine.containers.list(ctx);
  return listed
    .map((each) => fleetContainer(host.name, each))
    .find((each) => isAlive(each) && once(each));
}

/**
 * Makes and starts it. Its image is pulled where the host lacks it. A container that does not start is removed again, and one
 * of the same name is a `CONFLICT`.
 */
async function runOn(ctx: Context, host: RolloutHost, job: RunJob): Promise<Ran> {
  const found = await running(ctx, host, job.once);
  if (found !== undefined) return { container: found, did: 'found' };
  const id = await create(ctx, host, job);
  const { containers } = host.engine;
  try {
    await containers.start(ctx, id);
  } catch (error) {
    // Its name would stand in the way of the next try; that it is left is no news beside why it did not start.
    await containers.remove(ctx, id, { volumes: true }).catch(() => undefined);
    throw error;
  }
  return { container: await listedOne(ctx, host, id, job), did: 'ran' };
}

/** Makes it. Its image is pulled where the host lacks it. */
export async function create(
  ctx: Context,
  host: RolloutHost,
  { name, spec, login }: Omit<RunJob, 'once'>,
): Promise<string> {
  const { containers } = host.engine;
  try {
    return await containers.create(ctx, name, spec);
  } catch (error) {
    if (!isShipperError(error, 'NOT_FOUND')) throw error;
    const known = await login(ctx, spec.Image);
    await containers.pull(ctx, spec.Image, known === undefined ? {} : { login: known });
    return containers.create(ctx, name, spec);
  }
}

/** As its engine lists it. One that has ended and removed itself by now is told from what it was made of. */
export async function listedOne(
  ctx: Context,
  host: RolloutHost,
  id: string,
  { name, spec }: Pick<RunJob, 'name' | 'spec'>,
): Promise<FleetContainer> {
  const listed = await host.engine.containers.list(ctx, labelsOf(spec));
  const found = listed.find((each) => each.id === id);
  if (found !== undefined) return fleetContainer(host.name, found);
  return fleetContainer(host.name, {
    ...{ id, name, image: spec.Image, imageId: '', command: '', about: '' },
    ...{ status: 'exited', labels: spec.Labels, ports: [], createdAt: 0 },
  });
}

function labelsOf({ Labels }: ContainerSpec): readonly string[] {
  return Object.entries(Labels).map(([key, value]) => `${key}=${value}`);
}

/** What `run` of class Shipper does on one host. `USAGE` for what is no run. */
export function runWork(
  image: string,
  command: readonly string[],
  options: RunCall,
  { system, login }: Pick<FleetParts, 'system' | 'login'>,
  dryRun: boolean,
): (ctx: Context, host: RolloutHost) => Promise<Ran> {
  const spec = runSpec(image, command, options);
  const name = options.name ?? runName(image, system.random(3));
  const once = onceOf(options.once, sameRun(spec));
  const job = { name, spec, login, ...given({ once }) };
  return async (ctx, host) => {
    if (!dryRun) return runOn(ctx, host, job);
    const there = await running(ctx, host, once);
    if (there !== undefined) return { container: there, did: 'found' };
    return { container: await listedOne(ctx, host, '', job), did: 'planned' };
  };
}

function onceOf(once: RunCall['once'], same: Once): Once | undefined {
  if (once === undefined || once === false) return undefined;
  if (once === true) return same;
  const { image, command } = once;
  const words = command === undefined ? undefined : commandText(command);
  return (container) => isChosen(container, given({ image, command: words }));
}

/** A name for one that has none: what it is of, and at random. */
export function runName(image: string, random: string): string {
  const [, base = ''] = /([a-z0-9_.-]+?)(?::[^:/@]*)?(?:@[^@]*)?$/i.exec(image) ?? [];
  const start = base
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  if (start === '')
    throw new ShipperError('USAGE', `Cannot run ${JSON.stringify(image)}: it is no image`);
  return `${start}-run-${random}`;
}
