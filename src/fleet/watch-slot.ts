// When a slot that is in trouble is mended next, and when it is given up: pure.

/** How patiently a watch mends. */
export interface WatchRules {
  /** A slot is given up after so many tries in a row. */
  readonly limit: number;
  /** From a trouble to the first try; twice as long before each further one. */
  readonly firstPauseMs: number;
  readonly mostPauseMs: number;
  /** A slot that has worked for so long is as one that never was in trouble. */
  readonly settledMs: number;
}

/** The usual ones: tries after 1, 2, 4, 8 and 16 seconds. */
export const WATCH_RULES: WatchRules = {
  limit: 5,
  firstPauseMs: 1000,
  mostPauseMs: 60_000,
  settledMs: 600_000,
};

/** What is remembered of a slot. */
export interface SlotHistory {
  /** In a row. */
  readonly tries: number;
  /** When it may be tried again, while it is in trouble. */
  readonly dueMs: number | undefined;
  /** Since when it works; undefined while it does not. */
  readonly steadySinceMs: number | undefined;
  readonly isGivenUp: boolean;
  /** Restarts of its engine that were seen first. */
  readonly engineRestarts: number;
}

/** Nothing is known of it. */
export const NEW_SLOT: SlotHistory = {
  tries: 0,
  dueMs: undefined,
  steadySinceMs: undefined,
  isGivenUp: false,
  engineRestarts: 0,
};

/** It works. */
export function slotWorks(history: SlotHistory, rules: WatchRules, nowMs: number): SlotHistory {
  const steadySinceMs = history.steadySinceMs ?? nowMs;
  const isSettled = nowMs - steadySinceMs >= rules.settledMs;
  if (isSettled) return { ...NEW_SLOT, engineRestarts: history.engineRestarts, steadySinceMs };
  return { ...history, steadySinceMs, dueMs: undefined };
}

/** It is in trouble: from the first look on that shows it, its time runs. */
export function slotAilsAt(history: SlotHistory, rules: WatchRules, nowMs: number): SlotHistory {
  if (history.isGivenUp || history.dueMs !== undefined) {
    return { ...history, steadySinceMs: undefined };
  }
  const pauseMs = Math.min(rules.mostPauseMs, rules.firstPauseMs * 2 ** history.tries);
  return { ...history, steadySinceMs: undefined, dueMs: nowMs + pauseMs };
}

/** It was tried, whatever came of it. */
export function slotTried(history: SlotHistory): SlotHistory {
  return { ...history, tries: history.tries + 1, dueMs: undefined };
}

/** Whether the next trouble is one too many. */
export function isOneTooMany({ tries }: SlotHistory, { limit }: WatchRules): boolean {
  return tries >= limit;
}
