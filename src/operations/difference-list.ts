// Differences with bounded memory.
import type { Difference } from './flatten-types.ts';

const KEPT = 1000;

/** Counts all differences and keeps the first thousand. */
export class DifferenceList {
  readonly kept: Difference[] = [];
  count = 0;

  add(kind: Difference['kind'], path: string, what: string): void {
    this.count += 1;
    if (this.kept.length < KEPT) this.kept.push({ kind, path, what });
  }
}
