// Loads a project: finds the file, reads it and what it includes, checks everything, and only then gives it.
import { bug } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { findConfig } from './discover.ts';
import { Problems } from './problems.ts';
import { readTree } from './read-file.ts';
import { resolveProject } from './resolve.ts';
import type { Project } from './types.ts';

/** What is loaded, and from where. */
export interface LoadOptions {
  /** The file; default SHIPPER_CONFIG, else the nearest `shipper.yaml`, `.yml` or `.json` from the working directory up. */
  readonly config?: string;
  /**
   * The environment that is wanted. Variables of other environments need not be set: a laptop that builds images has no
   * secrets of production.
   */
  readonly environment?: string;
  /** Ends the programs that are asked (git, docker buildx). */
  readonly signal?: AbortSignal;
}

/**
 * The project of the working directory. Rejects with `BAD_CONFIG`, whose `details.problems` are all mistakes of the files
 * with line and column; with `USAGE` where there is no file or no such environment.
 */
export async function loadProject(system: System, options: LoadOptions = {}): Promise<Project> {
  const file = await findConfig(system, options.config);
  const problems = new Problems();
  const root = await readTree(system, file, problems);
  problems.throwIfAny();
  if (root === undefined) throw bug('Cannot go on: a file without problems has no tree');
  return resolveProject(system, file, root, problems, options);
}
