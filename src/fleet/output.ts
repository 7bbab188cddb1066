// What containers write, to callers: commands in them, their ends, and what they say until a certain line.
import type { Context } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import type { ExecSpec, LogLine } from '../engine/containers.ts';
import type { RolloutHost } from '../rollout/host.ts';
import type { FleetContainer, InspectedContainer } from './fleet-container.ts';

/** A line that a container wrote, and which. JSON-able. */
export interface FleetLine {
  readonly container: FleetContainer;
  readonly stream: LogLine['stream'];
  readonly text: string;
  /** RFC 3339 with nanoseconds by the host's clock; empty for output that is not kept. */
  readonly time: string;
}

/** Takes lines as they come, in their order; while it has not resolved, no more are given. */
export type TakeLines = (lines: readonly FleetLine[]) => void | Promise<void>;

/** How a command in a container ended. JSON-able. */
export interface Executed {
  readonly container: FleetContainer;
  readonly exitCode: number;
  /** What it wrote, where nobody took it as it came: the last 10,000 lines. */
  readonly lines: readonly LogLine[];
}

/** A caller that keeps what a command writes need not keep all of an endless one. */
const KEPT_LINES = 10_000;

/** Runs a command in a container to its end. Any exit code is a result. */
export async function execIn(
  ctx: Context,
  host: RolloutHost,
  container: FleetContainer,
  spec: ExecSpec,
  { take, dryRun }: { readonly take: TakeLines | undefined; readonly dryRun: boolean },
): Promise<Executed> {
  if (dryRun) return { container, exitCode: 0, lines: [] };
  const lines: LogLine[] = [];
  const keep = (line: LogLine) => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  const exitCode = await host.engine.containers.exec(ctx, container.id, spec, (line) =>
    take === undefined ? keep(line) : take([{ container, ...line, time: '' }]),
  );
  return { container, exitCode, lines };
}

/** A container as its engine has it. `NOT_FOUND` where it is gone. */
export async function inspectIn(
  ctx: Context,
  { name: host, engine }: RolloutHost,
  { id, name }: FleetContainer,
): Promise<InspectedContainer> {
  const seen = await engine.containers.inspect(ctx, id);
  if (seen !== undefined) return { host, ...seen };
  const message = `Cannot inspect ${name} on ${host}: it is not there any more`;
  throw new ShipperError('NOT_FOUND', message, { host });
}

/** How a container ended. JSON-able. */
export interface Waited {
  readonly container: FleetContainer;
  readonly exitCode: number;
}

/** Waits until a container has ended, however long that is. */
export async function waitFor(
  ctx: Context,
  host: RolloutHost,
  container: FleetContainer,
): Promise<Waited> {
  const exitCode = await host.engine.containers.wait(ctx, container.id);
  return { container, exitCode };
}

/** How listening to a container ended. JSON-able. */
export interface Attached {
  readonly container: FleetContainer;
  /** The line that was waited for; absent where the container ended first, or none was. */
  readonly stoppedBy?: string;
}

/** Gives what a container writes from now on, until it ends or writes a line that `stopLine` finds (a text: that it holds). */
export async function listenTo(
  ctx: Context,
  host: RolloutHost,
  container: FleetContainer,
  stopLine: string | RegExp | undefined,
  take: TakeLines | undefined,
): Promise<Attached> {
  for await (const line of host.engine.containers.attach(ctx, container.id)) {
    await take?.([{ container, ...line, time: '' }]);
    if (stopLine !== undefined && holds(line.text, stopLine)) {
      return { container, stoppedBy: line.text };
    }
  }
  return { container };
}

function holds(text: string, wanted: string | RegExp): boolean {
  if (typeof wanted === 'string') return text.includes(wanted);
  return new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).test(text);
}

/** The words of a command. `USAGE` for none. */
export function requireCommand(command: readonly string[]): readonly string[] {
  if (command.length > 0) return command;
  throw new ShipperError('USAGE', 'Cannot run a command: it has no words');
}
