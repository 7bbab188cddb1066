// Class Shipper as programs make it: with the real machine, unless they bring their own.
import { checkShipper } from './arguments.ts';
import { systemWith } from './cli/stdio.ts';
import { VERSION } from './cli/version.ts';
import { realFleetParts } from './fleet/real-fleet-parts.ts';
import { FleetShipper } from './fleet/shipper.ts';
import type { ShipperOptions } from './fleet/shipper-options.ts';
import { prepare } from './library.ts';

/**
 * Work on the containers of many hosts at once. See {@link ShipperOptions} for which, `docs/fleet.md` for examples. Nothing is
 * connected to before the first call; dispose it at the end (`await using`).
 */
export class Shipper extends FleetShipper {
  /** Throws a TypeError or RangeError for options that are none. */
  constructor(options: ShipperOptions = {}) {
    checkShipper(options);
    const { system } = prepare(options);
    const inside = systemWith(system, system.stdio, options.directory);
    super(options, realFleetParts(inside, VERSION, options));
  }
}
