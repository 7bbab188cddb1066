// Which file is the configuration: the one that is named, else the nearest shipper.yaml up to the root of the repository.
import { dirname, join, relative, resolve } from 'node:path';
import { ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';

/** Names of a configuration, best first. */
export const CONFIG_NAMES = ['shipper.yaml', 'shipper.yml', 'shipper.json'] as const;

/**
 * The absolute path of the configuration: `named` (`--config`), else SHIPPER_CONFIG, else the first of
 * {@link CONFIG_NAMES} in the working directory or a folder above it, up to the one that has `.git`. `USAGE` where there is
 * none.
 */
export async function findConfig(system: System, named: string | undefined): Promise<string> {
  if (named !== undefined) return checked(system, '--config', named);
  const fromEnvironment = system.env['SHIPPER_CONFIG'];
  if (fromEnvironment) return checked(system, 'SHIPPER_CONFIG', fromEnvironment);
  let folder = system.cwd;
  for (;;) {
    for (const name of CONFIG_NAMES) {
      const path = join(folder, name);
      if ((await system.files.stat(path))?.kind === 'file') return path;
    }
    const isRoot = (await system.files.stat(join(folder, '.git'))) !== undefined;
    if (isRoot || dirname(folder) === folder) break;
    folder = dirname(folder);
  }
  const places =
    folder === system.cwd
      ? `${folder} has none`
      : `no folder from ${system.cwd} up to ${folder} has one`;
  throw new ShipperError('USAGE', `Cannot find ${CONFIG_NAMES[0]}: ${places}`, {
    path: system.cwd,
    hint: 'write one with "shipper init", or name it with --config',
  });
}

async function checked(system: System, option: string, name: string): Promise<string> {
  const path = resolve(system.cwd, name);
  const kind = (await system.files.stat(path))?.kind;
  if (kind === 'file' || kind === 'other') return path;
  const state = kind === undefined ? 'there is no such file' : 'it is a folder';
  throw new ShipperError('USAGE', `Cannot use ${option} ${JSON.stringify(name)}: ${state}`, {
    path,
  });
}

/** `path` as a person in the working directory writes it: relative where it lies below. */
export function shownPath({ cwd }: System, path: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}
