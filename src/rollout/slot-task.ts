// What a slot is doing, told as tasks: one at a time.
import { type Context, startTask, type TaskMeter } from '../core/context.ts';
import type { SlotStep } from './slot-plan.ts';

/** Tells each step of a slot as a task. A step that is taken several times in a row is one. */
export class SlotTask {
  readonly #ctx: Context;
  #title = '';
  #meter: TaskMeter | undefined;

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  /** The slot is about to do this. */
  begin(step: SlotStep): void {
    const title = titleOf(step);
    if (title === this.#title) return;
    this.end('done');
    if (title === '') return;
    this.#title = title;
    this.#meter = startTask(this.#ctx, title);
  }

  /** Nothing is done there any more, or it has to be done again. */
  end(outcome: 'done' | 'failed'): void {
    this.#meter?.finish(outcome);
    this.#meter = undefined;
    this.#title = '';
  }
}

/** Empty for what takes no time, and for hooks, which tell of themselves. */
function titleOf(step: SlotStep): string {
  switch (step.kind) {
    case 'create':
      return `create the container of ${step.release}`;
    case 'start':
    case 'unpause':
    case 'stop':
    case 'remove':
      return `${step.kind} the container of ${step.container.release}`;
    case 'gate':
      return 'watch whether it works';
    case 'wait':
      return 'wait for the engine';
    case 'route':
    case 'drain':
    case 'retire':
    case 'revive':
    case 'done':
      return '';
  }
}
