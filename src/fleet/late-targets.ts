// The hosts that are meant, found out by the first call that needs them, once for all.
import type { Context } from '../core/context.ts';
import type { FleetParts } from './fleet-parts.ts';
import { openTargets, type TargetRequest, type Targets } from './targets.ts';

/** See the head of this file. Dispose it last. */
export class LateTargets implements AsyncDisposable {
  readonly #parts: FleetParts;
  readonly #request: TargetRequest;
  #opened: Promise<Targets> | undefined;

  constructor(parts: FleetParts, request: TargetRequest) {
    this.#parts = parts;
    this.#request = request;
  }

  /** As `openTargets`. A failure is not remembered: the next call tries again. */
  open(ctx: Context): Promise<Targets> {
    if (this.#opened !== undefined) return this.#opened;
    const made = openTargets(this.#parts.system, ctx, this.#request, this.#parts);
    this.#opened = made;
    made.catch(() => {
      this.#opened = undefined;
    });
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What could not be opened was told by the call that wanted it.
    const targets = await this.#opened?.catch(() => undefined);
    await targets?.[Symbol.asyncDispose]();
  }
}
