// What a container that does not work said last: its own log and that of its health checks.
import type { Context } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import type { Containers, EngineContainer } from '../engine/containers.ts';

const LINES = 20;
const LINE_CHARACTERS = 500;

/** Lines for people, at most 30. Never fails: that there is no log must not hide why it is asked for. */
export async function lastWords(
  ctx: Context,
  containers: Containers,
  { id, state }: EngineContainer,
): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    for await (const { text } of containers.logs(ctx, id, { tail: LINES })) {
      lines.push(text.slice(0, LINE_CHARACTERS));
      if (lines.length > LINES) lines.shift();
    }
  } catch (error) {
    if (isShipperError(error, 'INTERRUPTED')) throw error;
  }
  const checks = state.health?.log.slice(-2) ?? [];
  const said = checks.flatMap(({ exitCode, output }) =>
    [`health check: exit code ${exitCode}`, ...output.trim().split('\n').slice(-3)].map((line) =>
      line.slice(0, LINE_CHARACTERS),
    ),
  );
  return [...lines, ...said];
}
