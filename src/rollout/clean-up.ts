// After a release is committed: what nobody needs any more goes, on every host (orchestration 5.9).
import { type Context, narrow } from '../core/context.ts';
import { runAll } from '../core/pool.ts';
import { HOSTS_AT_ONCE } from './fleet.ts';
import { type GarbageOptions, type KeptItem, planGarbage, releasesLeft } from './gc.ts';
import { hostContents, type RemovedGarbage, removeGarbage } from './gc-run.ts';
import type { RolloutHost } from './host.ts';
import { retainReleases } from './journal-changes.ts';
import type { JournalKeeper } from './journal-keeper.ts';
import { isKeptName, keptNames } from './kept-names.ts';
import type { DeployScope, Journal } from './release.ts';
import type { SlotActs } from './slot-acts.ts';

/** What is cleaned up, and with what. */
export interface CleanUpTools {
  readonly scope: DeployScope;
  readonly hosts: readonly RolloutHost[];
  readonly journals: JournalKeeper;
  readonly checkLock: SlotActs['checkLock'];
}

/** What garbage is told by in an environment that keeps `retain` releases. */
export function garbageOptions(scope: DeployScope, retain: number): GarbageOptions {
  return { scope, retain, refsOf: keptNames, isOwnRef: (name) => isKeptName(scope, name) };
}

/** Removes what the newest `retain` releases do not need; resolves with what went, by host. */
export async function cleanUp(
  ctx: Context,
  { scope, hosts, journals, checkLock }: CleanUpTools,
  retain: number,
): Promise<ReadonlyMap<RolloutHost, RemovedGarbage>> {
  const options = garbageOptions(scope, retain);
  const { journal } = journals;
  const removed = new Map<RolloutHost, RemovedGarbage>();
  const kept: KeptItem[] = [];
  await runAll(
    hosts.map((host) => async () => {
      const inside = narrow(ctx, { host: host.name });
      const cleaned = await cleanHost(inside, host, journal, options, checkLock);
      removed.set(host, cleaned.done);
      kept.push(...cleaned.kept);
    }),
    HOSTS_AT_ONCE,
  );
  const left = releasesLeft(journal, kept, options);
  await journals.change(ctx, (known) => retainReleases(known, retain, left));
  return removed;
}

async function cleanHost(
  ctx: Context,
  host: RolloutHost,
  journal: Journal,
  options: GarbageOptions,
  checkLock: SlotActs['checkLock'],
): Promise<{ readonly done: RemovedGarbage; readonly kept: readonly KeptItem[] }> {
  const contents = await hostContents(ctx, host.engine);
  const garbage = planGarbage(contents, journal, options);
  const check = (inside: Context) => checkLock(inside, host);
  const done = await removeGarbage(ctx, host.engine, garbage, { journal, options, check });
  return { done, kept: [...garbage.kept, ...done.kept] };
}
