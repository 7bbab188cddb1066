// The logs of many containers as one. Followed, it goes on with containers that start, and looks again after each break.
import { type Context, interruption, note } from '../core/context.ts';
import { messageOf } from '../core/errors.ts';
import { ownAbort } from '../core/own-abort.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { troubleOf } from '../rollout/host.ts';
import { scopeLabels } from '../rollout/labels.ts';
import { type Choice, containersOn } from './chosen.ts';
import { type FanOut, fanOut, type Told } from './fan-out.ts';
import { type FleetContainer, isAlive } from './fleet-container.ts';
import type { GroupResult, HostResult } from './group-result.ts';
import { LineMerge, type LineSource } from './line-merge.ts';
import { type LogPlace, type LogRequest, readLog } from './log-reader.ts';
import type { FleetLine, TakeLines } from './output.ts';
import { currentOnes } from './selection.ts';
import type { Home } from './targets.ts';

/** The log of a container was read. JSON-able. */
export interface Logged {
  readonly container: FleetContainer;
  /** How many lines were told. */
  readonly lines: number;
}

/** What is read, of which containers. */
export interface LogJob {
  readonly choice: Choice;
  readonly home: Home | undefined;
  readonly request: LogRequest;
  readonly take: TakeLines;
}

/** Between two looks at a host whose events broke off. */
const LOOK_AGAIN_MS = 1000;
/** From the end of a log to the look whether its container runs again. */
const ENDED_PAUSE_MS = 250;

/**
 * Reads the logs, all in one order, by time within what has come. Followed, it ends when none of the containers runs any more.
 * What `take` throws ends it.
 */
export async function readLogs(
  ctx: Context,
  spread: FanOut,
  job: LogJob,
  told: Told<Logged> = () => undefined,
): Promise<GroupResult<Logged>> {
  const stop = ownAbort(ctx.signal);
  const inside = { ...ctx, signal: stop.signal };
  const merge = new LineMerge<FleetLine>(inside);
  const busy = new BusyHosts(spread.targets.list.map(({ name }) => name));
  let failure: { readonly error: unknown } | undefined;
  const giving = (async () => {
    for await (const lines of merge.batches()) await job.take(lines);
  })().catch((error: unknown) => {
    failure = { error };
    stop.abort(error);
  });
  try {
    const all = { ...spread, parallel: Math.max(spread.parallel, spread.targets.list.length) };
    const result = await fanOut<Logged>(
      inside,
      job.request.follow ? all : spread,
      'read the logs',
      (own, host, tell) => new HostLogs(own, host, { job, merge, busy, told: tell }).read(),
      (each) => {
        // One that cannot be reached is nothing to wait for.
        if (!each.ok && each.container === undefined) busy.set(each.host, false);
        told(each);
      },
    );
    merge.close();
    await giving;
    if (failure !== undefined) throw failure.error;
    return result;
  } catch (error) {
    throw ctx.signal.aborted ? interruption(ctx.signal) : (failure?.error ?? error);
  } finally {
    stop.abort();
    stop.release();
    await giving;
  }
}

/** Hosts on which some of the containers run: as long as there is one, others may begin to. */
class BusyHosts {
  readonly #names: Set<string>;
  readonly #listeners: (() => void)[] = [];

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  get areNone(): boolean {
    return this.#names.size === 0;
  }

  set(host: string, isBusy: boolean): void {
    if (isBusy) this.#names.add(host);
    else if (this.#names.delete(host) && this.areNone) for (const tell of this.#listeners) tell();
  }

  /** Calls `listener` each time when none is left. */
  onNone(listener: () => void): void {
    this.#listeners.push(listener);
  }
}

/** What the logs of a host are read with. */
interface HostLogTools {
  readonly job: LogJob;
  readonly merge: LineMerge<FleetLine>;
  readonly busy: BusyHosts;
  readonly told: Told<Logged>;
}

/** The logs of one host. */
class HostLogs {
  readonly #ctx: Context;
  readonly #host: RolloutHost;
  readonly #tools: HostLogTools;
  readonly #open = new Map<string, Promise<void>>();
  readonly #places = new Map<string, LogPlace>();
  readonly #results = new Map<string, HostResult<Logged>>();
  /** Wakes the wait for something new. */
  #isNew = false;
  #wake: () => void = () => undefined;

