// Keeps a cache within its size: what was not used for the longest time goes.
import { isShipperError } from '../core/errors.ts';
import { isTempName } from '../system/spool.ts';
import type { Files } from '../system/system.ts';

interface CachedFile {
  readonly path: string;
  readonly size: number;
  readonly usedMs: number;
}

/** Trims to nine tenths, so that not every new file makes all of them be looked at for one more. */
const SHARE = 0.9;

/**
 * Removes files of `folders` until they hold no more than `maxBytes`; `kept` stays. Open files can still be read after they
 * were removed.
 */
export async function trimFolders(
  files: Files,
  folders: readonly string[],
  maxBytes: number,
  kept: string,
): Promise<void> {
  const all = (await Promise.all(folders.map((folder) => filesOf(files, folder)))).flat();
  let bytes = all.reduce((sum, { size }) => sum + size, 0);
  if (bytes <= maxBytes) return;
  const oldestFirst = all.filter(({ path }) => path !== kept).sort((a, b) => a.usedMs - b.usedMs);
  for (const { path, size } of oldestFirst) {
    if (bytes <= maxBytes * SHARE) return;
    await files.remove(path);
    bytes -= size;
  }
}

async function filesOf(files: Files, folder: string): Promise<CachedFile[]> {
  const found: CachedFile[] = [];
  for (const name of await namesOf(files, folder)) {
    // What another process writes just now is not ours to remove.
    if (isTempName(name)) continue;
    const path = `${folder}/${name}`;
    const facts = await files.lstat(path);
    if (facts?.kind !== 'file') continue;
    found.push({ path, size: facts.size, usedMs: facts.usedMs ?? facts.mtimeMs });
  }
  return found;
}

async function namesOf(files: Files, folder: string): Promise<readonly string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return [];
    throw error;
  }
}
