// One change of an environment under its lock: look at every host, choose what is to be brought about, do it.
import type { Context } from '../core/context.ts';
import type { SkippedHost } from './fleet.ts';
import type { RolloutHost } from './host.ts';
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

/** Brings about what `choose` wants once it knows what is there; undefined where it wants nothing. */
export async function deploy(
  ctx: Context,
  deployment: Deployment,
  choose: (seen: Seen) => RolloutTarget | undefined,
): Promise<Deployed | undefined> {
  const { scope, hosts, checkLock } = deployment;
  const views = await observe(ctx, hosts, scope);
  const journals = new JournalKeeper(scope, views, checkLock);
  const target = choose({ views, journal: journals.journal });
  if (target === undefined) return undefined;
  const tools: RunTools = { ...deployment, views, journals };
  return { target, tools, result: await runRollout(ctx, target, tools) };
}
