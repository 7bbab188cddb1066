// The life of a container: made, started, stopped, removed. What counts as success is orchestration 5.1.
import { type Context, note } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { given } from '../core/given.ts';
import { tidy } from '../core/tidy.ts';
import { containerOf, listedContainerOf } from './container-answers.ts';
import {
  doingTo,
  labelFilter,
  namedPath,
  recoded,
  repeatable,
  requestList,
  requestOne,
} from './container-request.ts';
import type { ContainerSpec, Containers, RestartPolicy } from './containers.ts';
import { failure } from './failures.ts';
import type { Session } from './session.ts';
import { arrayOf, numberOf, objectOf, parseObject, textOf } from './wire.ts';

type Lifecycle = Pick<
  Containers,
  | 'list'
  | 'inspect'
  | 'create'
  | 'start'
  | 'stop'
  | 'restart'
  | 'kill'
  | 'unpause'
  | 'remove'
  | 'setRestartPolicy'
  | 'wait'
>;

/** The engine has ended its answer to a stop at the latest so long after the grace: it takes the process away then. */
const STOP_MARGIN_MS = 60_000;
/** Between two looks at a removal that is under way. */
const REMOVAL_PAUSE_MS = 250;
const REMOVAL_LIMIT_MS = 300_000;

/** The calls that move a container from state to state. */
export function lifecycleCalls(session: Session): Lifecycle {
  return {
    list: (ctx, labels = []) =>
      requestList(
        session,
        ctx,
        {
          method: 'GET',
          path: '/containers/json',
          action: 'list the containers',
          query: { all: '1', ...labelFilter(labels) },
        },
        listedContainerOf,
      ),
    inspect: (ctx, container) =>
      requestOne(
        session,
        ctx,
        {
          method: 'GET',
          path: `${pathOf(container)}/json`,
          action: doingTo('inspect', container),
        },
        containerOf,
      ),
    create: (ctx, name, spec, { platform } = {}) => create(session, ctx, name, spec, platform),
    start: (ctx, container) => start(session, ctx, container),
    stop: (ctx, container, graceMs) => stop(session, ctx, container, graceMs),
    restart: async (ctx, container, graceMs) => {
      const call = {
        method: 'POST',
        path: `${pathOf(container)}/restart`,
        action: doingTo('restart', container),
        query: graceQuery(graceMs),
        isLong: true,
      } as const;
      await session.request(ctx, call, graceMs + STOP_MARGIN_MS);
    },
    kill: async (ctx, container, signal) => {
      const path = `${pathOf(container)}/kill`;
      const action = doingTo(`send ${signal} to`, container);
      await repeatable(session, ctx, { method: 'POST', path, action, query: { signal } });
    },
    unpause: async (ctx, container) => {
      const path = `${pathOf(container)}/unpause`;
      const call = { method: 'POST', path, action: doingTo('unpause', container) } as const;
      await repeatable(session, ctx, call);
    },
    remove: (ctx, container, options = {}) =>
      remove(session, ctx, container, options.volumes === true),
    setRestartPolicy: (ctx, container, policy) => setPolicy(session, ctx, container, policy),
    wait: (ctx, container) => wait(session, ctx, container),
  };
}

async function create(
  session: Session,
  ctx: Context,
  name: string,
  spec: ContainerSpec,
  platform: string | undefined,
): Promise<string> {
  const call = {
    method: 'POST',
    path: '/containers/create',
    action: doingTo('create', name),
    image: spec.Image,
    query: { name, ...given({ platform }) },
    json: spec,
  } as const;
  let answer: ReturnType<typeof parseObject>;
  try {
    answer = parseObject((await session.request(ctx, call)).text);
  } catch (error) {
    // podman has no status of its own for it.
    const isTaken = isShipperError(error, 'ENGINE') && /name .* already in use/.test(error.message);
    throw recoded(error, isTaken ? (error.details.status ?? 409) : 409, 'CONFLICT');
  }
  for (const warning of arrayOf(answer?.['Warnings'])) {
    if (typeof warning !== 'string' || warning === '') continue;
    note(ctx, 'warn', `The engine says of container ${JSON.stringify(name)}: ${tidy(warning)}`);
  }
  const id = textOf(answer?.['Id']);
  if (id) return id;
  throw failure(session.doing(call, call.path), 'the engine did not say what its id is');
}

async function start(session: Session, ctx: Context, container: string): Promise<void> {
  const call = {
    method: 'POST',
    path: `${pathOf(container)}/start`,
    action: doingTo('start', container),
    accepts: [304],
    isLong: true,
  } as const;
  await session.request(ctx, call);
}

async function stop(
  session: Session,
  ctx: Context,
  container: string,
  graceMs: number,
): Promise<void> {
  const call = {
    method: 'POST',
    path: `${pathOf(container)}/stop`,
    action: doingTo('stop', container),
    query: graceQuery(graceMs),
    accepts: [304],
    isLong: true,
  } as const;
  try {
    await repeatable(session, ctx, call, graceMs + STOP_MARGIN_MS);
  } catch (error) {
    if (!isShipperError(error, 'NOT_FOUND')) throw error;
  }
}

/** The engine counts whole seconds. */
function graceQuery(graceMs: number): Readonly<Record<string, string>> {
  return { t: String(Math.ceil(Math.max(0, graceMs) / 1000)) };
}

async function remove(
  session: Session,
  ctx: Context,
  container: string,
  volumes: boolean,
): Promise<void> {
  const call = {
    method: 'DELETE',
    path: pathOf(container),
    action: doingTo('remove', container),
    query: { v: volumes ? '1' : '0', force: '0' },
    isLong: true,
  } as const;
  const deadline = ctx.clock.monotonic() + REMOVAL_LIMIT_MS;
  for (;;) {
    try {
      // Much data takes long to remove, and nothing comes meanwhile.
      await repeatable(session, ctx, call, session.patience.thinkMs);
      return;
    } catch (error) {
      if (isShipperError(error, 'NOT_FOUND')) return;
      if (!isUnderWay(error) || ctx.clock.monotonic() >= deadline) throw error;
    }
    await ctx.clock.sleep(REMOVAL_PAUSE_MS, ctx.signal);
  }
}

function isUnderWay(error: unknown): boolean {
  return (
    isShipperError(error, 'ENGINE') &&
    error.details.status === 409 &&
    error.message.includes('already in progress')
  );
}

async function setPolicy(
  session: Session,
  ctx: Context,
  container: string,
  policy: RestartPolicy,
): Promise<void> {
  const { name: Name, maximumRetryCount: MaximumRetryCount } = policy;
  const call = {
    method: 'POST',
    path: `${pathOf(container)}/update`,
    action: doingTo('change the restart policy of', container),
    json: { RestartPolicy: { Name, MaximumRetryCount } },
  } as const;
  await repeatable(session, ctx, call);
}

async function wait(session: Session, ctx: Context, container: string): Promise<number> {
  const call = {
    method: 'POST',
    path: `${pathOf(container)}/wait`,
    action: doingTo('wait for', container),
    query: { condition: 'not-running' },
    isLong: true,
  } as const;
  const { text } = await session.request(ctx, call, Number.POSITIVE_INFINITY);
  const answer = parseObject(text) ?? {};
  const said = textOf(objectOf(answer['Error'])['Message']);
  const code = numberOf(answer['StatusCode']);
  if (code !== undefined && !said) return code;
  const state = said ? tidy(said) : 'the engine did not say how it ended';
  throw failure(session.doing(call, call.path), state);
}

function pathOf(container: string): string {
  return `/containers/${namedPath('container', container)}`;
}
