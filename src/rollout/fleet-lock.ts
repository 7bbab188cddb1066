// The lock of an environment on all of its hosts: taken together, renewed while it is held, checked before each change,
// released on every way out (decision 27).
import { type Context, note } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { chanceOf } from '../core/retry.ts';
import type { Files, System } from '../system/system.ts';
import { HeldLock, type LostLock } from './held-lock.ts';
import {
  holderOf,
  holderText,
  LEASE,
  type LockHolder,
  type LockHost,
  locksOf,
  scopeText,
} from './lock.ts';
import { attemptLock, LeaseWatch, type Rival, type TakenOver } from './lock-attempt.ts';
import type { DeployScope } from './release.ts';

/** The variable by which a run in a hook knows that the lock is held for it. */
export const LOCK_VARIABLE = 'SHIPPER_LOCK';

/** What a lock is taken for. */
export interface LockRequest {
  readonly scope: DeployScope;
  /** `user@machine`, for those who find it locked. */
  readonly by: string;
  /** `rollout`, `rollback`, `resume` … */
  readonly action: string;
  readonly release?: string;
  /** How long to wait for a lock that somebody else holds. 0: not at all. */
  readonly waitMs: number;
  /** Whether locks of holders that have died are taken over. Default true. */
  readonly takeOver?: boolean;
}

/** A lock that is held on every host. Disposing of it releases it, and never fails: what cannot be released runs out. */
export interface FleetLock extends AsyncDisposable {
  readonly token: string;
  /** For child programs: a run of shipper among them enters the lock instead of waiting for it. */
  readonly env: Readonly<Record<string, string>>;
  /** Whose locks were taken over: what they did must be looked at again. */
  readonly takenOver: readonly TakenOver[];
  /** Where it was lost since, as far as that was seen. */
  readonly lost: readonly LostLock[];
  /** Must be called just before each call that changes something on a host. `LOCKED` where the lock is not held any more. */
  check(ctx: Context, host: Pick<LockHost, 'id'>): Promise<void>;
}

/** The machine, as far as a lock needs it. */
export type LockSystem = Pick<System, 'env' | 'random'> & {
  readonly files: Pick<Files, 'owner'>;
};

const POLL_MS = 1000;

/**
 * Takes the lock of an environment on all `hosts` or, for the time being, on none: nobody waits for one host while holding
 * another. `LOCKED` where somebody else has it and it was waited long enough; the failures of `Engine` where a host does not
 * answer.
 */
export async function takeFleetLock(
  ctx: Context,
  system: LockSystem,
  hosts: readonly LockHost[],
  request: LockRequest,
): Promise<FleetLock> {
  const { scope, by, action, release, waitMs, takeOver = true } = request;
  const { clock } = ctx;
  const inherited = (system.env[LOCK_VARIABLE] ?? '').split(',').filter((token) => token !== '');
  const { owner } = system.files;
  const token = system.random(16);
  const since = new Date(clock.now()).toISOString();
  const claim = {
    ...{ token, by, owner: owner.tag, action, since },
    ...(release === undefined ? {} : { release }),
  };
  const watch = waitMs > 0 ? new LeaseWatch() : undefined;
  const attempt = { scope, claim, inherited, owner, takesOver: takeOver, watch };
  const takenOver: TakenOver[] = [];
  const chance = chanceOf(system);
  const deadline = clock.monotonic() + waitMs;
  for (let told = ''; ; ) {
    const held = await attemptLock(ctx, hosts, attempt, takenOver);
    if (!('holder' in held)) {
      const env = { [LOCK_VARIABLE]: [...inherited, token].join(',') };
      return new HeldLock(ctx, held, { scope, claim, takenOver, env });
    }
    const restMs = deadline - clock.monotonic();
    if (restMs <= 0) throw locked(held, request);
    if (told !== held.holder.token) {
      note(ctx, 'info', `Waiting for the lock of ${scopeText(scope)}: ${holderText(held.holder)}`);
      told = held.holder.token;
    }
    await clock.sleep(Math.min(restMs, POLL_MS * (0.5 + chance())), ctx.signal);
  }
}

/** Who has it, where, for what and since when, and what helps. */
function locked({ host, holder }: Rival, { scope, waitMs }: LockRequest): ShipperError {
  const ttl = LEASE.ttlMs / 1000;
  const { environment } = scope;
  const other = scopeText(holder.scope);
  const isOther = other !== scopeText(scope);
  const state = isOther ? `its lock has the name of that of ${other}, and ` : '';
  const wait =
    waitMs < LEASE.ttlMs
      ? `Wait for it by --lock-wait 10m: if its holder has died it is taken over after ${ttl} seconds.`
      : `It was waited for ${Math.round(waitMs / 1000)} seconds, and its holder lives: one that has died is known after ${ttl}.`;
  return new ShipperError(
    'LOCKED',
    `Cannot lock ${scopeText(scope)} on ${host.name}: ${state}${holderText(holder)}`,
    {
      host: host.name,
      hint: `${wait} To take it from its holder: shipper unlock ${environment}`,
    },
  );
}

/**
 * Removes the lock of `shown`, who was shown to the person that wants it removed, from all `hosts`; returns the names of those
 * that had it. `LOCKED` where somebody else has it by now.
 */
export async function unlock(
  ctx: Context,
  hosts: readonly LockHost[],
  scope: DeployScope,
  shown: Pick<LockHolder, 'token'>,
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const host of hosts) {
    const holder = await holderOf(ctx, host, scope);
    if (holder === undefined) continue;
    if (holder.token !== shown.token) {
      throw new ShipperError(
        'LOCKED',
        `Cannot unlock ${scopeText(scope)} on ${host.name}: it is another lock by now: ${holderText(holder)}`,
        { host: host.name, hint: `Look who has it: shipper status ${scope.environment}` },
      );
    }
    await locksOf(host).remove(ctx, holder.container);
    removed.push(host.name);
  }
  return removed;
}
