// `shipper move`: the digests that one environment runs are rolled out in another; only when they all work there, they are
// stopped where they were. Both halves are rollouts of their own, so that a second move goes on where the first one ended.
import type { Context } from '../core/context.ts';
import { failureOf, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';
import { see } from './deployment.ts';
import { type Opened, type RolloutParts, requireHosts, withEnvironment } from './environment.ts';
import { recordIn } from './journal-changes.ts';
import { newReleaseId } from './labels.ts';
import type { MoveOutcome, MoveReport, MoveRequest } from './move-types.ts';
import type { Journal, ReleasedImage, ReleaseRecord } from './release.ts';
import { type Choice, changeEnvironment, planChange, rolloutChoice } from './rollout.ts';
import type { ChangeRequest, RolloutReport, RolloutRequest } from './rollout-types.ts';
import { leavingRules, rolloutTarget } from './targets.ts';

const OTHERWISE = 'roll out there what was shipped: shipper rollout --report FILE';

/** Makes the parts for one of the two environments. */
export type PartsFor = (request: RolloutRequest) => RolloutParts | Promise<RolloutParts>;

/** What `from` runs, and of it what moves. */
interface Cargo {
  /** The release that runs in `from`. */
  readonly release: string;
  readonly services: readonly string[];
  /** By service. */
  readonly images: ReadonlyMap<string, ReleasedImage>;
}

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
  const from = sideOf(request, request.from);
  const fromParts = await partsFor(from);
  const { cargo, project } = await withEnvironment(system, ctx, from, fromParts, async (opened) => {
    requireHosts(opened, 'move from', OTHERWISE);
    const { journal } = await see(ctx, opened.fleet.hosts, opened.scope);
    return { cargo: cargoOf(journal, request), project: opened.scope.project };
  });
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
  const to = { ...sideOf(request, request.to), services: cargo.services };
  const toParts = await partsFor(to);
  const arriving = async (opened: Opened) => {
    requireHosts(opened, 'move to', OTHERWISE);
    return rolloutChoice(ctx, opened, to, cargo.images);
  };
  if (request.dryRun) {
    const plans = {
      to: await withEnvironment(system, ctx, to, toParts, async (opened) =>
        planChange(ctx, opened, await arriving(opened)),
      ),
      from: await withEnvironment(system, ctx, from, fromParts, (opened) =>
        planChange(ctx, opened, leavingChoice(ctx, opened, cargo)),
      ),
    };
    return report('planned', { plans });
  }
  const arrived = await withEnvironment(system, ctx, to, toParts, async (opened) =>
    changeEnvironment(ctx, opened, to, 'move', await arriving(opened)),
  );
  if (!hasArrived(arrived))
    return report('not-arrived', { arrived, mend: mendOf(request, arrived) });
  const notLeft = { arrived, mend: [moveCommand(request)] };
  try {
    const left = await withEnvironment(system, ctx, from, fromParts, (opened) =>
      changeEnvironment(ctx, opened, from, 'move', leavingChoice(ctx, opened, cargo)),
    );
    const isDone = left.outcome === 'done' || left.outcome === 'unchanged';
    return isDone ? report('done', { arrived, left }) : report('not-left', { ...notLeft, left });
  } catch (error) {
    // They run in both: that has to be told with what was done.
    return report('not-left', { ...notLeft, error: failureOf(error) });
  }
}

/** The request for one of the two environments. */
function sideOf(request: MoveRequest, environment: string): ChangeRequest {
  const { from: _from, to: _to, services: _services, dryRun: _dryRun, ...rest } = request;
  return { ...rest, environment };
}

/** What is to be moved. Services that `from` runs no more are there already, or never were: the first are found half-way. */
function cargoOf(journal: Journal, { from, services: wanted = [] }: MoveRequest): Cargo {
  const record = recordIn(journal, journal.current);
  if (record === undefined) {
    throw new ShipperError(
      'NOT_FOUND',
      `Cannot move from ${from}: nothing was ever rolled out there`,
    );
  }
  const running = new Map(record.services.map(({ name, image }) => [name, image]));
  const known = new Set(
    journal.releases.flatMap(({ services }) => services.map(({ name }) => name)),
  );
  const unknown = wanted.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const names = [...running.keys()].join(', ') || 'none';
    throw new ShipperError('USAGE', `Cannot move ${unknown.join(', ')}: ${from} does not run it`, {
      hint: `the services that run there: ${names}`,
    });
  }
  const services = [...running.keys()].filter(
    (name) => wanted.length === 0 || wanted.includes(name),
  );
  requireFree(journal, record, services, from);
  const images = new Map([...running].filter(([name]) => services.includes(name)));
  return { release: record.id, services, images };
}

/** `from` may be half-way only in the second half of this same move. */
function requireFree(
  { unfinished, releases }: Journal,
  current: ReleaseRecord,
  services: readonly string[],
  from: string,
): void {
  if (unfinished === undefined) return;
  const half = releases.find(({ id }) => id === unfinished.release);
  const hashes = (record: ReleaseRecord) =>
    record.services.map(({ name, specHash }) => `${name} ${specHash}`).sort();
  const staying = {
    ...current,
    services: current.services.filter(({ name }) => !services.includes(name)),
  };
  const isOurs =
    unfinished.action === 'rollout' &&
    unfinished.phase === 'rolling' &&
    half !== undefined &&
    hashes(half).join('\n') === hashes(staying).join('\n');
  if (isOurs) return;
  const message = `Cannot move from ${from}: release ${unfinished.release} is half-way there`;
  const hint = `shipper resume ${from} or shipper rollback ${from}`;
  throw new ShipperError('PARTIAL', message, { hint });
}

/** None of the services is to run any more; what else runs stays. */
function leavingChoice(ctx: Context, opened: Opened, cargo: Cargo): Choice {
  const { scope, system, by, parts } = opened;
  return (seen) => {
    const { journal } = seen;
    const current = recordIn(journal, journal.current);
    if (journal.current !== cargo.release || current === undefined) {
      const message = `Cannot stop the services in ${scope.environment}: release ${journal.current} runs there by now, and ${cargo.release} was moved`;
      throw new ShipperError('CONFLICT', message, { hint: 'run the same command again' });
    }
    const configured = parts.rules(opened);
    const rules = cargo.services.map((name) => {
      const known = configured.find((each) => each.name === name);
      return known === undefined
        ? leavingRules(name)
        : { ...known, released: undefined, replicas: 0 };
    });
    const fresh = {
      id: newReleaseId(ctx.clock.now(), system.random(2), journal.releases.at(-1)?.id),
      at: new Date(ctx.clock.now()).toISOString(),
      by,
      networks: current.networks,
      volumes: current.volumes,
    };
    return rolloutTarget({ scope, ...seen, rules }, fresh, false, false);
  };
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
