// The use case: build, flatten and publish the images of a project, all or nothing.
import { loadProject } from '../config/load.ts';
import type { Project } from '../config/types.ts';
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { createTempFolder } from '../system/temp-folder.ts';
import { Transports } from '../transport/open.ts';
import type { Builder, BuilderOptions } from './build/builder.ts';
import { capsFor } from './caps.ts';
import { type Selected, selectImages } from './graph.ts';
import { Memory } from './memory.ts';
import { type PlannedTag, placesOf } from './places.ts';
import { planOf } from './ship-plan.ts';
import { ShipRun } from './ship-run.ts';
import type { ShipPlan, ShipReport, ShipRequest } from './ship-types.ts';

/** What the caller brings along. */
export interface ShipParts {
  /** The version of shipper, for the report and the memory. */
  readonly version: string;
  /** Finds what builds images; asked once, and only where something is built. */
  findBuilder(ctx: Context, options: BuilderOptions): Promise<Builder>;
}

/**
 * Runs the pipeline of a project and resolves with its report, also where images failed: `outcome` says how it ended.
 * Rejects with `BAD_CONFIG` or `USAGE` for what is asked, and where the registry cannot be read before anything is done.
 */
export async function shipProject(
  system: System,
  ctx: Context,
  request: ShipRequest,
  parts: ShipParts,
): Promise<ShipReport> {
  const { project, images, tags } = await prepare(system, ctx, request);
  const memory = new Memory(system, project);
  await using transports = new Transports(system, request);
  await using folder = await createTempFolder(system);
  await using run = new ShipRun(system, ctx, parts, {
    project,
    request,
    images,
    tags,
    memory,
    transports,
    folder: folder.path,
  });
  return await run.run();
}

/** What {@link shipProject} would do. Asks no engine and no registry. */
export async function planShip(
  system: System,
  ctx: Context,
  request: ShipRequest,
): Promise<ShipPlan> {
  const { project, images, tags } = await prepare(system, ctx, request);
  return planOf(
    project,
    request,
    images,
    tags,
    capsFor(system.cores, system.freeMemory(), request.jobs),
  );
}

async function prepare(
  system: System,
  { signal }: Context,
  request: ShipRequest,
): Promise<{
  readonly project: Project;
  readonly images: readonly Selected[];
  readonly tags: ReadonlyMap<string, readonly PlannedTag[]>;
}> {
  const { config, names, until = 'ship' } = request;
  const project = await loadProject(system, {
    signal,
    ...(config === undefined ? {} : { config }),
  });
  const images = selectImages(project, names);
  const tags = new Map(
    images.map(({ image, isWanted }) => [
      image.name,
      isWanted ? placesOf(project, image.references, until) : [],
    ]),
  );
  if (until === 'push') requireRegistry(project, tags);
  return { project, images, tags };
}

/** A push that goes nowhere is a mistake. */
function requireRegistry(
  { name, file }: Project,
  tags: ReadonlyMap<string, readonly PlannedTag[]>,
): void {
  for (const [image, own] of tags) {
    const local = own.find(({ place }) => place === 'engine');
    if (local === undefined) continue;
    throw new ShipperError(
      'USAGE',
      `Cannot push ${image} of ${name}: ${local.reference} names no registry`,
      {
        path: file,
        hint: 'say "registry: HOST/PATH" in shipper.yaml, or write whole names in tags',
      },
    );
  }
}
