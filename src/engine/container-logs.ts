// What containers write: what was kept of it, and what comes.
import type { Context } from '../core/context.ts';
import { tidy } from '../core/tidy.ts';
import { doingTo, namedPath } from './container-request.ts';
import type { Containers, LogLine, LogOptions } from './containers.ts';
import type { Exchange } from './exchange.ts';
import { failure } from './failures.ts';
import { FrameLines } from './log-frames.ts';
import { type Call, expectSuccess, type Session } from './session.ts';
import { objectOf, parseObject } from './wire.ts';

/** The calls about a container's output. */
export function logCalls(session: Session): Pick<Containers, 'logs' | 'attach'> {
  return {
    logs: (ctx, container, options = {}) =>
      outputOf(session, ctx, container, {
        method: 'GET',
        path: `${pathOf(container)}/logs`,
        action: doingTo('read the log of', container),
        query: logQuery(options),
      }),
    attach: (ctx, container) =>
      outputOf(session, ctx, container, {
        method: 'POST',
        path: `${pathOf(container)}/attach`,
        action: doingTo('attach to', container),
        query: { stream: '1', stdout: '1', stderr: '1' },
      }),
  };
}

/** The lines of an answer, however long the container is silent. `isRaw`: it has a terminal. */
export async function* linesOf(
  exchange: Exchange,
  isRaw: boolean,
): AsyncGenerator<LogLine, void, undefined> {
  const fail = (state: string) => failure(exchange.doing, tidy(state) || 'it gave no reason');
  const lines = new FrameLines(isRaw, fail);
  const forever = Number.POSITIVE_INFINITY;
  for await (const chunk of exchange.chunks(forever, forever)) yield* lines.take(chunk);
  yield* lines.end();
}

async function* outputOf(
  session: Session,
  ctx: Context,
  container: string,
  call: Call,
): AsyncGenerator<LogLine, void, undefined> {
  const isRaw = await hasTerminal(session, ctx, container, call);
  yield* answeredLines(session, ctx, call, isRaw);
}

/** The lines that answer `call`. `isRaw`: they come from a terminal. */
export async function* answeredLines(
  session: Session,
  ctx: Context,
  call: Call,
  isRaw: boolean,
): AsyncGenerator<LogLine, void, undefined> {
  const exchange = await session.open(ctx, call);
  try {
    exchange.finishRequest(session.patience.idleMs);
    await expectSuccess(exchange);
    yield* linesOf(exchange, isRaw);
  } finally {
    exchange.close();
  }
}

/** Asked for because engines below API 1.42 do not say in their answer what it is. */
async function hasTerminal(
  session: Session,
  ctx: Context,
  container: string,
  { action }: Call,
): Promise<boolean> {
  const path = `${pathOf(container)}/json`;
  const answer = await session.request(ctx, { method: 'GET', path, action });
  return objectOf(parseObject(answer.text)?.['Config'])['Tty'] === true;
}

function logQuery(options: LogOptions): Readonly<Record<string, string>> {
  const { tail, follow, since, timestamps } = options;
  return {
    stdout: '1',
    stderr: '1',
    tail: tail === undefined ? 'all' : String(tail),
    ...(follow === true ? { follow: '1' } : {}),
    ...(since === undefined ? {} : { since }),
    ...(timestamps === true ? { timestamps: '1' } : {}),
  };
}

function pathOf(container: string): string {
  return `/containers/${namedPath('container', container)}`;
}
