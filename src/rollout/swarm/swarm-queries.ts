// What an environment with `engine: swarm` is asked, and what is written down when its lock is taken away.
import type { Context } from '../../core/context.ts';
import type { Opened } from '../environment.ts';
import { holderOf, type LockHost } from '../lock.ts';
import type { AuditEntry } from '../release.ts';
import type { HistoryReport, StatusReport } from '../status.ts';
import { readHistory } from './history.ts';
import { lookAt } from './look.ts';
import { lockHostOf, lockSwarm, managersOf } from './swarm-change.ts';
import { swarmHistoryOf, swarmStatusOf } from './swarm-status.ts';

/** What runs in the environment. */
export async function swarmStatus(ctx: Context, opened: Opened): Promise<StatusReport> {
  const { scope, fleet } = opened;
  const managers = managersOf(opened);
  const view = await lookAt(ctx, managers, scope);
  const lock = await holderOf(ctx, await lockHostOf(ctx, managers), scope);
  const names = fleet.hosts.map(({ name }) => name);
  return swarmStatusOf(scope, names, fleet.skipped, view, lock);
}

/** The releases of the environment. */
export async function swarmHistory(ctx: Context, opened: Opened): Promise<HistoryReport> {
  const history = await readHistory(ctx, managersOf(opened), opened.scope);
  return swarmHistoryOf(opened.scope, history);
}

/** Where the lock of the environment is: one for the whole swarm. */
export function swarmLockHost(ctx: Context, opened: Opened): Promise<LockHost> {
  return lockHostOf(ctx, managersOf(opened));
}

/** A line in the log of the release that runs, else of the newest. Where there is none nobody has rolled out anything yet. */
export async function swarmLogUnlock(
  ctx: Context,
  opened: Opened,
  entry: Omit<AuditEntry, 'release'>,
): Promise<void> {
  const managers = managersOf(opened);
  const asked = { action: 'unlock', waitMs: 0, takeOver: false };
  await using held = await lockSwarm(ctx, opened, managers, asked);
  const { current, releases } = await readHistory(ctx, managers, opened.scope);
  const release = (current ?? releases.at(-1))?.id;
  if (release !== undefined) await held.keeper.tell(ctx, release, entry);
}
