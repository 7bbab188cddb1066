// Where the real parts lie, and the clear refusal when one is not there.
import { accessSync, constants, mkdirSync, mkdtempSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folder that is kept between runs; on a disk, because overlayfs layers and sockets lie in it. */
export const CACHE: string = process.env['SHIPPER_REAL_CACHE'] ?? '/var/tmp/shipper-real';

/** The Debian 13 root with Docker Engine 26.1. */
export const TRIXIE: string = join(CACHE, 'trixie');

/** Throws when this is not root or a file or program is missing. Programs are looked up as a login of root would. */
export function requireParts(what: string, ...needed: readonly string[]): void {
  if (process.getuid?.() !== 0) {
    throw new Error(
      `Cannot start ${what}: namespaces, mounts and bridges need root; run the tests as root`,
    );
  }
  for (const name of needed) {
    if (findProgram(name) === undefined) {
      throw new Error(
        `Cannot start ${what}: "${name}" is missing; run "sudo scripts/real-setup.sh" once`,
      );
    }
  }
}

/** The path of a program, or of a file when `name` is absolute; undefined when it is not there. */
export function findProgram(name: string): string | undefined {
  const folders = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`.split(delimiter);
  const candidates = name.startsWith('/') ? [name] : folders.map((folder) => join(folder, name));
  return candidates.find((path) => isReadable(path));
}

/** A new private directory on the cache's disk, with a short name because socket paths end at 107 bytes. */
export function privateDirectory(name: string): string {
  const parent = join(CACHE, 'run');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, `${name}-`));
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
