// Parents of an image as its build sees them: their published form, as a layout that BuildKit reads or as a name in the
// engine that it looks images up in.
import type { Context } from '../../core/context.ts';
import { bug } from '../../core/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import { copyImage } from '../../operations/copy-image.ts';
import type { System } from '../../system/system.ts';
import { cleanUpIn } from '../../transport/engine-target.ts';
import { parseLocation } from '../../transport/location.ts';
import type { MediaChoice } from '../../transport/open.ts';
import { temporaryName } from '../../transport/temporary-names.ts';
import type { BuildRequest, ParentForm } from './builder.ts';

/** Parents by the name under which a Dockerfile has them. Disposing takes temporary names away. */
export interface PlacedParents extends AsyncDisposable {
  /** `oci-layout://…@DIGEST`, or a name in the engine. */
  readonly places: ReadonlyMap<string, string>;
}

/** Puts the parents of `request` where a builder without an engine of its own reads them: in OCI layouts. */
export async function parentsInLayouts(
  system: System,
  ctx: Context,
  request: BuildRequest,
  media: MediaChoice,
): Promise<PlacedParents> {
  const places = await placeAll(request, async (parent) => {
    const layout = await layoutOf(system, parent);
    if (layout !== undefined) return `oci-layout://${layout}@${parent.digest}`;
    const path = `${request.folder}/parent-${system.random(6)}`;
    const destination = `oci:${path}:parent`;
    const report = await copyImage(system, ctx, { ...media, source: parent.source, destination });
    if (report.digest === undefined) throw bug(`the copy of ${parent.source} has no digest`);
    return `oci-layout://${path}@${report.digest}`;
  });
  return { places, [Symbol.asyncDispose]: async () => undefined };
}

/** The folder of a parent that lies in a layout already, where its path can stand in a reference. */
async function layoutOf(system: System, parent: ParentForm): Promise<string | undefined> {
  const location = await parseLocation(system, parent.source);
  if (location.kind !== 'oci' || !location.path.startsWith('/')) return undefined;
  return /[:@]/.test(location.path) ? undefined : location.path;
}

/** Gives the parents of `request` temporary names in `engine`. */
export async function parentsInEngine(
  system: System,
  ctx: Context,
  request: BuildRequest,
  media: MediaChoice,
  engine: Engine,
): Promise<PlacedParents> {
  const cleanUp = cleanUpIn(system, engine);
  const names: string[] = [];
  const dispose = async () => {
    for (const name of names.splice(0)) await cleanUp(name);
  };
  try {
    const places = await placeAll(request, async ({ source }) => {
      const name = temporaryName(system);
      names.push(name);
      const location = await parseLocation(system, source);
      if (location.kind === 'docker-daemon') await engine.tagImage(ctx, location.reference, name);
      else {
        const destination = `docker-daemon:${name}`;
        await copyImage(system, ctx, { ...media, source, destination });
      }
      return name;
    });
    return { places, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Each parent is placed once, however many names it has. */
async function placeAll(
  { image, parents }: BuildRequest,
  place: (parent: ParentForm) => Promise<string>,
): Promise<ReadonlyMap<string, string>> {
  const placed = new Map<string, string>();
  const places = new Map<string, string>();
  for (const need of image.needs) {
    if (need.as === undefined) continue;
    const parent = parents.find((each) => each.image === need.image);
    if (parent === undefined) throw bug(`the parent ${need.image} of ${image.name} was not given`);
    const at = placed.get(parent.image) ?? (await place(parent));
    placed.set(parent.image, at);
    places.set(need.as, at);
  }
  return places;
}
