// `include`: files of other tools whose images count as well. Each becomes members of `images` and `groups`, as if they
// stood in shipper.yaml, with absolute paths.
import type { System } from '../system/system.ts';
import type { Facts } from './facts.ts';
import type { Problems } from './problems.ts';
import type { Entry, Tree } from './tree.ts';

/** What included files hold. */
export interface Included {
  /** Absolute. */
  readonly files: readonly string[];
  readonly images: ReadonlyMap<string, Entry>;
  readonly groups: ReadonlyMap<string, Entry>;
}

/** How files are included. */
export interface IncludeReading {
  /** What paths in the list are relative to. */
  readonly folder: string;
  readonly facts: Facts;
  readonly problems: Problems;
  readonly signal?: AbortSignal;
}

/** Reads the files of `list`. */
export async function readIncludes(
  _system: System,
  _list: Tree | undefined,
  _reading: IncludeReading,
): Promise<Included> {
  return { files: [], images: new Map(), groups: new Map() };
}
