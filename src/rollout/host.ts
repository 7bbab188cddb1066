// A host of a rollout: one connected engine.
import { ShipperError } from '../core/errors.ts';
import type { Engine, EngineFacts } from '../engine/engine.ts';

/** A host that answered. */
export interface RolloutHost {
  /** As the configuration has it: `ssh://deploy@s1`. */
  readonly name: string;
  /** `ID` of the engine: two names of one engine have one. */
  readonly id: string;
  readonly engine: Engine;
  readonly facts: EngineFacts;
}

/** What a failure of a call says about its host. */
export type Trouble =
  /** It does not answer: whether the call had its effect is not known. */
  | 'lost'
  /** It answered that it cannot now. */
  | 'busy'
  /** Doing it again would fail again. */
  | 'final';

/** Tells a failure that may pass from one that stays. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof ShipperError)) return 'final';
  if (error.code === 'ENGINE_UNREACHABLE' || error.code === 'TIMEOUT') return 'lost';
  if (!error.retryable) return 'final';
  return error.details.status === undefined ? 'lost' : 'busy';
}
