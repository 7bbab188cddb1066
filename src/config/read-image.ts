// One member of `images` → an image: where it comes from, what it needs, what it is called.

import type { Place } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { readBuild } from './read-build.ts';
import { readFlatten } from './read-flatten.ts';
import { looksWhole, type Pair, pairs, type Reading, text, wholeReference } from './reading.ts';
import { BUILD_SHAPE, IMAGE_SHAPE } from './schema/image.ts';
import { NAME } from './schema/words.ts';
import { child, type Entry, entriesOf, itemsOf, type Tree, textOf } from './tree.ts';
import type { ImageOrigin, Need, ProjectImage } from './types.ts';

/** What an image is read with. */
export interface ImageReading extends Reading {
  /** Names of all images. */
  readonly images: readonly string[];
  readonly registry: string | undefined;
}

/** An image with the places of what may turn out wrong later. */
export interface ReadImage {
  readonly image: ProjectImage;
  /** Where each need is named. */
  readonly needPlaces: ReadonlyMap<string, Place>;
  /** Where each reference is named. */
  readonly referencePlaces: ReadonlyMap<string, Place>;
}

/** The image `name`; problems where it contradicts itself or names what is not there. */
export function readImage(
  name: string,
  { keyPlace, value }: Entry,
  reading: ImageReading,
): ReadImage {
  const needPlaces = new Map<string, Place>();
  const contexts = pairs(value, 'additional_contexts');
  const needs = readNeeds(value, contexts, reading, needPlaces);
  const flatten = readFlatten(value, reading.images, reading);
  if (flatten?.keepBase?.kind === 'need') {
    const base = flatten.keepBase.image;
    const place = child(child(value, 'flatten'), 'keep_base')?.place ?? keyPlace;
    if (!needs.some(({ image }) => image === base)) {
      needs.push({ image: base });
      needPlaces.set(base, place);
    }
  }
  const referencePlaces = readReferences(name, value, keyPlace, reading);
  const others = contexts.filter((pair) => imageOfContext(pair) === undefined);
  const image = {
    name,
    source: readOrigin(name, value, keyPlace, others, reading),
    needs,
    ...given({ flatten }),
    references: [...referencePlaces.keys()],
    place: keyPlace,
  };
  return { image, needPlaces, referencePlaces };
}

function readOrigin(
  name: string,
  tree: Tree,
  place: Place,
  contexts: readonly Pair[],
  reading: ImageReading,
): ImageOrigin {
  const { problems } = reading;
  const existing = child(tree, 'image');
  const context = child(tree, 'context');
  if (existing === undefined) {
    // A key or a parent that is not known is told already, and may be what has one of these.
    const parent = text(tree, 'extends');
    const isKnown =
      entriesOf(tree).every(([key]) => Object.hasOwn(IMAGE_SHAPE, key)) &&
      (parent === undefined || reading.images.includes(parent));
    if (context === undefined && isKnown) {
      const hint = 'context is the folder to build, image is one that exists';
      problems.add(
        place,
        `the image ${JSON.stringify(name)} has neither "context" nor "image"`,
        hint,
      );
    }
    const inline = child(tree, 'dockerfile_inline');
    if (inline !== undefined && child(tree, 'dockerfile') !== undefined) {
      problems.add(inline.place, '"dockerfile" and "dockerfile_inline" exclude each other');
    }
    return { kind: 'build', build: readBuild(tree, contexts, reading) };
  }
  for (const [key, entry] of entriesOf(tree)) {
    if (!Object.hasOwn(BUILD_SHAPE, key)) continue;
    const state = `${JSON.stringify(key)} belongs to a build, and ${name} has "image"`;
    problems.add(entry.keyPlace, state, 'leave one of them out');
  }
  const words = textOf(existing);
  const reference = words && wholeReference(words, existing.place, problems);
  return { kind: 'image', reference: reference ?? '' };
}

/** `target:NAME` of bake, `service:NAME` of Compose. */
function imageOfContext({ value }: Pair): string | undefined {
  return /^(?:target|service):(.+)$/.exec(value ?? '')?.[1];
}

function readNeeds(
  tree: Tree,
  contexts: readonly Pair[],
  { problems, images }: ImageReading,
  places: Map<string, Place>,
): Need[] {
  const needs: Need[] = [];
  const add = (image: string, as: string, place: Place): void => {
    if (!images.includes(image)) problems.unknown(place, 'image', image, images);
    else if (!needs.some((need) => need.as === as)) {
      needs.push({ image, as });
      if (!places.has(image)) places.set(image, place);
    }
  };
  for (const item of itemsOf(child(tree, 'needs'))) {
    const image = textOf(item);
    if (image !== undefined) add(image, image, item.place);
  }
  for (const pair of contexts) {
    const image = imageOfContext(pair);
    if (image !== undefined) add(image, pair.key, pair.place);
  }
  return needs;
}

const TAG = /^\w[\w.-]{0,127}$/;

/** Whole names with the places where they are given. */
function readReferences(
  name: string,
  tree: Tree,
  place: Place,
  { problems, registry }: ImageReading,
): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>();
  const repository = registry === undefined ? name : `${registry}/${name}`;
  const add = (words: string, at: Place): void => {
    const reference = wholeReference(words, at, problems);
    if (reference !== undefined && !found.has(reference)) found.set(reference, at);
  };
  const tags = child(tree, 'tags');
  if (tags === undefined && NAME.test(name)) add(`${repository}:latest`, place);
  if (tags?.kind === 'list' && tags.items.length === 0) {
    problems.add(tags.place, 'tags must not be empty', 'leave it out for latest');
  }
  for (const item of itemsOf(tags)) {
    const words = textOf(item);
    if (words === undefined) continue;
    if (words.includes('@')) {
      problems.add(
        item.place,
        'a digest cannot be given to an image',
        'leave out what begins with @',
      );
    } else if (looksWhole(words)) add(words, item.place);
    else if (TAG.test(words)) add(`${repository}:${words}`, item.place);
    else {
      const state =
        words === '' ? 'it is empty' : 'it is made of letters, digits, _ . -, at most 128';
      problems.add(
        item.place,
        `the tag ${JSON.stringify(words.slice(0, 140))} cannot be used: ${state}`,
      );
    }
  }
  return found;
}

/** `registry`, without a slash at its end; problems where no name can begin with it. */
export function readRegistry(root: Tree, { problems }: Reading): string | undefined {
  const tree = child(root, 'registry');
  const written = text(root, 'registry');
  if (tree === undefined || written === undefined) return undefined;
  const registry = written.replace(/\/+$/, '');
  if (registry.includes('://')) {
    problems.add(
      tree.place,
      'registry has no scheme',
      `write ${registry.replace(/^.*?:\/\//, '')}`,
    );
    return undefined;
  }
  return wholeReference(`${registry}/name`, tree.place, problems) === undefined
    ? undefined
    : registry;
}
