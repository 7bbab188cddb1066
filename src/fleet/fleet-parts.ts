// What the fleet works with: the machine, how hosts are reached, and what rollouts bring along.
import type { Context } from '../core/context.ts';
import type { EngineLogin } from '../engine/engine.ts';
import type { MediaOptions } from '../operations/flatten-types.ts';
import type { RolloutParts } from '../rollout/environment.ts';
import type { System } from '../system/system.ts';
import type { Reach } from './targets.ts';

/** What the caller brings along. */
export interface FleetParts extends Reach {
  readonly system: System;
  /** How registries are reached. */
  readonly media: Omit<MediaOptions, 'host' | 'context'>;
  /** What there is to pull `image` with. */
  login(ctx: Context, image: string): Promise<EngineLogin | undefined>;
  /** What services are to run, and how their images come to hosts. Loaded by those who need it. */
  rollout(): Promise<RolloutParts>;
}
