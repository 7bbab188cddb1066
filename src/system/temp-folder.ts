// A private folder for the files of one run: it goes with the run, and at the latest when the next one finds it.
import { removeLeftovers } from './spool.ts';
import type { System } from './system.ts';

const PREFIX = '.shipper-run';
/** Nobody else may see what lies in it: images are not always public. */
const PRIVATE_MODE = 0o700;

/** A folder that is removed on dispose. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes a folder in TMPDIR, after removing those that dead runs left there. */
export async function createTempFolder(
  system: Pick<System, 'clock' | 'files' | 'tmpdir' | 'random'>,
): Promise<TempFolder> {
  const { files, tmpdir } = system;
  await removeLeftovers(system, tmpdir, PREFIX, 'directory');
  const path = `${tmpdir}/${PREFIX}-${files.owner.tag}-${system.random(6)}.tmp`;
  const forget = files.owner.onExitRemove(path);
  await files.makeDirectory(path, PRIVATE_MODE);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await files.remove(path);
      forget();
    },
  };
}
