// Containers of many hosts started, stopped, restarted, removed: which of them that means, and in which turn.
import { type Context, narrow } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { gate } from '../core/pool.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { readJournal } from '../rollout/journal.ts';
import { recordIn } from '../rollout/journal-changes.ts';
import type { Journal } from '../rollout/release.ts';
import type { System } from '../system/system.ts';
import { type Acted, type ActKind, type ActOptions, act } from './acts.ts';
import { containersOn } from './chosen.ts';
import { fanOut, type HostWork, onEach, type Told } from './fan-out.ts';
import type { FleetCall } from './fleet-call.ts';
import { type FleetContainer, isAlive } from './fleet-container.ts';
import type { GroupResult } from './group-result.ts';
import { requireUnlocked } from './locked.ts';
import { currentOnes } from './selection.ts';

/** How a group is acted on. */
export interface ActGroupOptions extends ActOptions {
  /** So many at a time over all hosts, the next once those before work. Default: all at once, and nobody watches. */
  readonly batch?: number;
}

/** Acts on the containers that are meant. */
export function actOnGroup(
  call: FleetCall,
  system: System,
  kind: ActKind,
  { batch, dryRun, ...options }: ActGroupOptions & { readonly dryRun: boolean },
  told?: Told<Acted>,
): Promise<GroupResult<Acted>> {
  const { ctx, spread, home } = call;
  const inTurn = batch === undefined ? undefined : turns(kind, batch);
  const one = async (
    inside: Context,
    host: RolloutHost,
    container: FleetContainer,
  ): Promise<Acted> => {
    if (dryRun) return { container, did: 'planned' };
    const own = narrow(inside, { slot: container.name });
    if (inTurn === undefined) return act(own, host, kind, container, options);
    const watched = { ...options, untilItWorks: true };
    return inTurn(container, () => act(own, host, kind, container, watched));
  };
  const work: HostWork<Acted> = async (inside, host, tell) => {
    const picked = await pick(inside, host, kind, call);
    if (home !== undefined && picked.length > 0 && !dryRun) {
      await requireUnlocked(inside, system, host, home.scope);
    }
    return onEach(host, picked, (container) => one(inside, host, container), tell);
  };
  return fanOut(ctx, spread, `${kind} containers`, work, told);
}

/** A few at a time; after one that failed nothing more is begun. */
function turns(kind: ActKind, batch: number) {
  const turn = gate(batch);
  let failed: string | undefined;
  return (container: FleetContainer, work: () => Promise<Acted>): Promise<Acted> =>
    turn(async () => {
      if (failed !== undefined) throw left(kind, container.name, failed);
      try {
        return await work();
      } catch (error) {
        failed ??= container.name;
        throw error;
      }
    });
}

function left(kind: ActKind, name: string, failed: string): ShipperError {
  const message = `Cannot ${kind} ${name}: ${failed} did not work after it, so this one is left as it is`;
  return new ShipperError('PARTIAL', message);
}

/** What is meant: of each slot those that run, else the one of the release that runs, else the newest. */
async function pick(
  ctx: Context,
  host: RolloutHost,
  kind: ActKind,
  { choice, home }: FleetCall,
): Promise<readonly FleetContainer[]> {
  const found = await containersOn(ctx, host, choice, home);
  if (choice.kind === 'these' || kind === 'remove') return found;
  if (kind === 'stop') return found.filter(isAlive);
  const current = currentOnes(found);
  // Where several are stopped in one slot the newest may be one that never worked.
  if (home === undefined || current.length === found.length || current.every(isAlive)) {
    return current;
  }
  return currentOnes(found, wantedOn(host, await readJournal(ctx, host.engine, home.scope)));
}

/** Whether a container is of the release that runs. */
export function wantedOn(
  { id }: Pick<RolloutHost, 'id'>,
  journal: Journal | undefined,
): (container: FleetContainer) => boolean {
  const slots = journal === undefined ? [] : (recordIn(journal, journal.current)?.slots ?? []);
  return ({ owned }) =>
    slots.some(
      ({ engine, service, slot, specHash }) =>
        engine === id &&
        service === owned?.service &&
        slot === owned.slot &&
        specHash === owned.specHash,
    );
}
