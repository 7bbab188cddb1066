// The use cases, loaded when one is run: help, completion and errors of the command line need none of their code.
import type { InitReport } from '../config/init.ts';
import type { Context } from '../core/context.ts';
import type { MergePolicy } from '../flatten/policy.ts';
import type { CopyReport, CopyRequest, TagReport, TagRequest } from '../operations/copy-types.ts';
import type {
  FlattenReport,
  FlattenRequest,
  InspectReport,
  MediaOptions,
  VerifyReport,
} from '../operations/flatten-types.ts';
import type { ShipPlan, ShipReport, ShipRequest } from '../pipeline/ship-types.ts';
import type { System } from '../system/system.ts';
import { type FleetOperations, lazyFleetOperations } from './fleet-operations.ts';
import { lazyRolloutOperations, type RolloutOperations } from './rollout-operations.ts';
import { VERSION } from './version.ts';

/** Options of `verify` and `inspect`. */
export interface ReadOptions extends MediaOptions {
  readonly platform?: string;
  readonly policy?: Partial<MergePolicy>;
}

/** The use cases that commands call. */
export interface Operations extends RolloutOperations, FleetOperations {
  flattenImage(system: System, ctx: Context, request: FlattenRequest): Promise<FlattenReport>;
  verifyImages(
    system: System,
    ctx: Context,
    a: string,
    b: string,
    options?: ReadOptions,
  ): Promise<VerifyReport>;
  inspectImage(
    system: System,
    ctx: Context,
    image: string,
    options?: ReadOptions,
  ): Promise<InspectReport>;
  copyImage(system: System, ctx: Context, request: CopyRequest): Promise<CopyReport>;
  tagImage(system: System, ctx: Context, request: TagRequest): Promise<TagReport>;
  shipProject(system: System, ctx: Context, request: ShipRequest): Promise<ShipReport>;
  planShip(system: System, ctx: Context, request: ShipRequest): Promise<ShipPlan>;
  writeConfig(system: System): Promise<InitReport>;
  writeTasks(system: System): Promise<string>;
  configSchema(): Promise<string>;
}

/** The real ones. */
export const lazyOperations: Operations = {
  ...lazyRolloutOperations,
  ...lazyFleetOperations,
  async flattenImage(...args) {
    const { flattenImage } = await import('../operations/flatten-image.ts');
    return flattenImage(...args);
  },
  async verifyImages(...args) {
    const { verifyImages } = await import('../operations/verify-images.ts');
    return verifyImages(...args);
  },
  async inspectImage(...args) {
    const { inspectImage } = await import('../operations/inspect-image.ts');
    return inspectImage(...args);
  },
  async copyImage(...args) {
    const { copyImage } = await import('../operations/copy-image.ts');
    return copyImage(...args);
  },
  async tagImage(...args) {
    const { tagImage } = await import('../operations/tag-image.ts');
    return tagImage(...args);
  },
  async shipProject(system, ctx, request) {
    const { shipProject } = await import('../pipeline/ship.ts');
    const { realParts } = await import('../pipeline/parts.ts');
    return shipProject(system, ctx, request, realParts(system, VERSION));
  },
  async planShip(...args) {
    const { planShip } = await import('../pipeline/ship.ts');
    return planShip(...args);
  },
  async writeConfig(system) {
    const { writeConfig } = await import('../config/init.ts');
    return writeConfig(system);
  },
  async writeTasks(system) {
    const { writeTasks } = await import('../tasks/scaffold.ts');
    return writeTasks(system);
  },
  async configSchema() {
    const { configSchema } = await import('../config/json-schema.ts');
    return configSchema();
  },
};
