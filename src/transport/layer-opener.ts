// What layers of every medium are opened with: the machine, and what the run says about temporary files and the cache.
import type { System } from '../system/system.ts';
import type { LayerCache } from './cache.ts';
import { Spooling, type SpoolMode } from './spool-mode.ts';

/** The services of one run. */
export interface LayerOpener {
  readonly system: System;
  readonly spooling: Spooling;
  readonly cache: LayerCache | undefined;
}

/** Makes them. */
export function layerOpener(
  system: System,
  options: { readonly spool?: SpoolMode; readonly cache?: LayerCache } = {},
): LayerOpener {
  return { system, spooling: new Spooling(system, options.spool), cache: options.cache };
}
