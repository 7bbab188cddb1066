// Watches a service until it has come to what it should be, or will not.
import { type Context, note } from '../../core/context.ts';
import { type ErrorCode, isShipperError, ShipperError } from '../../core/errors.ts';
import type { ServiceSpec, SwarmTask } from '../../engine/swarm.ts';
import { LABELS } from '../labels.ts';
import { timedLook } from '../look-time.ts';
import { within } from '../within.ts';
import { type Goal, judge, startWatch, type Verdict } from './judge.ts';
import type { Managers } from './managers.ts';
import { SWARM_LABELS } from './names.ts';
import { imageOf, replicasOf, taskLabelsOf } from './works.ts';

const LOOK_MS = 500;
/** A task without a health check of its own may fetch its image and start for so long. */
const START_MS = 300_000;
const LOG_LINES = 20;
/** The node of a task may be lost, and its log with it. */
const LOG_MS = 10_000;
const LOG_PAUSE_MS = 1000;

/** What `service` is to come to when it was given `spec`; tasks of `known` were there before. */
export function goalOf(
  service: string,
  spec: ServiceSpec,
  known: ReadonlySet<string>,
  healthTimeoutMs: number | undefined,
): Goal {
  const template = spec['TaskTemplate'] as Template;
  const { MaxFailureRatio = 0, Monitor = 5e9, Delay = 0 } = (spec['UpdateConfig'] ?? {}) as Rules;
  const { StopGracePeriod = 10e9 } = template.ContainerSpec ?? {};
  const startMs = healthTimeoutMs ?? startOf(template);
  return {
    service,
    specHash: spec.Labels[LABELS.specHash] ?? '',
    release: spec.Labels[LABELS.release] ?? '',
    taskHash: taskLabelsOf(spec)[SWARM_LABELS.taskHash] ?? '',
    image: imageOf(spec),
    replicas: replicasOf(spec),
    isOneShot: (template.RestartPolicy?.Condition ?? 'any') !== 'any',
    maxFailureRatio: MaxFailureRatio,
    monitorMs: Monitor / 1e6,
    limitMs: startMs + (StopGracePeriod + Monitor + Delay) / 1e6,
    known,
  };
}

interface Template {
  readonly ContainerSpec?: {
    readonly StopGracePeriod?: number;
    readonly Healthcheck?: {
      readonly Test?: readonly string[];
      readonly Interval?: number;
      readonly Timeout?: number;
      readonly Retries?: number;
      readonly StartPeriod?: number;
    };
  };
  readonly RestartPolicy?: { readonly Condition?: string };
}

interface Rules {
  readonly MaxFailureRatio?: number;
  readonly Monitor?: number;
  readonly Delay?: number;
}

/** As an engine fills in what a check does not say. */
function startOf({ ContainerSpec }: Template): number {
  const { Healthcheck } = ContainerSpec ?? {};
  if (Healthcheck === undefined || Healthcheck.Test?.[0] === 'NONE') return START_MS;
  const { Interval = 30e9, Timeout = 30e9, Retries = 3, StartPeriod = 0 } = Healthcheck;
  return START_MS + (StartPeriod + Retries * (Interval + Timeout)) / 1e6;
}

/** Looks until there is a verdict. `INTERRUPTED` when `ctx` is: the swarm goes on by itself. */
export async function converge(
  ctx: Context,
  managers: Managers,
  goal: Goal,
  name: string,
): Promise<Exclude<Verdict, { kind: 'waiting' }>> {
  const { clock } = ctx;
  let watch = startWatch(clock.monotonic());
  for (let told = ''; ; ) {
    const [seen, time] = await managers.call(ctx, (swarm, inside) =>
      timedLook(clock, async () => {
        const service = await swarm.inspectService(inside, name);
        const tasks = service === undefined ? [] : await swarm.listTasks(inside, [service.id]);
        return { service, tasks };
      }),
    );
    const [verdict, next] = judge({ ...seen, time }, goal, watch);
    watch = next;
    if (verdict.kind !== 'waiting') return verdict;
    if (verdict.text !== told) note(ctx, 'info', `${goal.service}: ${verdict.text}`);
    told = verdict.text;
    await clock.sleep(LOOK_MS, ctx.signal);
  }
}

/** Ids of the tasks of a service that are there. */
export async function knownTasks(
  ctx: Context,
  managers: Managers,
  serviceId: string | undefined,
): Promise<ReadonlySet<string>> {
  if (serviceId === undefined) return new Set();
  const tasks = await managers.call(ctx, (swarm, inside) => swarm.listTasks(inside, [serviceId]));
  return new Set(tasks.map(({ id }) => id));
}

const CODES: Readonly<Record<Exclude<Verdict['kind'], 'done' | 'waiting'>, ErrorCode>> = {
  failed: 'UNHEALTHY',
  'rolled-back': 'UNHEALTHY',
  'rollback-paused': 'UNHEALTHY',
  changed: 'CONFLICT',
};

/** What went wrong, with the last words of the task that did. */
export async function verdictError(
  ctx: Context,
  managers: Managers,
  { service }: Goal,
  verdict: Exclude<Verdict, { kind: 'done' | 'waiting' }>,
): Promise<ShipperError> {
  const task = 'task' in verdict ? verdict.task : undefined;
  const log = task === undefined ? [] : await lastWordsOf(ctx, managers, task);
  const isLate = verdict.kind === 'failed' && verdict.isLate;
  const code = isLate && task === undefined ? 'TIMEOUT' : CODES[verdict.kind];
  const ends: Readonly<Record<string, string>> = {
    'rolled-back': '; the swarm has put it back',
    'rollback-paused': '; the swarm could not put it back',
  };
  const message = `Cannot go on with ${service}: ${verdict.text}${ends[verdict.kind] ?? ''}`;
  const hint = isLate ? `docker service ps ${service} says what the swarm waits for` : undefined;
  return new ShipperError(code, message, { log, ...(hint === undefined ? {} : { hint }) });
}

/** Never fails: that there is no log must not hide why it is asked for. A node that is busy may have it a little later. */
async function lastWordsOf(
  ctx: Context,
  managers: Managers,
  task: SwarmTask,
): Promise<readonly string[]> {
  const first = await readLog(ctx, managers, task);
  if (first.length > 0) return first;
  await ctx.clock.sleep(LOG_PAUSE_MS, ctx.signal);
  return readLog(ctx, managers, task);
}

async function readLog(
  ctx: Context,
  managers: Managers,
  task: SwarmTask,
): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    await within(ctx, LOG_MS, 'read the log of a task', async (inside) => {
      const { swarm } = managers.current.engine;
      for await (const { text } of swarm.taskLogs(inside, task.id, LOG_LINES)) {
        lines.push(text.slice(0, 500));
      }
    });
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
  }
  return lines.slice(-LOG_LINES);
}
