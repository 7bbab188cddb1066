// One run of a command: how it prints, how it shows progress, when it stops.
import type { Context } from '../core/context.ts';
import { interruption } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { annotation, isGitHubActions, logGroup } from '../report/ci.ts';
import type { TextOptions } from '../report/findings.ts';
import { formatSeconds } from '../report/format.ts';
import { jsonRenderer } from '../report/json.ts';
import { plainRenderer } from '../report/plain.ts';
import { type Renderer, SILENT, sturdy } from '../report/renderer.ts';
import { type TtyOptions, ttyRenderer } from '../report/tty.ts';
import type { System } from '../system/system.ts';
import type { ProgramShape } from './completion/shape.ts';
import type { Operations } from './operations.ts';
import type { Settings } from './settings.ts';
import type { StopButton } from './signals.ts';
import { stoppableStdio, systemWith } from './stdio.ts';

/** What a command works with. */
export interface Session {
  readonly system: System;
  readonly operations: Operations;
  readonly settings: Settings;
  readonly stop: StopButton;
  /** The program itself, for completion. */
  readonly shape: () => ProgramShape;
}

/** What a command has to say at its end, in the three ways in which it may be asked. */
export interface Answer {
  /** For `--json`. */
  readonly json: unknown;
  /** For `--quiet`; undefined says nothing. */
  readonly quiet: string | undefined;
  readonly text: (options: TextOptions) => string;
}

/**
 * Runs `work` with progress on stderr, and stops it on a signal or after `--timeout`. Once it was stopped, the reason
 * for that is what is thrown, whatever `work` made of it; where `work` was done nevertheless, its result stands. `live` draws
 * on a terminal.
 */
export async function withProgress<T>(
  session: Session,
  title: string,
  work: (system: System, ctx: Context) => Promise<T>,
  live: Live = ttyRenderer,
): Promise<T> {
  const { system, stop } = session;
  const { clock, env, stdio } = system;
  const isPlain = session.settings.progress === 'plain';
  const group = isPlain ? logGroup(env, title, clock.now()) : undefined;
  const renderer = sturdy(rendererFor(session, isPlain && isGitHubActions(env), live));
  const done = new AbortController();
  stop.beforeExit = () => renderer.stop();
  if (group !== undefined) stdio.writeErr(group.start);
  try {
    startTimeout(session, done.signal);
    const { signal } = stop;
    const inside = systemWith(system, stoppableStdio(stdio, signal), undefined);
    return await work(inside, { report: renderer.report, signal, clock, scope: {} });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw withCause(interruption(stop.signal), error);
  } finally {
    done.abort();
    renderer.stop();
    stop.beforeExit = () => {};
    if (group !== undefined) stdio.writeErr(group.end(clock.now()));
  }
}

/** Shows events on a terminal as they come. */
export type Live = (options: TtyOptions) => Renderer;

function rendererFor({ system, settings }: Session, isGitHub: boolean, live: Live): Renderer {
  const { clock, stdio } = system;
  const write = (text: string) => stdio.writeErr(text);
  switch (settings.progress) {
    case 'quiet':
      return SILENT;
    case 'json':
      return jsonRenderer(write);
    case 'plain': {
      const warn = (message: string) => write(annotation('warning', message));
      return plainRenderer({ write, clock, ...(isGitHub ? { warn } : {}) });
    }
    case 'tty':
      return live({
        write,
        clock,
        columns: () => stdio.columns() || 80,
        colours: settings.errColours,
      });
  }
}

function startTimeout({ system, settings, stop }: Session, done: AbortSignal): void {
  const { timeoutMs } = settings;
  if (timeoutMs === undefined) return;
  system.clock.sleep(timeoutMs, done).then(
    () => {
      const limit = timeoutMs < 100 ? `${timeoutMs} ms` : formatSeconds(timeoutMs / 1000);
      stop.press(new ShipperError('TIMEOUT', `Cannot finish in time: ${limit} are over`));
    },
    () => {
      // The work was done first.
    },
  );
}

/** The reason with what came of it, so that `--debug` shows both. */
function withCause(reason: ShipperError, error: unknown): ShipperError {
  if (reason === error) return reason;
  return new ShipperError(reason.code, reason.message, {
    ...reason.details,
    ...(reason.hint === undefined ? {} : { hint: reason.hint }),
    retryable: reason.retryable,
    cause: error,
  });
}

/** Prints the answer: on stdout, or all of it on stderr where stdout carries an archive. */
export async function printAnswer(
  { system, settings }: Session,
  answer: Answer,
  stdoutIsTaken = false,
): Promise<void> {
  const { verbose } = settings;
  const colours = stdoutIsTaken ? settings.errColours : settings.outColours;
  const text = settings.json
    ? `${JSON.stringify(answer.json, undefined, 2)}\n`
    : settings.quiet
      ? lineOf(answer.quiet)
      : answer.text({ colours, verbose });
  if (text === '') return;
  if (stdoutIsTaken) system.stdio.writeErr(text);
  else await system.stdio.writeOut(text);
}

function lineOf(text: string | undefined): string {
  return text === undefined ? '' : `${text}\n`;
}
