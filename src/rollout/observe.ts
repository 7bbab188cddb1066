// What is on every host before anything is planned: all containers, ours in detail, and what the host remembers.
import { type Context, narrow } from '../core/context.ts';
import { runAll } from '../core/pool.ts';
import type { ListedContainer } from '../engine/containers.ts';
import { HOSTS_AT_ONCE } from './fleet.ts';
import type { RolloutHost } from './host.ts';
import { readJournal } from './journal.ts';
import type { DeployScope, Journal } from './release.ts';
import { type OwnContainer, ownOf } from './slot-view.ts';

/** One host as it is. */
export interface HostView {
  readonly host: RolloutHost;
  /** Of anybody, in any state. */
  readonly containers: readonly ListedContainer[];
  /** Those of the environment. */
  readonly own: readonly OwnContainer[];
  /** Absent where the environment never was on this host. */
  readonly journal?: Journal;
}

/** Looks at all hosts side by side. */
export async function observe(
  ctx: Context,
  hosts: readonly RolloutHost[],
  scope: DeployScope,
): Promise<readonly HostView[]> {
  const views = new Map<RolloutHost, HostView>();
  const look = async (host: RolloutHost) => {
    views.set(host, await observeHost(narrow(ctx, { host: host.name }), host, scope));
  };
  await runAll(
    hosts.map((host) => () => look(host)),
    HOSTS_AT_ONCE,
  );
  return hosts.flatMap((host) => views.get(host) ?? []);
}

async function observeHost(ctx: Context, host: RolloutHost, scope: DeployScope): Promise<HostView> {
  const { containers: calls } = host.engine;
  const [containers, journal] = await Promise.all([
    calls.list(ctx),
    readJournal(ctx, host.engine, scope),
  ]);
  const own = await ownOf(ctx, calls, scope, containers);
  return { host, containers, own, ...(journal === undefined ? {} : { journal }) };
}
