// Where the bytes of layers lie between the two passes: decompressed in a temporary file, as stored in one, or nowhere.
import type { System } from '../system/system.ts';

/** The choices of `--spool`. */
export const SPOOL_MODES = ['auto', 'tar', 'compressed', 'none'] as const;

/**
 * `tar`: the decompressed tar lies in a temporary file. `compressed`: the stored bytes do, and are decompressed twice; a
 * medium that is a file already needs none. `none`: no file is made, the stored bytes are fetched twice. `auto`: the first of
 * the three that there is room for.
 */
export type SpoolMode = (typeof SPOOL_MODES)[number];

/** What `auto` takes a layer to become, as a multiple of its stored bytes. */
const RATIO = 4;
/** Left free for everybody else by `auto`, in bytes. */
const RESERVE_BYTES = 1_073_741_824;

/** A choice for one layer. Give it back when the layer is closed. */
export interface SpoolChoice {
  readonly mode: Exclude<SpoolMode, 'auto'>;
  release(): void;
}

/** Chooses for the layers of one run. Layers open side by side, so what was promised to one is not there for the next. */
export class Spooling {
  readonly #system: System;
  readonly #mode: SpoolMode;
  #promised = 0;

  constructor(system: System, mode: SpoolMode = 'auto') {
    this.#system = system;
    this.#mode = mode;
  }

  /** Whether the user has chosen. */
  get isChosen(): boolean {
    return this.#mode !== 'auto';
  }

  /** Whether temporary files may be made at all. */
  get mayWrite(): boolean {
    return this.#mode !== 'none';
  }

  /** Chooses for a layer of `storedBytes`. */
  async choose(storedBytes: number): Promise<SpoolChoice> {
    if (this.#mode !== 'auto') return { mode: this.#mode, release: () => undefined };
    const free = await this.#system.files.freeBytes(this.#system.tmpdir).catch(() => 0);
    const spare = free - this.#promised - RESERVE_BYTES;
    if (spare >= storedBytes * RATIO) return this.#promise('tar', storedBytes * RATIO);
    if (spare >= storedBytes) return this.#promise('compressed', storedBytes);
    return { mode: 'none', release: () => undefined };
  }

  #promise(mode: SpoolChoice['mode'], bytes: number): SpoolChoice {
    this.#promised += bytes;
    let isHeld = true;
    return {
      mode,
      release: () => {
        if (isHeld) this.#promised -= bytes;
        isHeld = false;
      },
    };
  }
}
