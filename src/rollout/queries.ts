// The use cases that look at an environment, and the one that takes a lock from its holder.
import { type Context, narrow, note } from '../core/context.ts';
import { failureOf, messageOf } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import type { System } from '../system/system.ts';
import { see } from './deployment.ts';
import { isSwarm, type Opened, type RolloutParts, withEnvironment } from './environment.ts';
import { HOSTS_AT_ONCE } from './fleet.ts';
import { takeFleetLock, unlock } from './fleet-lock.ts';
import type { RolloutHost } from './host.ts';
import { readJournal } from './journal.ts';
import { latestOf, withAudit } from './journal-changes.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { holderOf, type LockHolder, type LockHost } from './lock.ts';
import type { AuditEntry, Journal } from './release.ts';
import type { EnvironmentRequest, RolloutFailure } from './rollout-types.ts';
import { type HistoryReport, historyOf, type StatusReport, statusOf } from './status.ts';

/** What is looked at shows what answers: hosts that do not are named, and refused only where nobody answers. */
const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

/** What runs in an environment. Changes nothing and takes no lock; hosts out of reach are named in the report. */
export function environmentStatus(
  system: System,
  ctx: Context,
  request: EnvironmentRequest,
  parts: RolloutParts,
): Promise<StatusReport> {
  return look(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmStatus(ctx, opened);
    const { scope, fleet } = opened;
    const { hosts, skipped } = fleet;
    const { views, journal } = await see(ctx, hosts, scope);
    const [lock] = await holdersOn(ctx, hosts, scope);
    return statusOf(scope, views, skipped, journal, lock?.holder);
  });
}

/** The releases of an environment and its audit log, as its hosts remember them together. */
export function environmentHistory(
  system: System,
  ctx: Context,
  request: EnvironmentRequest,
  parts: RolloutParts,
): Promise<HistoryReport> {
  return look(system, ctx, request, parts, async (opened) => {
    if (isSwarm(opened)) return (await swarm()).swarmHistory(ctx, opened);
    const { scope, fleet } = opened;
    const journals = new Map<RolloutHost, Journal | undefined>();
    await eachHost(ctx, fleet.hosts, async (inside, host) => {
      journals.set(host, await readJournal(inside, host.engine, scope));
    });
    return historyOf(scope, latestOf([...journals.values()]));
  });
}

/** Locks of an environment. JSON-able. */
export interface LocksReport {
  readonly schema: 1;
  readonly project: string;
  readonly environment: string;
  /** One for each host that has one: those that were found, or were removed. */
  readonly locks: readonly HostLock[];
  /** Hosts that do not answer. */
  readonly skipped: readonly { readonly host: string; readonly error: RolloutFailure }[];
}

/** The lock on one host. */
export interface HostLock {
  readonly host: string;
  readonly holder: LockHolder;
  /** Whether the process that took it is dead; absent where it is on another machine, so that this cannot be told. */
  readonly isDead?: boolean;
}

/** Who holds the lock of an environment, on which hosts. */
export function environmentLocks(
  system: System,
  ctx: Context,
  request: EnvironmentRequest,
  parts: RolloutParts,
): Promise<LocksReport> {
  return look(system, ctx, request, parts, async (opened) => {
    const found = await holdersOn(ctx, await lockHosts(ctx, opened), opened.scope);
    const { owner } = system.files;
    const locks = found.map(({ host, holder }): HostLock => {
      const isDead = owner.isDead(holder.owner);
      return { host: host.name, holder, ...(isDead === undefined ? {} : { isDead }) };
    });
    return locksReport(opened, locks);
  });
}

/** What `shipper unlock` is asked. */
export interface UnlockRequest extends EnvironmentRequest {
  /** Tokens of the holders that the person has seen: the lock of anybody else stays. */
  readonly tokens: readonly string[];
}

/**
 * Removes the locks of the holders that were seen, whether they live or not: they notice before their next change, and stop.
 * `LOCKED` where somebody else has one by now.
 */
