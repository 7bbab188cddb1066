// The tree of a configuration file → a project: includes, `extends`, variables, the schema, and what only makes sense
// together. All mistakes are collected; only a file without any becomes a project.

import { basename, dirname } from 'node:path';
import { ShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { nearest } from '../core/nearest.ts';
import type { System } from '../system/system.ts';
import { checkImages, readGroups } from './check-names.ts';
import { checkShape } from './check-shape.ts';
import { shownPath } from './discover.ts';
import type { Environment } from './environment-types.ts';
import { extendAll, mergeGroups } from './extend.ts';
import { type Facts, factsOf } from './facts.ts';
import { type Included, readIncludes } from './include.ts';
import { interpolate } from './interpolate.ts';
import type { LoadOptions } from './load.ts';
import { Problems } from './problems.ts';
import { readEnvironment } from './read-environment.ts';
import { readImage, readRegistry } from './read-image.ts';
import { type Reading, text } from './reading.ts';
import { projectSchema } from './schema/project.ts';
import { child, type Entry, entriesOf, type Tree, textOf, withEntries } from './tree.ts';
import type { Project } from './types.ts';

/** What is being resolved. */
interface Work {
  readonly system: System;
  readonly file: string;
  readonly facts: Facts;
  readonly problems: Problems;
  readonly options: LoadOptions;
}

/** The project of `root`, the tree of `file`; throws `BAD_CONFIG` with every mistake. */
export async function resolveProject(
  system: System,
  file: string,
  root: Tree,
  problems: Problems,
  options: LoadOptions,
): Promise<Project> {
  const folder = dirname(file);
  const name = await nameOf(root, system, folder);
  const facts = factsOf(system, folder, name, options.signal);
  const work: Work = { system, file, facts, problems, options };
  const included = await readIncludes(system, await includeList(root, work), {
    folder,
    facts,
    problems,
    ...given({ signal: options.signal }),
  });
  const tree = checkShape(projectSchema, await wholeTree(root, included, work), problems);
  const project = readProject(tree, included, name, work);
  problems.throwIfAny();
  checkEnvironmentName(tree, work);
  return project;
}

/** `project`, which may hold variables itself; what is wrong with it is told later, with the rest. */
async function nameOf(root: Tree, system: System, folder: string): Promise<string> {
  const usual = projectName(basename(folder));
  const written = child(root, 'project');
  if (written === undefined) return usual;
  const facts = factsOf(system, folder, usual);
  const found = await interpolate(written, { facts, problems: new Problems(), isLenient: false });
  return textOf(found) ?? usual;
}

async function includeList(root: Tree, { facts, problems }: Work): Promise<Tree | undefined> {
  const list = child(root, 'include');
  return list && interpolate(list, { facts, problems, isLenient: false });
}

/** The file with included images, inherited keys and variables put in. */
async function wholeTree(root: Tree, included: Included, work: Work): Promise<Tree> {
  if (root.kind !== 'map') return root;
  const { facts, problems, options } = work;
  const entries = new Map<string, Entry>();
  const own = withEntries(root, [
    ...merged(root, 'images', included.images),
    ...merged(root, 'groups', included.groups),
  ]);
  for (const [key, entry] of own.entries) {
    if (key.startsWith('x-')) continue;
    const value = await extendedValue(key, entry.value, { facts, problems, isLenient: false });
    entries.set(key, { ...entry, value });
  }
  const environments = entries.get('environments');
  if (environments !== undefined) {
    const members = await Promise.all(
      entriesOf(environments.value).map(async ([name, entry]) => {
        const isLenient = name !== options.environment;
        const value = await interpolate(entry.value, { facts, problems, isLenient });
        return [name, { ...entry, value }] as const;
      }),
    );
    if (environments.value.kind === 'map')
      entries.set('environments', {
        ...environments,
        value: withEntries(environments.value, members),
      });
  }
  return { ...root, entries };
}

const GROUPS: ReadonlySet<string> = new Set(['images', 'groups', 'environments']);

type Interpolation = Parameters<typeof interpolate>[1];

async function extendedValue(key: string, all: Tree, how: Interpolation): Promise<Tree> {
  const value = GROUPS.has(key) ? how.problems.capped(all, key) : all;
  if (key === 'environments') return extendAll(value, 'environment', how.problems);
  if (key === 'images') return interpolate(extendAll(value, 'image', how.problems), how);
  return interpolate(value, how);
}

/** The entry of `key` with included members: what the file says of a member wins, key by key. */
function merged(
  root: Tree,
  key: string,
  included: ReadonlyMap<string, Entry>,
): readonly (readonly [string, Entry])[] {
  if (included.size === 0) return [];
  const own = root.kind === 'map' ? root.entries.get(key) : undefined;
  if (own !== undefined && own.value.kind !== 'map') return [];
  const keyPlace = own?.keyPlace ?? root.place;
  const value = mergeGroups(included, own?.value, keyPlace);
  return [[key, { keyPlace, value }]];
}

function readProject(tree: Tree, included: Included, name: string, work: Work): Project {
  const { system, file, facts, problems, options } = work;
  const imageTrees = entriesOf(child(tree, 'images')).filter(
    ([, { value }]) => value.kind === 'map',
  );
  const images = entriesOf(child(tree, 'images')).map(([each]) => each);
  const reading: Reading = {
    folder: dirname(file),
    homedir: system.homedir,
    problems,
    variable: facts.variable,
  };
  const registry = readRegistry(tree, reading);
  const read = imageTrees.map(([each, entry]) =>
    readImage(each, entry, { ...reading, images, registry }),
  );
  checkImages(read, problems);
  const groups = readGroups(child(tree, 'groups'), images, problems);
  const environments = entriesOf(child(tree, 'environments')).filter(
    ([, { value }]) => value.kind === 'map',
  );
  let environment: Environment | undefined;
  for (const [each, entry] of environments) {
    const isWanted = each === options.environment;
    const found = readEnvironment(each, entry, {
      ...reading,
      platform: system.platform,
      images,
      project: name,
      isWanted,
    });
    if (isWanted) environment = found;
  }
  return {
    file,
    folder: dirname(file),
    files: [file, ...included.files],
    name,
    ...given({ registry, builder: text(tree, 'builder') }),
    images: read.map(({ image }) => image),
    groups,
    environmentNames: environments.map(([each]) => each),
    ...given({ environment }),
  };
}

function checkEnvironmentName(tree: Tree, { system, file, options }: Work): void {
  const wanted = options.environment;
  const known = entriesOf(child(tree, 'environments')).map(([name]) => name);
  if (wanted === undefined || known.includes(wanted)) return;
  const near = nearest(wanted, known);
  const list = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
  throw new ShipperError(
    'USAGE',
    `Cannot use environment ${JSON.stringify(wanted)}: ${shownPath(system, file)} does not have it`,
    { path: file, hint: near === undefined ? list : `did you mean ${near}?` },
  );
}

/** A folder's name as the name of a project: what Compose makes of it. */
export function projectName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
  return name === '' ? 'project' : name;
}
