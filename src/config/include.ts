// `include`: files of other tools whose images count as well. Each becomes members of `images` and `groups`, as if they
// stood in shipper.yaml, with absolute paths: Compose files and docker-bake.json are read here, the rest by `docker buildx`.
import { basename, dirname, extname, resolve } from 'node:path';
import { isShipperError, type Place } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { needsBuildx, readBake } from './bake.ts';
import { printBake } from './bake-print.ts';
import { readCompose } from './compose.ts';
import { mergeMappings } from './extend.ts';
import type { Facts } from './facts.ts';
import type { Problems } from './problems.ts';
import { readTree } from './read-file.ts';
import { child, type Entry, itemsOf, type Tree, textOf } from './tree.ts';

/** What included files hold. */
export interface Included {
  /** Absolute. */
  readonly files: readonly string[];
  readonly images: ReadonlyMap<string, Entry>;
  readonly groups: ReadonlyMap<string, Entry>;
}

/** What one included file holds. */
export type IncludedFile = Pick<Included, 'images' | 'groups'>;

/** How files are included. */
export interface IncludeReading {
  /** What paths in the list, or in the file, are relative to. */
  readonly folder: string;
  readonly facts: Facts;
  readonly problems: Problems;
  readonly signal?: AbortSignal;
}

/** Reads the files of `list`. Of what has one name, later files win key by key. */
export async function readIncludes(
  system: System,
  list: Tree | undefined,
  reading: IncludeReading,
): Promise<Included> {
  const files: string[] = [];
  const images = new Map<string, Entry>();
  const groups = new Map<string, Entry>();
  for (const item of itemsOf(list)) {
    const name = textOf(item);
    if (name === undefined) continue;
    const path = resolve(reading.folder, name);
    const found = await readInclude(system, path, item.place, {
      ...reading,
      folder: dirname(path),
    });
    if (found === undefined) continue;
    files.push(path);
    for (const [key, entry] of found.groups) groups.set(key, entry);
    for (const [key, entry] of found.images) {
      const below = images.get(key)?.value;
      const isBoth = below?.kind === 'map' && entry.value.kind === 'map';
      images.set(key, isBoth ? { ...entry, value: mergeMappings(below, entry.value) } : entry);
    }
  }
  return { files, images, groups };
}

const KINDS = 'Compose files (.yaml, .yml), docker-bake.json and .hcl';

async function readInclude(
  system: System,
  path: string,
  place: Place,
  reading: IncludeReading,
): Promise<IncludedFile | undefined> {
  const { problems } = reading;
  const name = basename(path);
  const kind = (await system.files.stat(path))?.kind;
  if (kind !== 'file') {
    const state = kind === undefined ? 'there is no such file' : 'it is no file';
    problems.add(place, `${name} cannot be included: ${state}`);
    return undefined;
  }
  const extension = extname(path);
  if (extension === '.hcl') return printBake(system, path, place, reading);
  if (!['.yaml', '.yml', '.json'].includes(extension)) {
    problems.add(place, `${name} cannot be included: its kind is not known`, `there is ${KINDS}`);
    return undefined;
  }
  const tree = await readFileTree(system, path, place, reading);
  if (tree === undefined) return undefined;
  if (child(tree, 'target') !== undefined || child(tree, 'group') !== undefined) {
    const isNative = needsBuildx(tree) === undefined;
    return isNative ? readBake(tree, reading) : printBake(system, path, place, reading, tree);
  }
  if (child(tree, 'services') !== undefined) return readCompose(system, tree, reading);
  const hint = 'a Compose file has services, a bake file has target';
  problems.add(place, `${name} cannot be included: it is neither a Compose nor a bake file`, hint);
  return undefined;
}

async function readFileTree(
  system: System,
  path: string,
  place: Place,
  { problems }: IncludeReading,
): Promise<Tree | undefined> {
  try {
    return await readTree(system, path, problems);
  } catch (error) {
    if (!isShipperError(error) || error.code === 'INTERRUPTED') throw error;
    problems.add(place, `${basename(path)} cannot be included: ${error.message}`);
    return undefined;
  }
}
