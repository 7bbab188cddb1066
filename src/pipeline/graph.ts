// Which images of a project a run is about, and in which order: pure.
import type { Project, ProjectImage } from '../config/types.ts';
import { ShipperError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';

/** An image of a run. */
export interface Selected {
  readonly image: ProjectImage;
  /** Asked for, by its name, a group, or because nothing was named. */
  readonly isWanted: boolean;
  /** Names of the images that must be there first, each once. */
  readonly needs: readonly string[];
}

/**
 * The images that `names` mean, and those that they need, each behind those that it needs; else in the order of the
 * configuration. No name means all. `USAGE` for a name that is neither image nor group, `BAD_CONFIG` for a circle.
 */
export function selectImages(project: Project, names: readonly string[] = []): readonly Selected[] {
  const byName = new Map(project.images.map((image) => [image.name, image]));
  const wanted = wantedNames(project, names);
  const order: Selected[] = [];
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw circle([...path.slice(path.indexOf(name)), name]);
    const image = byName.get(name);
    if (done.has(name) || image === undefined) return;
    const needs = needsOf(image);
    for (const need of needs) visit(need, [...path, name]);
    done.add(name);
    order.push({ image, isWanted: wanted.has(name), needs });
  };
  for (const { name } of project.images) if (wanted.has(name)) visit(name, []);
  if (order.length > 0) return order;
  throw new ShipperError('USAGE', `Cannot ship ${project.name}: it has no images`, {
    path: project.file,
    hint: 'add some below "images:" in its shipper.yaml',
  });
}

/** Names of the images that must be there first, each once. */
function needsOf({ needs, flatten }: ProjectImage): readonly string[] {
  const names = needs.map(({ image }) => image);
  if (flatten?.keepBase?.kind === 'need') names.push(flatten.keepBase.image);
  return [...new Set(names)];
}

function wantedNames(project: Project, names: readonly string[]): ReadonlySet<string> {
  const images = project.images.map(({ name }) => name);
  if (names.length === 0) return new Set(images);
  const groups = new Map(project.groups.map((group) => [group.name, group.images]));
  const known = [...images, ...groups.keys()];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return new Set(names.flatMap((name) => groups.get(name) ?? [name]));
  const near = nearest(unknown, known);
  throw new ShipperError(
    'USAGE',
    `Cannot find ${JSON.stringify(unknown)}: ${project.name} has no such image or group`,
    { hint: near === undefined ? `it has ${known.join(', ')}` : `did you mean ${near}?` },
  );
}

function circle(names: readonly string[]): ShipperError {
  return new ShipperError(
    'BAD_CONFIG',
    `Cannot order images: they need each other in a circle: ${names.join(' -> ')}`,
  );
}
