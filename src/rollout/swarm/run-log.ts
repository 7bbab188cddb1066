// What a run in a swarm writes down of itself: a line in the audit log of its release, and how that ended.
import type { Context } from '../../core/context.ts';
import { messageOf } from '../../core/errors.ts';
import type { AuditEntry, ReleaseStatus } from '../release.ts';
import type { HistoryKeeper, SwarmHistory } from './history.ts';

/** Most characters of a failure in a line: a config has room for some. */
const DETAIL = 300;

/** Who writes, and where. */
interface Writer {
  readonly keeper: HistoryKeeper;
  readonly history: SwarmHistory;
  readonly by: string;
  readonly action: string;
}

/** How a release ended. */
interface Told {
  readonly status?: ReleaseStatus;
  /** See `KeptRelease`. */
  readonly order?: number;
  readonly error?: unknown;
}

/** Writes that `outcome` came of a release. */
export function tellOf(
  ctx: Context,
  { keeper, history, by, action }: Writer,
  release: string,
  outcome: string,
  { status, order, error }: Told = {},
): Promise<void> {
  const entry: AuditEntry = {
    at: new Date(ctx.clock.now()).toISOString(),
    by,
    action,
    release,
    outcome,
    ...(error === undefined ? {} : { detail: messageOf(error).slice(0, DETAIL) }),
  };
  // What ran once may be gone back to, whatever became of it later.
  const ranOnce = (history.releases.find(({ id }) => id === release)?.order ?? 0) > 0;
  return keeper.tell(ctx, release, entry, {
    ...(status === undefined || ranOnce ? {} : { status }),
    ...(order === undefined ? {} : { order }),
  });
}