  constructor(ctx: Context, host: RolloutHost, tools: HostLogTools) {
    this.#ctx = ctx;
    this.#host = host;
    this.#tools = tools;
    tools.busy.onNone(() => this.#wakeUp());
  }

  async read(): Promise<readonly HostResult<Logged>[]> {
    const first = await this.#look();
    for (const container of first) this.#begin(container);
    if (this.#tools.job.request.follow) await this.#follow();
    await Promise.all(this.#open.values());
    const results = [...this.#results.values()];
    for (const result of results) this.#tools.told(result);
    return results;
  }

  /** Those that are meant; older containers of a slot have said what they had to say. */
  async #look(): Promise<readonly FleetContainer[]> {
    const { choice, home } = this.#tools.job;
    const all = await containersOn(this.#ctx, this.#host, choice, home);
    return choice.kind === 'these' ? all : currentOnes(all);
  }

  #begin(container: FleetContainer): void {
    const { id, name } = container;
    if (this.#open.has(id)) return;
    const place = this.#places.get(id) ?? { time: '', told: 0 };
    this.#places.set(id, place);
    const source = this.#tools.merge.open();
    const before = this.#results.get(id);
    let lines = before?.ok === true ? before.value.lines : 0;
    const counting: LineSource<FleetLine> = {
      push: (line) => {
        lines += 1;
        return source.push(line);
      },
      end: () => source.end(),
    };
    const at = { host: this.#host.name, container: name };
    const read = readLog(this.#ctx, this.#host, container, this.#tools.job.request, place, counting)
      .then(
        () => this.#results.set(id, { ...at, ok: true, value: { container, lines } }),
        (error: unknown) => this.#results.set(id, { ...at, ok: false, error }),
      )
      .then(async () => {
        source.end();
        // One that its engine restarts again and again ends each time.
        if (this.#tools.job.request.follow) await this.#pause(ENDED_PAUSE_MS);
        this.#open.delete(id);
        this.#wakeUp();
      });
    this.#open.set(id, read);
  }

  /** Until none of the containers runs any more. */
  async #follow(): Promise<void> {
    const stop = ownAbort(this.#ctx.signal);
    const watching = this.#watch({ ...this.#ctx, signal: stop.signal });
    try {
      for (;;) {
        await this.#goOn();
        if (this.#tools.busy.areNone) return;
        await this.#next(stop.signal);
      }
    } finally {
      stop.abort();
      stop.release();
      await watching;
    }
  }

  /** Begins with those that run and are not read. */
  async #goOn(): Promise<void> {
    try {
      const alive = (await this.#look()).filter(isAlive);
      for (const container of alive) this.#begin(container);
      this.#tools.busy.set(this.#host.name, this.#open.size > 0);
    } catch (error) {
      if (this.#ctx.signal.aborted || troubleOf(error) === 'final') throw error;
      await this.#pause(LOOK_AGAIN_MS);
      this.#wakeUp();
    }
  }

  /** Resolves when something may be new: at once where it was since the last time. */
  async #next(signal: AbortSignal): Promise<void> {
    if (!this.#isNew) {
      await new Promise<void>((resolve, reject) => {
        const abort = () => reject(interruption(signal));
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        this.#wake = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
      });
    }
    this.#isNew = false;
  }

  /** Tells of containers that start. The stream of events may end at any time: then it is looked again. */
  async #watch(ctx: Context): Promise<void> {
    const { home, choice } = this.#tools.job;
    const isOwn = home !== undefined && !(choice.kind === 'filter' && choice.filter.foreign);
    const label = isOwn ? { label: scopeLabels(home.scope) } : {};
    const filters = { type: ['container'], event: ['start'], ...label };
    while (!ctx.signal.aborted) {
      try {
        for await (const _ of this.#host.engine.containers.events(ctx, filters)) this.#wakeUp();
      } catch (error) {
        if (ctx.signal.aborted) return;
        note(ctx, 'info', `${messageOf(error)}; trying again`);
      }
      await ctx.clock.sleep(LOOK_AGAIN_MS, ctx.signal).catch(() => undefined);
      this.#wakeUp();
    }
  }

  /** Never rejects: whoever goes on sees that the run is over. */
  #pause(ms: number): Promise<void> {
    return this.#ctx.clock.sleep(ms, this.#ctx.signal).catch(() => undefined);
  }

  #wakeUp(): void {
    this.#isNew = true;
    this.#wake();
  }
}
