// What is done to containers: started, stopped, restarted, removed. Each is looked at just before, so that what is so already
// stays untouched.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { EngineContainer, RestartPolicy } from '../engine/containers.ts';
import { objectOf } from '../engine/wire.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { readLabels } from '../rollout/labels.ts';
import type { FleetContainer } from './fleet-container.ts';
import { settle } from './settle.ts';

/** What can be done to a container. */
export type ActKind = 'start' | 'stop' | 'restart' | 'remove';

/** What was done to one. JSON-able. */
export interface Acted {
  /** As it was seen before. */
  readonly container: FleetContainer;
  /** `unchanged`: it was so already. `planned`: a dry run would do it. */
  readonly did: 'started' | 'stopped' | 'restarted' | 'removed' | 'unchanged' | 'planned';
}

/** How it is done. */
export interface ActOptions {
  /** From the stop signal to the kill, in milliseconds. Default: the container's own, else 10,000. */
  readonly graceMs?: number;
  /** Of a restart: resolves once it works: it runs, and its health check says so. Default false. */
  readonly untilItWorks?: boolean;
  /** Of a removal: its anonymous volumes too. Default false. */
  readonly volumes?: boolean;
}

/** Does it. `NOT_FOUND` where the container is gone, except that a stopped or removed one is what was wanted. */
export async function act(
  ctx: Context,
  host: RolloutHost,
  kind: ActKind,
  container: FleetContainer,
  options: ActOptions,
): Promise<Acted> {
  const { containers } = host.engine;
  const { id } = container;
  const seen = await containers.inspect(ctx, id);
  if (seen === undefined) {
    if (kind === 'stop' || kind === 'remove') return { container, did: 'unchanged' };
    const message = `Cannot ${kind} ${container.name} on ${host.name}: it is not there any more`;
    throw new ShipperError('NOT_FOUND', message, { host: host.name });
  }
  const graceMs = options.graceMs ?? graceOf(seen);
  switch (kind) {
    case 'start':
      return { container, did: await start(ctx, host, seen) };
    case 'stop':
      return { container, did: await stop(ctx, host, seen, graceMs) };
    case 'restart':
      await restart(ctx, host, seen, graceMs);
      if (options.untilItWorks) await settle(ctx, host, id);
      return { container, did: 'restarted' };
    case 'remove':
      await stop(ctx, host, seen, graceMs);
      await containers.remove(ctx, id, { volumes: options.volumes ?? false });
      return { container, did: 'removed' };
  }
}

async function start(ctx: Context, host: RolloutHost, seen: EngineContainer) {
  const { containers } = host.engine;
  const { status } = seen.state;
  if (status === 'paused') {
    await containers.unpause(ctx, seen.id);
    return 'started';
  }
  await setPolicy(ctx, host, seen, 'serving');
  if (status === 'running' || status === 'restarting') return 'unchanged';
  await containers.start(ctx, seen.id);
  return 'started';
}

async function stop(ctx: Context, host: RolloutHost, seen: EngineContainer, graceMs: number) {
  const { containers } = host.engine;
  const { status } = seen.state;
  // First: one that is restarted by its engine would else come back.
  await setPolicy(ctx, host, seen, 'none');
  if (status === 'created' || status === 'exited' || status === 'dead') return 'unchanged';
  if (status === 'paused') await containers.unpause(ctx, seen.id);
  await containers.stop(ctx, seen.id, graceMs);
  return 'stopped';
}

async function restart(ctx: Context, host: RolloutHost, seen: EngineContainer, graceMs: number) {
  const { containers } = host.engine;
  if (seen.state.status === 'paused') await containers.unpause(ctx, seen.id);
  await setPolicy(ctx, host, seen, 'serving');
  await containers.restart(ctx, seen.id, graceMs);
}

/**
 * The restart policy of one of ours. A container that was stopped on purpose has none: its engine does not start it, and
 * `shipper watch` knows it by that. Others keep what they have.
 */
async function setPolicy(
  ctx: Context,
  { engine }: RolloutHost,
  { id, labels, restartPolicy }: EngineContainer,
  kind: 'serving' | 'none',
): Promise<void> {
  const own = ownPolicy(labels);
  if (own === undefined) return;
  const wanted = kind === 'serving' ? own : NO_RESTART;
  if (isSame(wanted, restartPolicy)) return;
  await engine.containers.setRestartPolicy(ctx, id, wanted);
}

const NO_RESTART: RestartPolicy = { name: 'no', maximumRetryCount: 0 };

/** The policy with which a container of a slot serves; undefined for one that stands in none. */
export function ownPolicy(labels: Readonly<Record<string, string>>): RestartPolicy | undefined {
  const project = labels['shipper.project'] ?? '';
  const environment = labels['shipper.env'] ?? '';
  return readLabels({ project, environment }, labels)?.restart;
}

function isSame(a: RestartPolicy, b: RestartPolicy): boolean {
  return a.name === b.name && a.maximumRetryCount === b.maximumRetryCount;
}

const USUAL_GRACE_MS = 10_000;

/** How long a container may take to stop, as it was made. */
export function graceOf({ raw }: Pick<EngineContainer, 'raw'>): number {
  const seconds = objectOf(raw['Config'])['StopTimeout'];
  return typeof seconds === 'number' ? seconds * 1000 : USUAL_GRACE_MS;
}
