// Work that many ask for at once and that is done once: a token for forty layers, one question to a helper.
import { type Context, throwIfAborted } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { orAborted } from '../core/until-aborted.ts';

/** Joins those who ask for the same thing at the same time. Keeps no results. */
export class Flights<T> {
  readonly #running = new Map<string, Promise<T>>();

  /**
   * What `start` gives, or what it gives to somebody who has started it already under the same key. Who started it may be
   * cancelled; the others are not, and one of them starts again.
   */
  async join(ctx: Context, key: string, start: () => Promise<T>): Promise<T> {
    while (true) {
      throwIfAborted(ctx);
      const running = this.#running.get(key);
      if (running === undefined) return this.#start(key, start);
      try {
        return await orAborted(ctx.signal, running);
      } catch (error) {
        if (ctx.signal.aborted || !isShipperError(error, 'INTERRUPTED')) throw error;
      }
    }
  }

  #start(key: string, start: () => Promise<T>): Promise<T> {
    const running = start().finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }
}
