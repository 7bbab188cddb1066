// Doing again what failed for a reason that may pass. Only who knows that a call may be repeated uses this: the clients,
// never a use case.
import type { Context } from './context.ts';
import { ShipperError } from './errors.ts';

/** How often and after how long. */
export const RETRY = {
  /** Tries in all, without any progress between them. */
  tries: 3,
  /** Before the second try, less up to half of it by chance. */
  baseMs: 1000,
  /** The most that is waited when the other side names no time. */
  capMs: 10_000,
  /** The most that is waited because the other side asks for it. */
  afterCapMs: 60_000,
} as const;

/**
 * How long to wait after `failures` failures, in milliseconds. `chance` is a number from 0 to 1, so that many clients do
 * not come back at one moment; `afterMs` is what the other side asked for.
 */
export function retryDelayMs(failures: number, chance: number, afterMs?: number): number {
  const backOffMs = Math.min(RETRY.capMs, RETRY.baseMs * 2 ** (failures - 1));
  if (afterMs === undefined) return Math.round(backOffMs * (0.5 + chance / 2));
  return Math.min(RETRY.afterCapMs, Math.round(afterMs + (backOffMs * chance) / 2));
}

/** Reads a `Retry-After`: seconds or a date (RFC 9110, 10.2.3); undefined for what is neither. */
export function parseRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Dates only in the one form that servers must send: Date.parse takes "-1" for a year.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) {
    return undefined;
  }
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

/** The tries of one piece of work. */
export interface Tries {
  /** Waits until the next try is due; throws `error` when it may not be tried again or was often enough. */
  failed(ctx: Context, error: unknown): Promise<void>;
  /** The work has come further: its tries count anew. */
  progressed(): void;
}

/** Begins to count tries. `chance` gives numbers from 0 to 1. */
export function startTries(chance: () => number): Tries {
  let failures = 0;
  return {
    async failed(ctx, error) {
      failures += 1;
      if (!(error instanceof ShipperError) || !error.retryable || failures >= RETRY.tries) {
        throw error;
      }
      const delayMs = retryDelayMs(failures, chance(), error.details.retryAfterMs);
      await ctx.clock.sleep(delayMs, ctx.signal);
    },
    progressed() {
      failures = 0;
    },
  };
}

/** A source of chance: numbers from 0 to 1, from the hex of random bytes. */
export function chanceOf({ random }: { random(bytes: number): string }): () => number {
  return () => Number.parseInt(random(4), 16) / 2 ** 32;
}

/**
 * The result of `attempt`, which is called again while it fails with errors that are `retryable`; `onRetry` is told each of
 * them before that.
 */
export async function withRetries<T>(
  ctx: Context,
  chance: () => number,
  attempt: () => Promise<T>,
  onRetry?: (error: unknown) => void,
): Promise<T> {
  const tries = startTries(chance);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await tries.failed(ctx, error);
      onRetry?.(error);
    }
  }
}
