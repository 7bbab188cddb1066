// The fleet as commands work on it, loaded when one is run.
import type { Context } from '../core/context.ts';
import type { DoctorReport, DoctorRequest } from '../fleet/doctor-types.ts';
import type { FleetShipper } from '../fleet/shipper.ts';
import type { ShipperOptions } from '../fleet/shipper-options.ts';
import type { System } from '../system/system.ts';
import { VERSION } from './version.ts';

/** How commands come to the hosts of a fleet. */
export interface FleetOperations {
  /** Connects to nothing yet. Dispose it. */
  openShipper(system: System, options: ShipperOptions): Promise<FleetShipper>;
  examine(system: System, ctx: Context, request: DoctorRequest): Promise<DoctorReport>;
}

/** The real one. */
export const lazyFleetOperations: FleetOperations = {
  async openShipper(system, options) {
    const { FleetShipper } = await import('../fleet/shipper.ts');
    const { realFleetParts } = await import('../fleet/real-fleet-parts.ts');
    return new FleetShipper(options, realFleetParts(system, VERSION, options));
  },
  async examine(system, ctx, request) {
    const { examine } = await import('../fleet/doctor.ts');
    const { realDoctorParts } = await import('../fleet/real-doctor-parts.ts');
    return examine(ctx, realDoctorParts(system, request), request);
  },
};
