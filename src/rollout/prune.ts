// `shipper prune`: what of an environment nobody needs any more, told or removed, on every host (orchestration 5.9).

import { type Context, narrow } from '../core/context.ts';
import { failureOf } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import type { System } from '../system/system.ts';
import { cleanUp, garbageOptions } from './clean-up.ts';
import { see } from './deployment.ts';
import { isSwarm, type Opened, type RolloutParts, withEnvironment } from './environment.ts';
import { HOSTS_AT_ONCE } from './fleet.ts';
import { takeFleetLock } from './fleet-lock.ts';
import { type GarbageItem, type KeptItem, planGarbage } from './gc.ts';
import { hostContents } from './gc-run.ts';
import type { RolloutHost } from './host.ts';
import { withAudit } from './journal-changes.ts';
import { JournalKeeper } from './journal-keeper.ts';
import type { Journal } from './release.ts';
import type { ChangeRequest, RolloutFailure } from './rollout-types.ts';

/** What `shipper prune` is asked. */
export interface PruneRequest extends ChangeRequest {
  /** Only tells what would go: no lock is taken. */
  readonly dryRun?: boolean;
}

/** What it answers. JSON-able. */
export interface PruneReport {
  readonly schema: 1;
  readonly project: string;
  readonly environment: string;
  readonly isDryRun: boolean;
  /** In the order of the configuration; of a swarm one entry, `the swarm`. */
  readonly hosts: readonly PrunedHost[];
  readonly skipped: readonly { readonly host: string; readonly error: RolloutFailure }[];
  /** At most so much became free, or would: layers may be shared. */
  readonly bytes: number;
}

/** One host. */
export interface PrunedHost {
  readonly host: string;
  /** What went, or would: containers first. */
  readonly removed: readonly GarbageItem[];
  /** What could have gone and stays, and why. */
  readonly kept: readonly KeptItem[];
  readonly bytes: number;
}

/** Removes what the releases that are kept do not need. An environment that no host remembers loses nothing. */
export function pruneEnvironment(
  system: System,
  ctx: Context,
  request: PruneRequest,
  parts: RolloutParts,
): Promise<PruneReport> {
  return withEnvironment(system, ctx, request, parts, async (opened) => {
    const isDryRun = request.dryRun ?? false;
    const told = await (isSwarm(opened) ? onSwarm : onHosts)(ctx, opened, request);
    const { skipped } = opened.fleet;
    return {
      schema: 1,
      ...opened.scope,
      isDryRun,
      hosts: told,
      skipped: skipped.map(({ name, error }) => ({ host: name, error: failureOf(error) })),
      bytes: bytesOf(told),
    };
  });
}

async function onSwarm(ctx: Context, opened: Opened, request: PruneRequest) {
  const { swarmPrune } = await import('./swarm/swarm-prune.ts');
  return [await swarmPrune(ctx, opened, request)];
}

async function onHosts(
  ctx: Context,
  opened: Opened,
  request: PruneRequest,
): Promise<readonly PrunedHost[]> {
  const pruned = request.dryRun ? await planned(ctx, opened) : await removed(ctx, opened, request);
  return opened.fleet.hosts.flatMap((host) => pruned.get(host) ?? []);
}

type Pruned = ReadonlyMap<RolloutHost, PrunedHost>;

async function planned(ctx: Context, { fleet, scope, environment }: Opened): Promise<Pruned> {
  const { hosts } = fleet;
  const { journal } = await see(ctx, hosts, scope);
  const options = garbageOptions(scope, environment.retain);
  const found = new Map<RolloutHost, PrunedHost>();
  await runAll(
    hosts.map((host) => async () => {
      const contents = await hostContents(narrow(ctx, { host: host.name }), host.engine);
      const { items, kept } = planGarbage(contents, known(journal), options);
      found.set(host, { host: host.name, removed: items, kept, bytes: bytesOf(items) });
    }),
    HOSTS_AT_ONCE,
  );
  return found;
}

async function removed(
  ctx: Context,
  { system, fleet, scope, by, environment }: Opened,
  { lockWaitMs }: PruneRequest,
): Promise<Pruned> {
  const { hosts } = fleet;
  const waitMs = lockWaitMs ?? environment.lockTimeoutMs;
  await using lock = await takeFleetLock(ctx, system, hosts, {
    ...{ scope, by, waitMs },
    action: 'prune',
  });
  const { journal } = await see(ctx, hosts, scope);
  if (known(journal) === undefined) return new Map(hosts.map((host) => [host, nothing(host)]));
  const checkLock = (inside: Context, host: RolloutHost) => lock.check(inside, host);
  const journals = new JournalKeeper(scope, hosts, journal, checkLock);
  const tools = { scope, hosts, journals, checkLock };
  const gone = await cleanUp(ctx, tools, environment.retain);
  const count = [...gone.values()].reduce((sum, each) => sum + each.removed.length, 0);
  if (count > 0) {
    const at = new Date(ctx.clock.now()).toISOString();
    const entry = { at, by, action: 'prune', outcome: `${count} removed` };
    await journals.change(ctx, (journal) => withAudit(journal, entry));
  }
  return new Map([...gone].map(([host, found]) => [host, { host: host.name, ...found }]));
}

/** Where no host remembers anything it is not known what is needed. */
function known(journal: Journal): Journal | undefined {
  return journal.revision === 0 ? undefined : journal;
}

function nothing({ name }: RolloutHost): PrunedHost {
  return { host: name, removed: [], kept: [], bytes: 0 };
}

function bytesOf(parts: readonly { readonly bytes: number }[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}
