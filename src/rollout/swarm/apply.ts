// One change of one service, checked by its version: it is made where the service is what it was when it was planned, and nowhere
// else. "Update out of sequence" alone says nothing: the swarm's own updater counts versions too (swarmkit#1379).
import type { Context } from '../../core/context.ts';
import { isShipperError, ShipperError } from '../../core/errors.ts';
import type { EngineLogin } from '../../engine/engine.ts';
import type { ServiceSpec, SwarmService } from '../../engine/swarm.ts';
import { objectOf } from '../../engine/wire.ts';
import { troubleOf } from '../host.ts';
import { LABELS } from '../labels.ts';
import type { Managers } from './managers.ts';
import { imageOf, isSameSpec, replicasOf } from './works.ts';

/** What changes are made with. */
export interface ApplyTools {
  readonly managers: Managers;
  /** `LOCKED` where the lock is not held any more. */
  readonly checkLock: (ctx: Context) => Promise<void>;
  readonly login: (ctx: Context, image: string) => Promise<EngineLogin | undefined>;
}

/** An updater at work may count this often between a look and an update. */
const ROUNDS = 20;

/** Makes a service. `CONFLICT` where another one has its name. */
export async function createService(
  ctx: Context,
  tools: ApplyTools,
  spec: ServiceSpec,
): Promise<void> {
  const login = await tools.login(ctx, imageOf(spec));
  const placed = await withPlatforms(ctx, tools, spec, login);
  await tools.checkLock(ctx);
  try {
    await tools.managers.call(ctx, (swarm, inside) => swarm.createService(inside, placed, login));
  } catch (error) {
    if (!isShipperError(error, 'CONFLICT')) throw error;
    const found = await inspect(ctx, tools, spec.Name);
    // Ours, and the answer was lost.
    if (found !== undefined && isMade(found.spec, spec)) return;
    throw error;
  }
}

/** Changes a service to `spec`, where it still is `planned`. `CONFLICT` where somebody else changed it. */
export async function updateService(
  ctx: Context,
  tools: ApplyTools,
  planned: SwarmService,
  spec: ServiceSpec,
): Promise<void> {
  const login = await tools.login(ctx, imageOf(spec));
  const placed = await withPlatforms(ctx, tools, spec, login);
  let now = planned;
  for (let round = 1; ; round += 1) {
    await tools.checkLock(ctx);
    try {
      const from = now;
      await tools.managers.call(ctx, (swarm, inside) =>
        swarm.updateService(inside, from, placed, login),
      );
      return;
    } catch (error) {
      const isLate = isShipperError(error, 'CONFLICT');
      if (!isLate && !isShipperError(error, 'NOT_FOUND')) throw error;
      const found = await inspect(ctx, tools, planned.id);
      if (found === undefined) throw changed(planned, 'it was removed', error);
      if (isMade(found.spec, spec)) return;
      if (!isSameSpec(found.spec, planned.spec)) {
        throw changed(planned, differenceOf(planned.spec, found.spec), error);
      }
      if (round === ROUNDS) throw error;
      now = found;
    }
  }
}

/** Removes a service, where it still is `planned`. */
export async function removeService(
  ctx: Context,
  tools: ApplyTools,
  planned: SwarmService,
): Promise<void> {
  await tools.checkLock(ctx);
  const found = await inspect(ctx, tools, planned.id);
  if (found === undefined) return;
  if (!isSameSpec(found.spec, planned.spec)) {
    throw changed(planned, differenceOf(planned.spec, found.spec), undefined);
  }
  await tools.managers.call(ctx, (swarm, inside) => swarm.removeService(inside, found.id));
}

/**
 * With the systems that the image is for, as `docker stack deploy` asks its registry: else a node of another one would be chosen, and
 * fail. What is said in the configuration stays, and where no registry answers the swarm chooses by itself.
 */
async function withPlatforms(
  ctx: Context,
  { managers }: ApplyTools,
  spec: ServiceSpec,
  login: EngineLogin | undefined,
): Promise<ServiceSpec> {
  const template = objectOf(spec['TaskTemplate']);
  const placement = objectOf(template['Placement']);
  if (placement['Platforms'] !== undefined) return spec;
  try {
    const found = await managers.call(ctx, (swarm, inside) =>
      swarm.platforms(inside, imageOf(spec), login),
    );
    if (found.length === 0) return spec;
    const Platforms = found.map(({ os, architecture }) => ({ OS: os, Architecture: architecture }));
    return { ...spec, TaskTemplate: { ...template, Placement: { ...placement, Platforms } } };
  } catch (error) {
    if (!isShipperError(error) || troubleOf(error) === 'lost' || ctx.signal.aborted) throw error;
    return spec;
  }
}

function inspect(ctx: Context, { managers }: ApplyTools, service: string) {
  return managers.call(ctx, (swarm, inside) => swarm.inspectService(inside, service));
}

/** Whether `found` is what `spec` made: the labels say by which release, and from what. */
function isMade(found: ServiceSpec, spec: ServiceSpec): boolean {
  const isEqual = (key: string) => found.Labels[key] === spec.Labels[key];
  return (
    spec.Labels[LABELS.release] !== undefined &&
    [LABELS.release, LABELS.specHash, LABELS.project, LABELS.environment].every(isEqual) &&
    imageOf(found) === imageOf(spec) &&
    replicasOf(found) === replicasOf(spec)
  );
}

function changed({ spec }: SwarmService, difference: string, cause: unknown): ShipperError {
  const message = `Cannot update ${spec.Name}: somebody changed it meanwhile: ${difference}`;
  return new ShipperError('CONFLICT', message, {
    hint: 'look at it (docker service inspect), and roll out again',
    ...(cause === undefined ? {} : { cause }),
  });
}

function differenceOf(before: ServiceSpec, after: ServiceSpec): string {
  if (imageOf(before) !== imageOf(after)) {
    return `its image is ${imageOf(after)}, not ${imageOf(before)}`;
  }
  const [from, to] = [replicasOf(before), replicasOf(after)];
  if (from !== to) return `it has ${to ?? 'one on each node'}, not ${from ?? 'one on each node'}`;
  const releases = [after.Labels[LABELS.release], before.Labels[LABELS.release]];
  if (releases[0] !== releases[1]) return `it is of release ${releases.join(', not ')}`;
  return 'its specification is another';
}
