// What a flatten leaves behind: content that upper layers deleted or replaced.
import { printable } from '../core/bytes.ts';

const KEPT = 20;
/** Collects removals with bounded memory. */
export class RemovedFiles {
  #paths = 0;
  #bytes = 0;
  #largest = [];
  /** `pathOf` is only asked for files among the largest. */
  add(bytes, addedBy, hiddenBy, reason, pathOf) {
    this.#paths += 1;
    this.#bytes += bytes;
    const smallest = this.#largest[this.#largest.length - 1];
    if (bytes === 0 || (this.#largest.length >= KEPT && bytes <= (smallest?.bytes ?? 0))) return;
    this.#largest.push({ path: printable(pathOf()), bytes, addedBy, hiddenBy, reason });
    this.#largest.sort((a, b) => b.bytes - a.bytes);
    this.#largest = this.#largest.slice(0, KEPT);
  }
  get summary() {
    return { paths: this.#paths, bytes: this.#bytes, largest: this.#largest };
  }
}
