// What is known of one image while it goes through the pipeline: how long its stages took, what it said last.
import { type Context, startTask, throwIfAborted } from '../core/context.ts';
import type { Report, ShipperEvent } from '../core/events.ts';
import type { Gate } from '../core/pool.ts';
import type { Remembered } from './memory-file.ts';

/** Lines of an image's log that a failure is told with. */
const LOG_LINES = 20;

/** A stage of the pipeline. */
export type Stage = 'build' | 'flatten' | 'push';

/** The record of one image. */
export class Track {
  readonly name: string;
  readonly seconds: { build?: number; flatten?: number; push?: number } = {};
  readonly cache = { build: false, flatten: false, blobsPushed: 0, bytesPushed: 0 };
  /** What is known of the image once it is made. */
  facts: Remembered | undefined;
  readonly #report: Report;
  readonly #log: string[] = [];

  /** `report` is that of the run. */
  constructor(name: string, report: Report) {
    this.name = name;
    this.#report = report;
  }

  /** The last lines that it said in the stage that began last. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** A context whose events are those of this image, and which remembers what is said. */
  context(ctx: Context, stage?: Stage): Context {
    const scope = { group: this.name, ...(stage === undefined ? {} : { stage }) };
    const report = (event: ShipperEvent) => {
      this.#listen(event);
      this.#report({ ...event, scope });
    };
    return { ...ctx, scope, report };
  }

  /** Runs a stage when its turn comes, and takes its time. */
  run<T>(ctx: Context, stage: Stage, gate: Gate, work: (ctx: Context) => Promise<T>): Promise<T> {
    return gate(async () => {
      throwIfAborted(ctx);
      // What a stage before it said explains no failure of this one.
      this.#log.splice(0);
      const own = this.context(ctx, stage);
      const started = ctx.clock.monotonic();
      const meter = startTask(own, stage);
      let isDone = false;
      try {
        const result = await work(own);
        isDone = true;
        return result;
      } finally {
        const seconds = (ctx.clock.monotonic() - started) / 1000;
        this.seconds[stage] = (this.seconds[stage] ?? 0) + seconds;
        meter.finish(isDone ? 'done' : 'failed');
      }
    });
  }

  #listen(event: ShipperEvent): void {
    const line =
      event.type === 'log' ? event.line : event.type === 'note' ? event.message : undefined;
    if (line === undefined) return;
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }
}
