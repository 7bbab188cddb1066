// `--iidfile` and `--digestfile`: one digest in a file, whole or not at all.
import { dirname, resolve } from 'node:path';
import { ShipperError } from '../core/errors.ts';
import { createBeside } from '../system/spool.ts';
import type { System } from '../system/system.ts';

/** Refuses a digest file that is also the source, an output or the other digest file: it would replace it. */
export async function checkIdFilesDiffer(
  system: System,
  idFiles: readonly (readonly [option: string, file: string | undefined])[],
  places: readonly string[],
): Promise<void> {
  const realPath = (path: string) => system.files.realPath(resolve(system.cwd, path));
  const taken = new Set(await Promise.all(places.map((place) => realPath(pathOf(place)))));
  for (const [option, file] of idFiles) {
    if (file === undefined) continue;
    const path = await realPath(file);
    if (taken.has(path)) {
      throw new ShipperError(
        'USAGE',
        `Cannot write ${option} ${JSON.stringify(file)}: that file is something else of this command`,
        { path },
      );
    }
    taken.add(path);
  }
}

/** The path in `docker-archive:PATH[:REF]`, or the word itself. */
function pathOf(place: string): string {
  return /^(?:docker-archive|oci-archive|oci):([^:]*)/.exec(place)?.[1] ?? place;
}

/** What is written: where a link leads, if it is one. */
async function targetOf(system: System, file: string): Promise<string> {
  const path = resolve(system.cwd, file);
  const isLink = (await system.files.lstat(path))?.kind === 'symlink';
  return isLink ? system.files.realPath(path) : path;
}

/** Refuses early what could not be written at the end. */
export async function checkIdFile(
  system: System,
  option: string,
  file: string | undefined,
): Promise<void> {
  if (file === undefined) return;
  const path = await targetOf(system, file);
  const folder = await system.files.stat(dirname(path));
  if (folder?.kind !== 'directory') {
    throw new ShipperError(
      'NOT_FOUND',
      `Cannot write ${option} ${JSON.stringify(file)}: its folder does not exist`,
      { path },
    );
  }
  const there = await system.files.stat(path);
  if (there !== undefined && there.kind !== 'file') {
    throw new ShipperError(
      'OUTPUT_CONFLICT',
      `Cannot write ${option} ${JSON.stringify(file)}: it is not a file`,
      { path },
    );
  }
  await checkFolder(system, option, file, path);
}

/** Whether a file can be made in the folder: found out at the end, the result would be in place and the run failed. */
async function checkFolder(
  system: System,
  option: string,
  file: string,
  path: string,
): Promise<void> {
  try {
    await using _probe = await createBeside(system, path);
  } catch (error) {
    throw new ShipperError(
      'IO',
      `Cannot write ${option} ${JSON.stringify(file)}: no file can be made in its folder`,
      { path, cause: error },
    );
  }
}

/** Writes `digest` without a line feed, as docker does; replaces an older file, also one that a link leads to. */
export async function writeIdFile(
  system: System,
  file: string | undefined,
  digest: string | undefined,
): Promise<void> {
  if (file === undefined || digest === undefined) return;
  const path = await targetOf(system, file);
  await using temporary = await createBeside(system, path);
  await temporary.file.write(Buffer.from(digest, 'utf8'), 0);
  await temporary.moveTo(path);
}
