// Which slots are worked on beside each other, and when failures are too many: pure.

/** How many at once. */
export interface BatchRule {
  /** A number, 0 for all, or a part of all. */
  readonly parallelism: number | { readonly percent: number };
  /** So many go first, and must do well. 0: none. */
  readonly canary: number;
}

/** `items` in batches, in their order. */
export function batchesOf<T>(
  items: readonly T[],
  { parallelism, canary }: BatchRule,
): readonly (readonly T[])[] {
  const size = batchSize(items.length, parallelism);
  const first = items.slice(0, canary);
  const batches = first.length === 0 ? [] : [first];
  for (let at = first.length; at < items.length; at += size) {
    batches.push(items.slice(at, at + size));
  }
  return batches;
}

/** At least 1; parts are rounded up. */
export function batchSize(count: number, parallelism: BatchRule['parallelism']): number {
  if (typeof parallelism === 'object') {
    return Math.max(1, Math.ceil((count * parallelism.percent) / 100));
  }
  return parallelism === 0 ? Math.max(1, count) : parallelism;
}

/** Whether more failed than may (swarmkit: more than the ratio, not as many). */
export function isOverRatio(failed: number, planned: number, maxFailureRatio: number): boolean {
  return planned > 0 && failed / planned > maxFailureRatio;
}
