// A command inside a running container: made, started, its output, its exit code.
import type { Context } from '../core/context.ts';
import { linesOf } from './container-logs.ts';
import { doingTo, namedPath } from './container-request.ts';
import type { Containers, ExecSpec, LogLine } from './containers.ts';
import { failure } from './failures.ts';
import { type Call, expectSuccess, type Session } from './session.ts';
import { type Json, numberOf, textOf } from './wire.ts';

/** The engine knows the exit code a moment after the output has ended. */
const EXIT_PAUSE_MS = 50;
const EXIT_LIMIT_MS = 10_000;

/** The call that runs commands. */
export function execCalls(session: Session): Pick<Containers, 'exec'> {
  return {
    exec: async (ctx, container, spec, line) => {
      const id = await make(session, ctx, container, spec);
      await run(session, ctx, container, id, line);
      return exitCode(session, ctx, container, id);
    },
  };
}

async function make(
  session: Session,
  ctx: Context,
  container: string,
  spec: ExecSpec,
): Promise<string> {
  const call: Call = {
    method: 'POST',
    path: `/containers/${namedPath('container', container)}/exec`,
    action: doingTo('run a command in', container),
    json: {
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Cmd: spec.command,
      ...(spec.user === undefined ? {} : { User: spec.user }),
      ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
      Env: Object.entries(spec.environment ?? {}).map(([name, value]) => `${name}=${value}`),
    },
  };
  const id = textOf((await session.requestJson(ctx, call))['Id']);
  if (id) return id;
  throw failure(session.doing(call, call.path), 'the engine did not say what its id is');
}

async function run(
  session: Session,
  ctx: Context,
  container: string,
  id: string,
  line: (line: LogLine) => void | Promise<void>,
): Promise<void> {
  const exchange = await session.open(ctx, {
    method: 'POST',
    path: `/exec/${namedPath('command', id)}/start`,
    action: doingTo('run a command in', container),
    isJson: true,
  });
  try {
    exchange.finishRequest(session.patience.idleMs, JSON.stringify({ Detach: false, Tty: false }));
    await expectSuccess(exchange);
    for await (const said of linesOf(exchange, false)) await line(said);
  } finally {
    exchange.close();
  }
}

async function exitCode(
  session: Session,
  ctx: Context,
  container: string,
  id: string,
): Promise<number> {
  const call = {
    method: 'GET',
    path: `/exec/${namedPath('command', id)}/json`,
    action: doingTo('run a command in', container),
  } as const;
  const deadline = ctx.clock.monotonic() + EXIT_LIMIT_MS;
  for (;;) {
    const state: Json = await session.requestJson(ctx, call);
    const code = numberOf(state['ExitCode']);
    if (state['Running'] !== true && code !== undefined) return code;
    if (ctx.clock.monotonic() >= deadline) {
      throw failure(session.doing(call, call.path), 'the engine did not say how it ended');
    }
    await ctx.clock.sleep(EXIT_PAUSE_MS, ctx.signal);
  }
}