export function unlockEnvironment(
  system: System,
  ctx: Context,
  request: UnlockRequest,
  parts: RolloutParts,
): Promise<LocksReport> {
  return look(system, ctx, request, parts, async (opened) => {
    const { scope } = opened;
    const found = await holdersOn(ctx, await lockHosts(ctx, opened), scope);
    const removed: HostLock[] = [];
    for (const { host, holder } of found) {
      const token = request.tokens.find((each) => each === holder.token) ?? request.tokens[0] ?? '';
      const names = await unlock(ctx, [host], scope, { token });
      removed.push(...names.map((name) => ({ host: name, holder })));
    }
    if (removed.length > 0) await logUnlock(ctx, opened, removed);
    return locksReport(opened, removed);
  });
}

/** A line in the audit log. Whoever has the lock by now writes the log: then it is left out. */
async function logUnlock(
  ctx: Context,
  opened: Opened,
  removed: readonly HostLock[],
): Promise<void> {
  const { scope, by } = opened;
  const from = [...new Set(removed.map(({ holder }) => `${holder.by}, ${holder.action}`))];
  const at = new Date(ctx.clock.now()).toISOString();
  const entry = { at, by, action: 'unlock', outcome: 'removed', detail: from.join('; ') };
  try {
    if (isSwarm(opened)) await (await swarm()).swarmLogUnlock(ctx, opened, entry);
    else await writeEntry(ctx, opened, entry);
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    note(
      ctx,
      'info',
      `The log of ${scope.environment} has no line about this: ${messageOf(error)}`,
    );
  }
}

async function writeEntry(
  ctx: Context,
  { system, scope, by, fleet }: Opened,
  entry: AuditEntry,
): Promise<void> {
  const { hosts } = fleet;
  const request = { scope, by, action: entry.action, waitMs: 0, takeOver: false };
  await using lock = await takeFleetLock(ctx, system, hosts, request);
  const { journal } = await see(ctx, hosts, scope);
  if (journal.revision === 0) return;
  const journals = new JournalKeeper(scope, hosts, journal, (inside, host) =>
    lock.check(inside, host),
  );
  await journals.change(ctx, (known) => withAudit(known, entry));
}

/** Loaded by those who have one. */
function swarm(): Promise<typeof import('./swarm/swarm-queries.ts')> {
  return import('./swarm/swarm-queries.ts');
}

function locksReport({ scope, fleet }: Opened, locks: readonly HostLock[]): LocksReport {
  const skipped = fleet.skipped.map(({ name, error }) => ({ host: name, error: failureOf(error) }));
  return { schema: 1, ...scope, locks, skipped };
}

function look<T>(
  system: System,
  ctx: Context,
  request: EnvironmentRequest,
  parts: RolloutParts,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const { skipUnreachable = ANY_NUMBER } = request;
  return withEnvironment(system, ctx, { ...request, skipUnreachable }, parts, work);
}

/** A swarm has one for all of its nodes. */
async function lockHosts(ctx: Context, opened: Opened): Promise<readonly LockHost[]> {
  if (!isSwarm(opened)) return opened.fleet.hosts;
  return [await (await swarm()).swarmLockHost(ctx, opened)];
}

/** In the order of the hosts. */
async function holdersOn(
  ctx: Context,
  hosts: readonly LockHost[],
  scope: Opened['scope'],
): Promise<readonly { readonly host: LockHost; readonly holder: LockHolder }[]> {
  const found = new Map<LockHost, LockHolder>();
  await eachHost(ctx, hosts, async (inside, host) => {
    const holder = await holderOf(inside, host, scope);
    if (holder !== undefined) found.set(host, holder);
  });
  return hosts.flatMap((host) => {
    const holder = found.get(host);
    return holder === undefined ? [] : [{ host, holder }];
  });
}

async function eachHost<Host extends LockHost>(
  ctx: Context,
  hosts: readonly Host[],
  act: (inside: Context, host: Host) => Promise<void>,
): Promise<void> {
  const inside = (host: Host) => narrow(ctx, { host: host.name });
  await runAll(
    hosts.map((host) => () => act(inside(host), host)),
    HOSTS_AT_ONCE,
  );
}
