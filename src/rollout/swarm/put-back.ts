// One service put back to what it was before a run: by its version, and not where somebody else has it by now.
import type { Context } from '../../core/context.ts';
import { ShipperError } from '../../core/errors.ts';
import type { ServiceSpec, SwarmService } from '../../engine/swarm.ts';
import { LABELS } from '../labels.ts';
import type { DeployScope } from '../release.ts';
import { type ApplyTools, createService, removeService, updateService } from './apply.ts';
import { converge, goalOf, knownTasks, verdictError } from './converge.ts';
import { serviceName } from './names.ts';
import type { PreviousService } from './release-text.ts';
import { backwards, imageOf, replicasOf } from './works.ts';

/** What a service is put back with. */
export interface BackTools {
  readonly scope: DeployScope;
  readonly apply: ApplyTools;
  /** That is undone. */
  readonly release: string;
  readonly healthTimeoutMs: number | undefined;
}

/**
 * Puts a service back, and watches it where that had to be done or `isTouched`; resolves with whether it did. Rejects with why it
 * could not.
 */
export async function putBack(
  ctx: Context,
  tools: BackTools,
  previous: PreviousService,
  isTouched: boolean,
): Promise<boolean> {
  const { service, spec } = previous;
  const { managers } = tools.apply;
  const name = serviceName(tools.scope, service);
  const found = await managers.call(ctx, (swarm, inside) => swarm.inspectService(inside, name));
  const known = await knownTasks(ctx, managers, found?.id);
  const isChanged = await apply(ctx, tools, previous, found);
  if (!isChanged && !isTouched) return false;
  if (spec === undefined) return true;
  const goal = goalOf(service, backwards(spec), known, tools.healthTimeoutMs);
  const verdict = await converge(ctx, managers, goal, name);
  if (verdict.kind !== 'done') throw await verdictError(ctx, managers, goal, verdict);
  return true;
}

/** Whether anything had to be done. */
async function apply(
  ctx: Context,
  { apply: tools, release }: BackTools,
  { service, spec }: PreviousService,
  found: SwarmService | undefined,
): Promise<boolean> {
  const isOfRun = found?.spec.Labels[LABELS.release] === release;
  if (spec === undefined) {
    // Somebody else's by now, where another release is in it.
    if (found === undefined || !isOfRun) return false;
    await removeService(ctx, tools, found);
    return true;
  }
  if (found === undefined) {
    await createService(ctx, tools, spec);
    return true;
  }
  if (isPut(found.spec, spec)) return false;
  const isSameRelease = found.spec.Labels[LABELS.release] === spec.Labels[LABELS.release];
  if (!isOfRun && !isSameRelease) {
    const message = `Cannot put back ${service}: somebody changed it meanwhile`;
    const hint = `look at it: docker service inspect ${found.spec.Name}`;
    throw new ShipperError('CONFLICT', message, { hint });
  }
  await updateService(ctx, tools, found, backwards(spec));
  return true;
}

/** Whether a service is what it was, as far as it can be told by what made it. */
function isPut(found: ServiceSpec, spec: ServiceSpec): boolean {
  const isEqual = (key: string) => found.Labels[key] === spec.Labels[key];
  return (
    [LABELS.release, LABELS.specHash].every(isEqual) &&
    imageOf(found) === imageOf(spec) &&
    replicasOf(found) === replicasOf(spec)
  );
}
