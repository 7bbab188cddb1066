// What a run of the pipeline brings along outside of tests.
import type { System } from '../system/system.ts';
import type { ShipParts } from './ship.ts';

/** The real parts. `version` is that of shipper. */
export function realParts(system: System, version: string): ShipParts {
  return {
    version,
    async findBuilder(ctx, options) {
      // Images that exist need nothing of what builds.
      const { findBuilder } = await import('./build/find-builder.ts');
      return findBuilder(system, ctx, options);
    },
  };
}
