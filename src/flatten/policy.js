// The choices of a flatten where the image specification is silent or engines differ (`flatten.md` 2), and the warnings
// that say where they mattered.
import { printable } from '../core/bytes.ts';
import { LIMITS } from '../core/limits.ts';
export const DEFAULT_POLICY = {
  implicitParents: 'follow',
  whiteouts: 'auto',
  maxEntries: LIMITS.entries,
  maxOutputBytes: LIMITS.outputBytes,
};
/** How many warnings of one code are kept one by one. */
const KEPT_PER_CODE = 100;
/** Collects warnings with bounded memory. */
export class Warnings {
  #kept = [];
  #counts = new Map();
  #keys = new Set();
  /** `path` is a latin1 name. */
  add(code, layer, path, what) {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > KEPT_PER_CODE) return;
    const shown = printable(path);
    this.#kept.push({ code, message: `"/${shown}" ${what}`, path: shown, layer });
  }
  /** A warning that is given once for `key`. */
  addOnce(code, layer, key, message) {
    if (this.#keys.has(key) || this.#keys.size >= KEPT_PER_CODE) return;
    this.#keys.add(key);
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    this.#kept.push({ code, message, layer });
  }
  get list() {
    return this.#kept;
  }
  /** How often each code came, kept or not. */
  get counts() {
    return this.#counts;
  }
}
