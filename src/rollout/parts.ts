// What a run borrows: the images that are brought to hosts, and the programs of the configuration.

import type { Context } from '../core/context.ts';
import type { EngineContainer } from '../engine/containers.ts';
import type { RolloutHost } from './host.ts';
import type { SlotPlace } from './labels.ts';
import type { ReleasedService } from './release.ts';

/** Brings images to hosts. */
export interface Images {
  /** Resolves when `host` has the images of all `services`, exactly those. Nothing else is changed there. */
  deliver(ctx: Context, host: RolloutHost, services: readonly ReleasedService[]): Promise<void>;
  /** What a container of `service` is created from on `host`; with `isAgain` the image is brought there once more before. */
  imageOn(
    ctx: Context,
    host: RolloutHost,
    service: ReleasedService,
    isAgain: boolean,
  ): Promise<string>;
}

/** What a hook is told of a slot. */
export interface SlotFacts extends SlotPlace {
  readonly host: RolloutHost;
  readonly release: string;
  readonly container: EngineContainer;
}

/** Runs the hooks of an environment, as far as it has them. They fail with `HOOK`. */
export interface HookRunner {
  preRollout(ctx: Context, release: string): Promise<void>;
  postRollout(ctx: Context, release: string): Promise<void>;
  route(ctx: Context, facts: SlotFacts): Promise<void>;
  drain(ctx: Context, facts: SlotFacts): Promise<void>;
}
