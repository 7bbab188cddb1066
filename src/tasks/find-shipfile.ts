// Where the tasks are: the file that is named, else the nearest shipfile from the working folder up.
import { dirname, join, resolve } from 'node:path';
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';

const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs'] as const;
const NAME = 'shipfile';

type Place = Pick<System, 'files' | 'cwd'>;

/** The files of a shipfile. */
export interface ShipfilePlace {
  /** What a person would call it: the file, or the folder of several. Absolute. */
  readonly path: string;
  /** Its folder; for a folder of several files the one that it is in. */
  readonly folder: string;
  /** The modules, by the word that leads to their tasks; the empty one for tasks that need none. */
  readonly modules: readonly { readonly name: string; readonly file: string }[];
}

/**
 * The shipfile: `named` (`-f`), else the first `shipfile.ts`, `.mts`, `.js`, `.mjs` or folder `shipfile` in the working folder or
 * one above it, up to the one that has `.git`. Undefined where there is none; `USAGE` where the named one is missing.
 */
export async function findShipfile(
  system: Place,
  named: string | undefined,
): Promise<ShipfilePlace | undefined> {
  if (named !== undefined) return namedPlace(system, named);
  for (let folder = system.cwd; ; folder = dirname(folder)) {
    const found = await inFolder(system, folder);
    if (found !== undefined) return found;
    const isRoot = (await system.files.stat(join(folder, '.git'))) !== undefined;
    if (isRoot || dirname(folder) === folder) return undefined;
  }
}

async function inFolder(system: Place, folder: string): Promise<ShipfilePlace | undefined> {
  for (const extension of EXTENSIONS) {
    const path = join(folder, `${NAME}${extension}`);
    if ((await system.files.stat(path))?.kind === 'file') return filePlace(path);
  }
  const path = join(folder, NAME);
  if ((await system.files.stat(path))?.kind !== 'directory') return undefined;
  const place = await folderPlace(system, path);
  return place.modules.length === 0 ? undefined : place;
}

async function namedPlace(system: Place, named: string): Promise<ShipfilePlace> {
  const path = resolve(system.cwd, named);
  const kind = (await system.files.stat(path))?.kind;
  const text = JSON.stringify(named);
  if (kind === undefined) {
    throw new ShipperError('USAGE', `Cannot use -f ${text}: there is no such file`, { path });
  }
  if (kind !== 'directory') return filePlace(path);
  const place = (await inFolder(system, path)) ?? (await folderPlace(system, path));
  if (place.modules.length > 0) return place;
  throw new ShipperError('USAGE', `Cannot use -f ${text}: the folder has no module with tasks`, {
    path,
  });
}

function filePlace(path: string): ShipfilePlace {
  return { path, folder: dirname(path), modules: [{ name: '', file: path }] };
}

/** Each module of a folder makes a group, `index` none. */
async function folderPlace(system: Place, path: string): Promise<ShipfilePlace> {
  const names = [...(await system.files.list(path))].sort();
  const modules = names.flatMap((name) => {
    const [, stem = ''] = /^(.+?)\.m?[jt]s$/.exec(name) ?? [];
    if (stem === '' || /^[._]|\.(?:d|test|spec)$/.test(stem)) return [];
    return [{ name: stem === 'index' ? '' : stem, file: join(path, name) }];
  });
  return { path, folder: dirname(path), modules };
}
