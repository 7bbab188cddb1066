// `shipper move`: the digests that one environment runs are rolled out in another; only when they all work there, they are
// stopped where they were. Both halves are rollouts of their own, so that a second move goes on where the first one ended.
import type { Context } from '../core/context.ts';
import { failureOf, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { type Opened, type RolloutParts, withEnvironment } from './environment.ts';
import { cargoOf } from './move-cargo.ts';
import { type MoveSide, sideOf } from './move-side.ts';
import type { MoveOutcome, MoveReport, MoveRequest } from './move-types.ts';
import type { RolloutReport, RolloutRequest } from './rollout-types.ts';

/** Makes the parts for one of the two environments. */
export type PartsFor = (request: RolloutRequest) => RolloutParts | Promise<RolloutParts>;

/**
 * Moves services from one environment to another. Resolves with the report also where a rollout failed; rejects where nothing was
 * changed: `USAGE` for services that `from` does not run or `to` does not configure, `PARTIAL` where `from` is half-way in
 * another rollout, and as `rolloutEnvironment`.
 */
export async function moveServices(
  system: System,
  ctx: Context,
  request: MoveRequest,
  partsFor: PartsFor,
): Promise<MoveReport> {
  if (request.from === request.to) {
    const message = `Cannot move from ${request.from} to ${request.to}: they are one environment`;
    throw new ShipperError('USAGE', message);
  }
  const startedMs = ctx.clock.monotonic();
  const { from: fromName, to: toName, services: _services, dryRun: _dryRun, ...rest } = request;
  const from = { ...rest, environment: fromName };
  const fromParts = await partsFor(from);
  const at = <T>(
    side: RolloutRequest,
    parts: RolloutParts,
    work: (side: MoveSide, opened: Opened) => Promise<T>,
  ) =>
    withEnvironment(system, ctx, side, parts, async (opened) =>
      work(await sideOf(ctx, opened, side), opened),
    );
  const { cargo, project } = await at(from, fromParts, async (side, { scope }) => ({
    cargo: cargoOf(await side.running(), request),
    project: scope.project,
  }));
  const report = (outcome: MoveOutcome, rest: Partial<MoveReport> = {}): MoveReport => ({
    schema: 1,
    shipper: fromParts.version,
    project,
    from: request.from,
    to: request.to,
    services: cargo.services,
    outcome,
    seconds: (ctx.clock.monotonic() - startedMs) / 1000,
    mend: [],
    ...rest,
  });
  if (cargo.services.length === 0) return report('unchanged');
  const to = { ...rest, environment: toName, services: cargo.services };
  const toParts = await partsFor(to);
  if (request.dryRun) {
    const plans = {
      to: await at(to, toParts, async (side) => (await side.arriving(cargo.images)).plan()),
      from: await at(from, fromParts, (side) => side.leaving(cargo).plan()),
    };
    return report('planned', { plans });
  }
  const arrived = await at(to, toParts, async (side) =>
    (await side.arriving(cargo.images)).carryOut(),
  );
  if (!hasArrived(arrived))
    return report('not-arrived', { arrived, mend: mendOf(request, arrived) });
  const notLeft = { arrived, mend: [moveCommand(request)] };
  try {
    const left = await at(from, fromParts, (side) => side.leaving(cargo).carryOut());
    const isDone = left.outcome === 'done' || left.outcome === 'unchanged';
    return isDone ? report('done', { arrived, left }) : report('not-left', { ...notLeft, left });
  } catch (error) {
    // They run in both: that has to be told with what was done.
    return report('not-left', { ...notLeft, error: failureOf(error) });
  }
}

/** Only what works everywhere is taken away elsewhere. */
function hasArrived({ outcome, slots }: RolloutReport): boolean {
  const isDone = outcome === 'done' || outcome === 'unchanged';
  return (
    isDone &&
    slots.every(({ state }) => state === 'updated' || state === 'unchanged' || state === 'stopped')
  );
}

function mendOf(request: MoveRequest, { mend }: RolloutReport): readonly string[] {
  return mend.length === 0 ? [] : [moveCommand(request), ...mend];
}

function moveCommand({ from, to, services = [] }: MoveRequest): string {
  return ['shipper move', from, to, ...services].join(' ');
}
