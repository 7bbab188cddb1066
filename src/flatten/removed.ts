// What a flatten leaves behind: content that upper layers deleted or replaced.
import { printable } from '../core/bytes.ts';

/** One of the largest files that do not survive. */
export interface RemovedFile {
  /** Printable path in the image. */
  readonly path: string;
  readonly bytes: number;
  /** Layer that brought it, and layer that hid it, the last one for `excluded`; zero-based. */
  readonly addedBy: number;
  readonly hiddenBy: number;
  readonly reason: RemovalReason;
}

/** `deleted` by a whiteout, `replaced` by another entry of the same name, or `excluded` by whoever asked for the flatten. */
export type RemovalReason = 'deleted' | 'replaced' | 'excluded';

/** Totals of what does not survive. */
export interface RemovedSummary {
  readonly paths: number;
  readonly bytes: number;
  /** Largest first. */
  readonly largest: readonly RemovedFile[];
}

const KEPT = 20;

/** Collects removals with bounded memory. */
export class RemovedFiles {
  #paths = 0;
  #bytes = 0;
  #largest: RemovedFile[] = [];
  readonly #keptLayers: number;

  /** What the first `keptLayers` layers brought is still in the result, below what hides it: it does not count. */
  constructor(keptLayers: number) {
    this.#keptLayers = keptLayers;
  }

  /** `pathOf` is only asked for files among the largest. */
  add(
    bytes: number,
    addedBy: number,
    hiddenBy: number,
    reason: RemovalReason,
    pathOf: () => string,
  ): void {
    if (addedBy < this.#keptLayers) return;
    this.#paths += 1;
    this.#bytes += bytes;
    const smallest = this.#largest[this.#largest.length - 1];
    if (bytes === 0 || (this.#largest.length >= KEPT && bytes <= (smallest?.bytes ?? 0))) return;
    this.#largest.push({ path: printable(pathOf()), bytes, addedBy, hiddenBy, reason });
    this.#largest.sort((a, b) => b.bytes - a.bytes);
    this.#largest = this.#largest.slice(0, KEPT);
  }

  get summary(): RemovedSummary {
    return { paths: this.#paths, bytes: this.#bytes, largest: this.#largest };
  }
}
