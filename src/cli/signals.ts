// Signals → one abort. The process itself is behind `ProcessHooks`, so that tests send signals by calling a function.
import { ShipperError } from '../core/errors.ts';
import type { Clock } from '../core/events.ts';
import { exitCodeOfSignal } from './exit-code.ts';

/** Signals that stop a run. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** What of the process the command line needs. */
export interface ProcessHooks {
  /** Calls `listener` for every {@link STOP_SIGNALS signal}; returns how to stop that. */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** Ends the process without waiting for anything; only for a run that was stopped. */
  exitNow(code: number): void;
}

/** No process: nothing comes, nothing ends. */
export const NO_PROCESS: ProcessHooks = { onSignal: () => () => {}, exitNow: () => {} };

/** The stop button of a run. */
export interface StopButton {
  readonly signal: AbortSignal;
  /** Stops the run with `reason`; only the first reason counts. */
  press(reason: ShipperError): void;
  /** Called before the process ends at once, to give the terminal back. */
  beforeExit: () => void;
  /** Lets go of the signals. */
  release(): void;
}

/** npm and npx pass a Ctrl-C on to us that the terminal has sent us as well: two within this time are one. */
const SAME_KEY_MS = 50;

/** Listens to signals: the first aborts, a later SIGINT ends the process at once. */
export function stopOnSignals(hooks: ProcessHooks, clock: Pick<Clock, 'monotonic'>): StopButton {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const button: StopButton = {
    signal: controller.signal,
    press: (reason) => controller.abort(reason),
    beforeExit: () => {},
    release: hooks.onSignal((signal) => {
      const nowMs = clock.monotonic();
      if (firstMs === undefined) {
        firstMs = nowMs;
        controller.abort(interruptedBy(signal));
      } else if (signal === 'SIGINT' && nowMs - firstMs > SAME_KEY_MS) {
        button.beforeExit();
        hooks.exitNow(exitCodeOfSignal(signal));
      }
    }),
  };
  return button;
}

function interruptedBy(signal: StopSignal): ShipperError {
  return new ShipperError('INTERRUPTED', `Cannot go on: interrupted by ${signal}`, {
    interruptedBy: signal,
  });
}
