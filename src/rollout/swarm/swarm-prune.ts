// `shipper prune` of an environment on a swarm: what the swarm remembers beyond what is retained. Images are on its nodes, which
// nobody reaches, and stay (decision 37).
import type { Context } from '../../core/context.ts';
import type { Opened } from '../environment.ts';
import type { PrunedHost, PruneRequest } from '../prune.ts';
import { judgeReleases, type ReleaseVerdict } from './forget.ts';
import { readHistory } from './history.ts';
import { lockSwarm, managersOf } from './swarm-change.ts';

/** What went, or with `dryRun` would. */
export async function swarmPrune(
  ctx: Context,
  opened: Opened,
  request: PruneRequest,
): Promise<PrunedHost> {
  const { scope, by, environment } = opened;
  const managers = managersOf(opened, request);
  const look = async () => {
    const history = await readHistory(ctx, managers, scope);
    return { history, judged: judgeReleases(history, history.current?.id, environment.retain) };
  };
  if (request.dryRun) return prunedHost((await look()).judged);
  const waitMs = request.lockWaitMs ?? environment.lockTimeoutMs;
  await using held = await lockSwarm(ctx, opened, managers, { action: 'prune', waitMs });
  const { history, judged } = await look();
  const forgotten = judged.filter(({ isForgotten }) => isForgotten);
  await held.keeper.forget(
    ctx,
    forgotten.map(({ release }) => release),
  );
  if (history.isRunLeft) await held.keeper.endRun(ctx);
  if (history.current !== undefined && forgotten.length > 0) {
    const at = new Date(ctx.clock.now()).toISOString();
    const entry = { at, by, action: 'prune', outcome: `${forgotten.length} removed` };
    await held.keeper.tell(ctx, history.current.id, entry);
  }
  return prunedHost(judged);
}

function prunedHost(judged: readonly ReleaseVerdict[]): PrunedHost {
  const items = judged.map(({ release: { config }, isForgotten, cause }) => ({
    isForgotten,
    item: { kind: 'release', id: config.id, name: config.name, cause, bytes: 0 } as const,
  }));
  const removed = items.filter(({ isForgotten }) => isForgotten).map(({ item }) => item);
  const kept = items
    .filter(({ isForgotten }) => !isForgotten)
    .map(({ item: { kind, name, cause } }) => ({ kind, name, cause }));
  return { host: 'the swarm', removed, kept, bytes: 0 };
}
