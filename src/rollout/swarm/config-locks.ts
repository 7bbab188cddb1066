// Locks of a swarm: a config of a fixed name, which can be had once; its labels say who holds it and are the lease (decision 30).
import type { Context } from '../../core/context.ts';
import { isShipperError, ShipperError } from '../../core/errors.ts';
import { type LockStore, lockLabels, readHolder, scopeText } from '../lock.ts';
import type { DeployScope } from '../release.ts';
import type { Managers } from './managers.ts';
import { configName, SWARM_LABELS } from './names.ts';

const BEAT_LABEL = 'shipper.lock.beat';
/** A swarm takes no config without data. */
const DATA = new TextEncoder().encode('lock');
/** So often is looked again where the lock goes while it is looked at. */
const ROUNDS = 10;

/** The locks of the swarm behind `managers`. */
export function configLocks(managers: Managers): LockStore {
  const inspect = (ctx: Context, config: string) =>
    managers.call(ctx, (swarm, inside) => swarm.inspectConfig(inside, config));
  const holderOf = async (ctx: Context, scope: DeployScope) => {
    const found = await inspect(ctx, configName(scope, 'lock'));
    return found === undefined ? undefined : (readHolder(found) ?? refuseForeign(scope));
  };
  return {
    holderOf,
    async tryLock(ctx, scope, claim) {
      const name = configName(scope, 'lock');
      const labels = {
        ...lockLabels(scope, claim),
        [SWARM_LABELS.kind]: 'lock',
        [BEAT_LABEL]: '0',
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        try {
          const make = { name, labels, data: DATA };
          const container = await managers.call(ctx, (swarm, inside) =>
            swarm.createConfig(inside, make),
          );
          return { kind: 'taken', container };
        } catch (error) {
          if (!isShipperError(error, 'CONFLICT')) throw error;
        }
        const holder = await holderOf(ctx, scope);
        if (holder === undefined) continue;
        // Perhaps ours although the swarm said that it is taken: the answer to an earlier call was lost.
        if (holder.token !== claim.token) return { kind: 'held', holder };
        return { kind: 'taken', container: holder.container };
      }
      const state = 'its lock is gone each time it is looked at';
      throw new ShipperError('LOCKED', `Cannot lock ${scopeText(scope)}: ${state}`);
    },
    async readLease(ctx, container) {
      return (await inspect(ctx, container))?.labels[BEAT_LABEL];
    },
    async writeLease(ctx, container, _token, beat) {
      const found = await inspect(ctx, container);
      if (found === undefined) {
        throw new ShipperError('NOT_FOUND', 'Cannot renew the lock: it is gone');
      }
      const labels = { ...found.labels, [BEAT_LABEL]: String(beat) };
      try {
        await managers.call(ctx, (swarm, inside) => swarm.updateConfig(inside, found, labels));
      } catch (error) {
        // Nobody else writes here: an earlier try had its effect, and its answer was lost.
        if (!isShipperError(error, 'CONFLICT')) throw error;
      }
    },
    isHeld: async (ctx, container) => (await inspect(ctx, container)) !== undefined,
    remove: (ctx, container) =>
      managers.call(ctx, (swarm, inside) => swarm.removeConfig(inside, container)),
  };
}

function refuseForeign(scope: DeployScope): never {
  const name = configName(scope, 'lock');
  const message = `Cannot lock ${scopeText(scope)}: the config ${name} is no lock of shipper`;
  throw new ShipperError('CONFLICT', message, { hint: 'Give that config another name.' });
}
