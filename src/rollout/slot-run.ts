// One slot on its way to a goal: look, decide, do one call, look again (orchestration 5.1). Whatever a call that was cut off
// did, the next look shows it.
import { type Context, note } from '../core/context.ts';
import { isShipperError, reworded, ShipperError } from '../core/errors.ts';
import { type GateRule, type GateView, judge } from './health.ts';
import { type RolloutHost, troubleOf } from './host.ts';
import { type SlotPlace, slotName } from './labels.ts';
import { lastWords } from './last-words.ts';
import { type LookTime, timedLook } from './look-time.ts';
import type { DeployScope } from './release.ts';
import { performStep, type SlotAct, type SlotActs } from './slot-acts.ts';
import { isSafe, nextStep, type SlotMemory, type SlotRules } from './slot-plan.ts';
import { SlotTask } from './slot-task.ts';
import { type OwnContainer, viewSlot } from './slot-view.ts';

/** One slot and where it is to come. */
export interface SlotJob extends SlotPlace, SlotRules {
  readonly host: RolloutHost;
  readonly gate: Omit<GateRule, 'healthcheck' | 'isFresh'>;
  /** What is known of its containers from before. */
  readonly memory?: SlotMemory;
}

/** What slots are worked on with. */
export interface SlotTools {
  readonly scope: DeployScope;
  readonly acts: SlotActs;
  /** Once it has aborted, each slot goes on only until somebody is served. */
  readonly soft: AbortSignal;
  /** How long a host may be out of reach. */
  readonly hostTimeoutMs: number;
}

/** How it ended. */
export interface SlotEnding {
  readonly kind: 'reached' | 'failed' | 'stopped' | 'lost' | 'lock-lost';
  /** Whether anything was changed. */
  readonly hasChanged: boolean;
  /** The release whose container serves, as far as it was seen. */
  readonly runs: string | undefined;
  readonly error?: unknown;
  /** The container that did not work, by id. */
  readonly culprit?: string;
  readonly memory: SlotMemory;
}

/** Looks at a container that is watched so often, in milliseconds. */
const LOOK_EVERY_MS = 250;
/** The most calls that one slot needs, many times over. */
const MAX_CALLS = 100;
/** An engine that answers that it cannot is asked so often. */
const BUSY_TRIES = 4;

/**
 * Brings a slot to its goal. `ctx` must not abort with the run: a call that was begun is brought to its end, and
 * `tools.soft` stops the slot where somebody is served.
 */
export function runSlot(ctx: Context, job: SlotJob, tools: SlotTools): Promise<SlotEnding> {
  return new SlotRun(ctx, job, tools).run();
}

class SlotRun {
  readonly #ctx: Context;
  readonly #job: SlotJob;
  readonly #tools: SlotTools;
  readonly #task: SlotTask;
  readonly #passed: Set<string>;
  readonly #routed: Set<string>;
  readonly #drained: Set<string>;
  /** Started by this run. */
  readonly #fresh = new Set<string>();
  readonly #views = new Map<string, GateView>();
  #wasServing: boolean | undefined;
  #hasChanged = false;
  #runs: string | undefined;
  #culprit: OwnContainer | undefined;
  #lookTime: LookTime;
  #refusals = 0;

  constructor(ctx: Context, job: SlotJob, tools: SlotTools) {
    this.#ctx = ctx;
    this.#job = job;
    this.#tools = tools;
    this.#task = new SlotTask(ctx);
    this.#passed = new Set(job.memory?.passed);
    this.#routed = new Set(job.memory?.routed);
    this.#drained = new Set(job.memory?.drained);
    const startMs = ctx.clock.monotonic();
    this.#lookTime = { askedMs: startMs, answeredMs: startMs };
  }

