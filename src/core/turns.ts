// Who may go on when: in the order of numbers, or one at a time. A wait ends with `INTERRUPTED` when its context is aborted.
import type { Context } from './context.ts';
import { orAborted } from './until-aborted.ts';

/** Lets workers in one after the other, in the order of their numbers: 0, 1, 2, … each once. */
export class Turns {
  readonly #ended = new Map<number, PromiseWithEnd>();

  /** The result of `work`, begun when all before it have ended well. After a failure nobody else gets a turn. */
  async take<T>(ctx: Context, number: number, work: () => Promise<T>): Promise<T> {
    if (number > 0) await orAborted(ctx.signal, this.#turn(number - 1).promise);
    const done = await work();
    this.#turn(number).end();
    return done;
  }

  #turn(number: number): PromiseWithEnd {
    const turn = this.#ended.get(number) ?? promiseWithEnd();
    this.#ended.set(number, turn);
    return turn;
  }
}

/** Lets one worker in at a time, in the order in which they came. */
export class Lock {
  #last: Promise<void> = Promise.resolve();

  /** The result of `work`, begun when all who came before have ended, well or not. */
  async hold<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, end } = promiseWithEnd();
    this.#last = before.then(() => promise);
    try {
      await orAborted(ctx.signal, before);
      return await work();
    } finally {
      end();
    }
  }
}

interface PromiseWithEnd {
  readonly promise: Promise<void>;
  end(): void;
}

function promiseWithEnd(): PromiseWithEnd {
  let end = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { promise, end };
}
