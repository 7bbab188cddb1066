// One change of an environment under its lock: look at every host, choose what is to be brought about, do it.
import type { Context } from '../core/context.ts';
import type { SkippedHost } from './fleet.ts';
import type { RolloutHost } from './host.ts';
import { emptyJournal, latestOf } from './journal-changes.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { type HostView, observe } from './observe.ts';
import type { HookRunner, Images } from './parts.ts';
import type { DeployScope, Journal } from './release.ts';
import { type RolloutTarget, type RunResult, type RunTools, runRollout } from './rollout-run.ts';
import type { SlotActs } from './slot-acts.ts';

/** What an environment is changed with. */
export interface Deployment {
  readonly scope: DeployScope;
  /** `user@machine`. */
  readonly by: string;
  readonly hosts: readonly RolloutHost[];
  readonly skipped: readonly SkippedHost[];
  readonly images: Images;
  readonly hooks: HookRunner;
  readonly hostTimeoutMs: number;
  readonly checkLock: SlotActs['checkLock'];
}

/** What its hosts say. */
export interface Seen {
  readonly views: readonly HostView[];
  readonly journal: Journal;
}

/** What was done. */
export interface Deployed {
  readonly target: RolloutTarget;
  readonly result: RunResult;
  readonly tools: RunTools;
}

/** Looks at all hosts. */
export async function see(
  ctx: Context,
  hosts: readonly RolloutHost[],
  scope: DeployScope,
): Promise<Seen> {
  const views = await observe(ctx, hosts, scope);
  const journal = latestOf(views.map((view) => view.journal)) ?? emptyJournal(scope);
  return { views, journal };
}

/** Brings about what `choose` wants once it knows what is there. */
export async function deploy(
  ctx: Context,
  deployment: Deployment,
  choose: (seen: Seen) => RolloutTarget,
): Promise<Deployed> {
  const { scope, hosts, checkLock } = deployment;
  const seen = await see(ctx, hosts, scope);
  const { views } = seen;
  const journals = new JournalKeeper(scope, hosts, seen.journal, checkLock);
  const target = choose(seen);
  const tools: RunTools = { ...deployment, views, journals };
  return { target, tools, result: await runRollout(ctx, target, tools) };
}
