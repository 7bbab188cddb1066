// What can only be seen of all images together: circles of needs, groups, names that are given twice.
import type { Place } from '../core/errors.ts';
import type { Problems } from './problems.ts';
import { placeText } from './problems.ts';
import type { ReadImage } from './read-image.ts';
import { type Entry, entriesOf, itemsOf, type Tree, textOf } from './tree.ts';
import type { ProjectGroup } from './types.ts';

/** Edges of a graph by name, in the order of the file. */
type Edges = ReadonlyMap<string, readonly string[]>;

/** Every circle of `edges` once, as the names on the way, beginning and ending with the same. */
export function circles(edges: Edges): readonly (readonly string[])[] {
  const done = new Set<string>();
  const path: string[] = [];
  const found: string[][] = [];
  const visit = (name: string): void => {
    const at = path.indexOf(name);
    if (at >= 0) found.push([...path.slice(at), name]);
    if (at >= 0 || done.has(name)) return;
    path.push(name);
    for (const next of edges.get(name) ?? []) visit(next);
    path.pop();
    done.add(name);
  };
  for (const name of edges.keys()) visit(name);
  return found;
}

/** Tells of images that need each other in a circle, and of references that two images would publish. */
export function checkImages(images: readonly ReadImage[], problems: Problems): void {
  const byName = new Map(images.map((each) => [each.image.name, each]));
  const edges = new Map(
    images.map(({ image }) => [image.name, image.needs.map((need) => need.image)]),
  );
  for (const circle of circles(edges)) {
    const [last = '', first = ''] = circle.slice(-2);
    const place = byName.get(last)?.needPlaces.get(first) ?? byName.get(last)?.image.place;
    if (place !== undefined) {
      problems.add(place, `images need each other in a circle: ${circle.join(' -> ')}`);
    }
  }
  checkReferences(images, problems);
}

function checkReferences(images: readonly ReadImage[], problems: Problems): void {
  const owners = new Map<string, { name: string; place: Place }>();
  for (const { image, referencePlaces } of images) {
    for (const [reference, place] of referencePlaces) {
      const owner = owners.get(reference);
      if (owner === undefined) owners.set(reference, { name: image.name, place });
      else {
        const where = `${owner.name} (${placeText(owner.place)})`;
        problems.add(place, `${image.name} would be published as ${reference}, as ${where} is`);
      }
    }
  }
}

/** The groups of `tree`, expanded; problems where they name what is not there, themselves, or images. */
export function readGroups(
  tree: Tree | undefined,
  images: readonly string[],
  problems: Problems,
): readonly ProjectGroup[] {
  const groups = new Map(entriesOf(tree));
  const known = [...images, ...groups.keys()];
  for (const [name, { keyPlace, value }] of groups) {
    if (images.includes(name)) {
      problems.add(keyPlace, `${JSON.stringify(name)} is an image: a group needs another name`);
    }
    for (const item of itemsOf(value)) {
      const member = textOf(item);
      if (member !== undefined && !known.includes(member)) {
        problems.unknown(item.place, 'image or group', member, known);
      }
    }
  }
  const edges = new Map([...groups].map(([name, entry]) => [name, members(entry)]));
  const links = new Map(
    [...edges].map(([name, all]) => [name, all.filter((each) => !images.includes(each))]),
  );
  for (const circle of circles(links)) {
    const entry = groups.get(circle.at(-2) ?? '');
    const link = itemsOf(entry?.value).find((item) => textOf(item) === circle.at(-1));
    const place = link?.place ?? entry?.keyPlace;
    if (place !== undefined) {
      problems.add(place, `groups hold each other in a circle: ${circle.join(' -> ')}`);
    }
  }
  return [...groups].map(([name, { keyPlace }]) => ({
    name,
    images: [...expand(name, edges, images, new Set())],
    place: keyPlace,
  }));
}

function members({ value }: Entry): readonly string[] {
  return itemsOf(value)
    .map(textOf)
    .filter((each) => each !== undefined);
}

function expand(
  name: string,
  edges: Edges,
  images: readonly string[],
  seen: Set<string>,
): Set<string> {
  const found = new Set<string>();
  if (seen.has(name)) return found;
  seen.add(name);
  for (const member of edges.get(name) ?? []) {
    const more = images.includes(member) ? [member] : expand(member, edges, images, seen);
    for (const each of more) found.add(each);
  }
  return found;
}