  async run(): Promise<SlotEnding> {
    for (let calls = 0; calls < MAX_CALLS; ) {
      try {
        const containers = await this.#look();
        const step = nextStep(containers, this.#job, this.#memory());
        if (step.kind === 'done') return this.#end('reached');
        if (this.#mayStop(containers)) return this.#end('stopped');
        this.#task.begin(step);
        if (step.kind === 'gate') await this.#gate(step.container as OwnContainer);
        else if (step.kind === 'wait') await this.#pause();
        else {
          calls += 1;
          await this.#perform(containers, step);
        }
        this.#refusals = 0;
      } catch (error) {
        this.#task.end('failed');
        const ending = await this.#afterFailure(error);
        if (ending !== undefined) return ending;
      }
    }
    const name = slotName(this.#job);
    const message = `Cannot bring ${name} to rest: it is not so after ${MAX_CALLS} calls`;
    return this.#end(
      'failed',
      new ShipperError('CONFLICT', message, { host: this.#job.host.name }),
    );
  }

  async #look(): Promise<readonly OwnContainer[]> {
    const { host } = this.#job;
    const [containers, time] = await timedLook(this.#ctx.clock, () =>
      viewSlot(this.#ctx, host, this.#tools.scope, this.#job),
    );
    this.#lookTime = time;
    const running = containers.filter(({ status }) => status === 'running');
    this.#runs = (running.find(({ id }) => this.#passed.has(id)) ?? running[0])?.release;
    return containers;
  }

  /** Where nobody was served before, there is nobody to wait for. */
  #mayStop(containers: readonly OwnContainer[]): boolean {
    this.#wasServing ??= containers.some(({ status }) => status === 'running');
    if (!this.#tools.soft.aborted) return false;
    return !this.#wasServing || isSafe(containers, this.#job, this.#memory());
  }

  #memory(): SlotMemory {
    return {
      fresh: this.#fresh,
      passed: this.#passed,
      routed: this.#routed,
      drained: this.#drained,
    };
  }

  async #gate(container: OwnContainer): Promise<void> {
    const { id, seen } = container;
    const rule = {
      ...this.#job.gate,
      healthcheck: seen.healthcheck,
      isFresh: this.#fresh.has(id),
    };
    const verdict = judge(seen.state, rule, this.#views.get(id), this.#lookTime);
    switch (verdict.kind) {
      case 'passed':
        this.#passed.add(id);
        return;
      case 'waiting':
        this.#views.set(id, verdict.view);
        return this.#pause();
      case 'failed':
        this.#culprit = container;
        throw await this.#unhealthy(container, verdict.why);
    }
  }

  async #unhealthy({ name, seen }: OwnContainer, why: string): Promise<ShipperError> {
    const { host } = this.#job;
    const message = `Cannot update ${slotName(this.#job)}: ${why} (container ${name} on ${host.name})`;
    const log = await lastWords(this.#ctx, host.engine.containers, seen);
    return new ShipperError('UNHEALTHY', message, { host: host.name, log });
  }

  async #perform(containers: readonly OwnContainer[], step: SlotAct): Promise<void> {
    try {
      await performStep(this.#ctx, this.#job, step, containers, this.#tools);
    } catch (error) {
      if (step.kind === 'start') this.#culprit = step.container as OwnContainer;
      throw error;
    } finally {
      // Also where it failed: what a call did that was cut off is not known.
      this.#hasChanged = true;
    }
    if (step.kind === 'create') return;
    const { id } = step.container;
    if (step.kind === 'start') this.#fresh.add(id);
    if (step.kind === 'route') this.#routed.add(id);
    if (step.kind === 'drain') this.#drained.add(id);
    if (step.kind === 'drain') this.#routed.delete(id);
  }

  #pause(): Promise<void> {
    // The soft end is looked at after each pause, so it need not wake anybody.
    return this.#ctx.clock.sleep(LOOK_EVERY_MS, this.#ctx.signal);
  }

  /** Waits where it may pass; else how the slot ended. */
  async #afterFailure(error: unknown): Promise<SlotEnding | undefined> {
    if (isShipperError(error, 'LOCKED')) return this.#end('lock-lost', error);
    const { clock, signal } = this.#ctx;
    switch (troubleOf(error)) {
      case 'final':
        return this.#end('failed', error);
      case 'busy': {
        this.#refusals += 1;
        if (this.#refusals >= BUSY_TRIES) return this.#end('failed', error);
        break;
      }
      case 'lost':
        if (clock.monotonic() - this.#lookTime.answeredMs >= this.#tools.hostTimeoutMs) {
          return this.#end('lost', this.#lost(error));
        }
    }
    note(this.#ctx, 'info', `${(error as ShipperError).message}; trying again`);
    await clock.sleep(Math.min(5000, 500 * 2 ** this.#refusals), signal);
    return undefined;
  }

  #lost(error: unknown): unknown {
    if (!(error instanceof ShipperError)) return error;
    const { host } = this.#job;
    const seconds = Math.round(this.#tools.hostTimeoutMs / 1000);
    const longer = `${error.message}; ${host.name} did not answer for ${seconds} s`;
    return reworded(error, longer, { host: host.name });
  }

  #end(kind: SlotEnding['kind'], error?: unknown): SlotEnding {
    this.#task.end(kind === 'reached' ? 'done' : 'failed');
    return {
      kind,
      hasChanged: this.#hasChanged,
      runs: this.#runs,
      memory: this.#memory(),
      ...(error === undefined ? {} : { error }),
      ...(this.#culprit === undefined ? {} : { culprit: this.#culprit.id }),
    };
  }
}
