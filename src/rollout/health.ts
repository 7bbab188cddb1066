// Whether a new container works: pure, from looks at it over time (orchestration 5.4). Times of the engine are only compared
// with themselves, so clocks may differ.
import type { ContainerHealthcheck, ContainerState } from '../engine/containers.ts';
import type { LookTime } from './look-time.ts';

/** How long a container has, and must go on. */
export interface GateRule {
  /** The engine's own check; undefined: it must just run. */
  readonly healthcheck: ContainerHealthcheck | undefined;
  /** It must have worked so long without a break. */
  readonly monitorMs: number;
  /** It was started for this: any restart counts, also one before the first look. */
  readonly isFresh: boolean;
  /** In place of what follows from the health check: from the first look until it works. */
  readonly deadlineMs?: number;
}

/** What was seen so far; begins with the first look. */
export interface GateView {
  readonly firstMs: number;
  readonly startedAt: string;
  readonly restartCount: number;
  /** Since when it works without a break; undefined while it does not. */
  readonly steadySinceMs: number | undefined;
}

/** What a look says. */
export type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'waiting'; readonly view: GateView; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

/** Beyond what a health check needs at the least: an engine that is busy starts checks late. */
const MARGIN_MS = 10_000;

/**
 * How long a container may take until it works, in milliseconds, without `monitorMs`. An engine waits an interval before its
 * first check, and says `unhealthy` after `retries` in a row (moby daemon/health.go).
 */
export function deadlineOf({ healthcheck, deadlineMs }: GateRule): number {
  if (deadlineMs !== undefined) return deadlineMs;
  if (healthcheck === undefined) return MARGIN_MS;
  const { startPeriodMs, retries, intervalMs, timeoutMs } = healthcheck;
  return startPeriodMs + retries * (intervalMs + timeoutMs) + MARGIN_MS;
}

/** Judges a look, `view` being what was seen before. */
export function judge(
  state: ContainerState,
  rule: GateRule,
  view: GateView | undefined,
  { askedMs, answeredMs }: LookTime,
): Verdict {
  const before = view ?? firstView(state, rule, answeredMs);
  const broken = breakdown(state, before);
  if (broken !== undefined) return { kind: 'failed', why: broken };
  const works =
    state.status === 'running' &&
    (rule.healthcheck === undefined || state.health?.status === 'healthy');
  const steadySinceMs = works ? (before.steadySinceMs ?? answeredMs) : undefined;
  if (steadySinceMs !== undefined && askedMs - steadySinceMs >= rule.monitorMs) {
    return { kind: 'passed' };
  }
  const limitMs = deadlineOf(rule) + (works ? rule.monitorMs : 0);
  // One that works has its window to the end, even if it began to work late: it is bounded by that window.
  if (!works && askedMs - before.firstMs >= limitMs) {
    return { kind: 'failed', why: `${plight(state)} after ${Math.round(limitMs / 1000)} s` };
  }
  return {
    kind: 'waiting',
    view: { ...before, steadySinceMs },
    why: works ? 'it is watched' : plight(state),
  };
}

function firstView(
  { startedAt, restartCount }: ContainerState,
  { isFresh }: GateRule,
  firstMs: number,
): GateView {
  const counted = isFresh ? 0 : restartCount;
  return { firstMs, startedAt, restartCount: counted, steadySinceMs: undefined };
}

/** Why there is no reason to wait for the deadline. */
function breakdown(state: ContainerState, before: GateView): string | undefined {
  const { status, oomKilled, exitCode, restartCount, startedAt, error } = state;
  const memory = oomKilled ? ', killed because it was out of memory' : '';
  if (status === 'exited' || status === 'dead') {
    return `it ended with exit code ${exitCode}${memory}${error === '' ? '' : `: ${error}`}`;
  }
  if (status === 'removing') return 'it was removed by somebody else';
  if (status === 'created') return 'it was never started';
  if (restartCount > before.restartCount) {
    // While it runs again the engine says 0.
    const code = status === 'restarting' ? ` with exit code ${exitCode}` : '';
    return `it ended${code}${memory} and was restarted: it crashes`;
  }
  if (status === 'running' && startedAt !== before.startedAt) return 'it was restarted: it crashes';
  if (oomKilled) return 'it is out of memory';
  return undefined;
}

function plight({ status, health }: ContainerState): string {
  if (status !== 'running') return `it is ${status}`;
  return health === undefined ? 'it has no health status' : `it is ${health.status}`;
}
