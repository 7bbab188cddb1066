// The choices of a flatten where the image specification is silent or engines differ (`flatten.md` 2), and the warnings
// that say where they mattered.
import { printable } from '../core/bytes.ts';
import { LIMITS } from '../core/limits.ts';

/** Choices of the merge. */
export interface MergePolicy {
  /**
   * What a missing parent directory, or a symlink used as one, is: `follow` keeps the lower directory and follows the
   * link inside the root, `shadow` is what overlay engines show: a fresh 0755 root:root directory. Default `follow`.
   */
  readonly implicitParents: 'follow' | 'shadow';
  /**
   * Which marks hide lower entries: `oci` only `.wh.` names, `overlay` also 0:0 character devices and overlay's opaque
   * attribute, `auto` `.wh.` names and the opaque attribute. Default `auto`.
   */
  readonly whiteouts: 'auto' | 'oci' | 'overlay';
  /** Entries read from all layers, at most. */
  readonly maxEntries: number;
  /** Bytes of the flat layer, uncompressed, at most. */
  readonly maxOutputBytes: number;
}

export const DEFAULT_POLICY: MergePolicy = {
  implicitParents: 'follow',
  whiteouts: 'auto',
  maxEntries: LIMITS.entries,
  maxOutputBytes: LIMITS.outputBytes,
};

/** Why a warning was given; `docs/fidelity.md` has a row for each. */
export type WarningCode =
  | 'implied-parent'
  | 'parent-through-symlink'
  | 'duplicate-path'
  | 'device-zero'
  | 'overlay-xattr'
  | 'link-attributes'
  | 'sparse-expanded'
  | 'pax-unknown-key'
  | 'pax-global-header'
  | 'estargz-removed'
  | 'aufs-metadata'
  | 'root-attributes'
  | 'layer-urls-ignored';

/** One place where a declared policy decided. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
  /** Printable path in the image. */
  readonly path?: string;
  /** Zero-based layer. */
  readonly layer?: number;
}

/** How many warnings of one code are kept one by one. */
const KEPT_PER_CODE = 100;

/** Collects warnings with bounded memory. */
export class Warnings {
  readonly #kept: Warning[] = [];
  readonly #counts = new Map<WarningCode, number>();
  readonly #keys = new Set<string>();

  /** `path` is a latin1 name. */
  add(code: WarningCode, layer: number, path: string, what: string): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > KEPT_PER_CODE) return;
    const shown = printable(path);
    this.#kept.push({ code, message: `"/${shown}" ${what}`, path: shown, layer });
  }

  /** A warning that is given once for `key`. */
  addOnce(code: WarningCode, layer: number, key: string, message: string): void {
    if (this.#keys.has(key) || this.#keys.size >= KEPT_PER_CODE) return;
    this.#keys.add(key);
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    this.#kept.push({ code, message, layer });
  }

  get list(): readonly Warning[] {
    return this.#kept;
  }

  /** How often each code came, kept or not. */
  get counts(): ReadonlyMap<WarningCode, number> {
    return this.#counts;
  }
}
