// What a run of the pipeline brings along outside of tests.
import { ShipperError } from '../core/errors.ts';
import type { ShipParts } from './ship.ts';

/** The real parts. `version` is that of shipper. */
export function realParts(version: string): ShipParts {
  return {
    version,
    async findBuilder() {
      throw new ShipperError(
        'UNSUPPORTED',
        'Cannot build images: this version ships images that exist, those with "image:"',
      );
    },
  };
}
