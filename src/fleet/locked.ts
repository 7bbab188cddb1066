// Whether somebody is at work in an environment: what he changes is not changed under his hands.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { LOCK_VARIABLE } from '../rollout/fleet-lock.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { holderOf, holderText, scopeText } from '../rollout/lock.ts';
import type { DeployScope } from '../rollout/release.ts';
import type { System } from '../system/system.ts';

/** `LOCKED` where a run that lives, and is not the one that started us, holds the lock of the environment on `host`. */
export async function requireUnlocked(
  ctx: Context,
  { env, files }: Pick<System, 'env' | 'files'>,
  host: RolloutHost,
  scope: DeployScope,
): Promise<void> {
  const holder = await holderOf(ctx, host, scope);
  if (holder === undefined || files.owner.isDead(holder.owner) === true) return;
  // A hook of the run that holds it.
  if ((env[LOCK_VARIABLE] ?? '').split(',').includes(holder.token)) return;
  const message = `Cannot change ${scopeText(scope)} on ${host.name}: ${holderText(holder)}`;
  const hint = `wait for it, or take its lock: shipper unlock ${scope.environment}`;
  throw new ShipperError('LOCKED', message, { host: host.name, hint });
}
