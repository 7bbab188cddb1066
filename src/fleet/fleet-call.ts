// One call of the fleet that has begun: on which hosts, about which containers.
import type { Context } from '../core/context.ts';
import type { Choice } from './chosen.ts';
import type { FanOut } from './fan-out.ts';
import type { Home } from './targets.ts';

/** See the head of this file. */
export interface FleetCall {
  readonly ctx: Context;
  readonly spread: FanOut;
  readonly home: Home | undefined;
  readonly choice: Choice;
}
