// Slots in batches, forwards, and back where the configuration wants that (orchestration 5.3). A slot whose new container
// does not work is put back at once, whatever becomes of the rollout: what served before serves.
import { type Context, narrow, note } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import { neverAborts } from '../core/own-abort.ts';
import { runAll } from '../core/pool.ts';
import { batchesOf, isOverRatio } from './batches.ts';
import { slotName } from './labels.ts';
import type { SlotState } from './rollout-types.ts';
import { stopGraceMs } from './slot-acts.ts';
import { isServing, NO_MEMORY, type SlotContainer, type SlotGoal } from './slot-plan.ts';
import { runSlot, type SlotEnding, type SlotTools } from './slot-run.ts';
import type { SlotWork, StepRules } from './works.ts';

/** What became of a slot. */
export interface SlotResult {
  readonly state: SlotState;
  readonly runs: string | undefined;
  readonly seconds: number;
  readonly error?: unknown;
  /** Containers that did not work, by id: kept for whoever wants to look. */
  readonly culprits: readonly string[];
  /** Putting back what served before did not work, or was not possible. */
  readonly isDark: boolean;
}

/** How the slots of a rollout ended. */
export type RollingOutcome =
  | 'done'
  | 'paused'
  | 'partial'
  | 'rollback'
  | 'interrupted'
  | 'lock-lost';

/** What is rolled. */
export interface RollingJob {
  readonly release: string;
  readonly works: readonly SlotWork[];
  /** Whether this is a way back already: failures then pause, at the most. */
  readonly isBack: boolean;
  /** Whether an earlier run began it. */
  readonly isResumed: boolean;
  readonly healthTimeoutMs?: number;
}

/** Slots at once where nothing else bounds them: as many hosts as are connected to, several times over. */
const SLOTS_AT_ONCE = 100;

/** The slots of one rollout at work. */
export class Rolling {
  readonly results: Map<SlotWork, SlotResult> = new Map();
  readonly #ctx: Context;
  readonly #job: RollingJob;
  readonly #tools: SlotTools;

  constructor(ctx: Context, job: RollingJob, tools: SlotTools) {
    this.#ctx = ctx;
    this.#job = job;
    this.#tools = tools;
  }

  /** Every service after the other, in batches. */
  async forwards(): Promise<RollingOutcome> {
    let outcome: RollingOutcome = 'done';
    for (const works of byService(this.#job.works)) {
      const one = await this.#rollService(works);
      if (one === 'partial') outcome = 'partial';
      else if (one !== 'done') return one;
    }
    return outcome;
  }

  /**
   * Puts back every slot that was changed, the last batch first; slots that were not touched stay as they are. Resolves with
   * whether everything is as it was.
   */
  async back(): Promise<boolean> {
    let isWhole = true;
    for (const works of byService(this.#job.works).reverse()) {
      const [first] = works;
      if (first === undefined) continue;
      const { rollback } = first.rules;
      const changed = works.filter((work) => this.#isToUndo(work)).reverse();
      for (const [index, batch] of batchesOf(changed, rollback.batch).entries()) {
        if (index > 0) await this.#ctx.clock.sleep(rollback.delayMs, this.#ctx.signal);
        await this.#side(batch, async (work) => {
          const before = this.results.get(work);
          const undone = await this.#undo(work, rollback, before?.culprits ?? [], undefined);
          this.results.set(work, undone);
          if (undone.isDark) isWhole = false;
        });
      }
    }
    return isWhole;
  }

  /** The failures so far. */
  errors(): readonly unknown[] {
    return [...this.results.values()].flatMap(({ error }) => (error === undefined ? [] : [error]));
  }

  async #rollService(works: readonly SlotWork[]): Promise<RollingOutcome> {
    const [first] = works;
    if (first === undefined) return 'done';
    const { update, rollback, name } = first.rules;
    const rules = this.#job.isBack ? rollback : update;
    for (const work of works) if (work.isSettled) this.results.set(work, settled(work));
    const planned = works.filter(({ isSettled }) => !isSettled);
    const batches = batchesOf(planned, rules.batch);
    let failed = 0;
    for (const [index, batch] of batches.entries()) {
      if (this.#tools.soft.aborted) return 'interrupted';
      if (index > 0 && (await this.#isStoppedWithin(rules.delayMs))) return 'interrupted';
      note(
        this.#ctx,
        'info',
        `${name}: batch ${index + 1} of ${batches.length}: ${batch.map(slotName).join(', ')}`,
      );
      await this.#side(batch, (work) => this.#update(work, rules));
      const results = batch.flatMap((work) => this.results.get(work) ?? []);
      if (results.some(({ error }) => isShipperError(error, 'LOCKED'))) return 'lock-lost';
      failed += results.filter(({ state }) => state === 'failed' || state === 'unknown').length;
      const isCanary = index === 0 && rules.batch.canary > 0 && failed > 0;
      if (isCanary || isOverRatio(failed, planned.length, rules.maxFailureRatio)) {
        if (rules.failureAction === 'continue' && !isCanary) continue;
        if (rules.failureAction === 'rollback' && !this.#job.isBack) return 'rollback';
        return 'paused';
      }
      if (results.some(({ state }) => state === 'interrupted')) return 'interrupted';
    }
    return failed > 0 ? 'partial' : 'done';
  }

  async #update(work: SlotWork, rules: StepRules): Promise<void> {
    const started = this.#ctx.clock.monotonic();
    const ending = await runSlot(this.#inside(work), this.#jobOf(work, rules), this.#tools);
    const culprits = ending.culprit === undefined ? [] : [ending.culprit];
    if (ending.kind === 'failed') {
      const undone = await this.#undo(work, work.rules.rollback, culprits, ending);
      const error = ending.error;
      this.results.set(work, { ...undone, state: 'failed', error, seconds: this.#since(started) });
      return;
    }
    this.results.set(work, {
      state: stateOf(ending, work),
      runs: ending.runs,
      seconds: this.#since(started),
      culprits,
      isDark: ending.kind === 'lost',
      ...(ending.error === undefined ? {} : { error: ending.error }),
    });
  }

  /** Back to what served before. `after` is the way there that failed, if it was just now. */
  async #undo(
    work: SlotWork,
    rules: StepRules,
    culprits: readonly string[],
    after: SlotEnding | undefined,
  ): Promise<SlotResult> {
    const started = this.#ctx.clock.monotonic();
    const { previous } = work;
    const { release } = this.#job;
    const isDiscarded = (container: SlotContainer) =>
      container.release === release &&
      previous?.release !== release &&
      (container.status === 'created' || !culprits.includes(container.id));
    const isDoubtful = this.#isDoubtful(work);
    const usual = this.#jobOf(work, rules);
    const job = {
      ...usual,
      goal: goalOf(previous),
      isGated: isDoubtful,
      isDiscarded,
      memory: trustOld(work, after),
      ...(isDoubtful ? { gate: { ...usual.gate, monitorMs: this.#watchMs(work, rules) } } : {}),
    };
    const tools = { ...this.#tools, soft: neverAborts() };
    let ending = await runSlot(this.#inside(work), job, tools);
    // The dead run had asked to stop what is to serve: it is started once more.
    if (isDoubtful && ending.kind === 'failed')
      ending = await runSlot(this.#inside(work), job, tools);
    return {
      state:
        ending.kind === 'reached' ? 'rolled-back' : ending.kind === 'lost' ? 'unknown' : 'failed',
      runs: ending.runs,
      seconds: this.#since(started),
      culprits,
      isDark: ending.kind !== 'reached',
      ...(ending.error === undefined ? {} : { error: ending.error }),
    };
  }

  /**
   * An earlier run was at work in this slot. It may have asked the engine to stop what served, and a stop goes on though who asked
   * for it is dead (moby daemon/stop.go).
   */
  #isDoubtful({ now }: SlotWork): boolean {
    return this.#job.isResumed && now.some(({ release }) => release === this.#job.release);
  }

  /** Until such a stop would have had its effect. */
  #watchMs({ now, service }: SlotWork, { monitorMs }: StepRules): number {
    const graces = now.map((container) => stopGraceMs(this.#tools.acts, service, container));
    return Math.max(monitorMs, ...graces.map((graceMs) => graceMs + STOP_MARGIN_MS));
  }

  #jobOf(work: SlotWork, rules: StepRules) {
    const { service, slot, host, goal, isGated } = work;
    const { healthTimeoutMs } = this.#job;
    return {
      service,
      slot,
      host,
      goal,
      isGated,
      order: rules.order,
      isDiscarded: () => false,
      gate: {
        monitorMs: rules.monitorMs,
        ...(healthTimeoutMs === undefined ? {} : { deadlineMs: healthTimeoutMs }),
      },
    };
  }

  /** Slots that may not be as they were. What an earlier run did is not known here. */
  #isToUndo(work: SlotWork): boolean {
    const result = this.results.get(work);
    if (result?.state === 'rolled-back' || (result !== undefined && isPutBack(result)))
      return false;
    return this.#job.isResumed || (result !== undefined && result.state !== 'unchanged');
  }

  async #isStoppedWithin(delayMs: number): Promise<boolean> {
    await this.#ctx.clock.sleep(delayMs, this.#tools.soft).catch(() => undefined);
    return this.#tools.soft.aborted;
  }

  async #side(batch: readonly SlotWork[], act: (work: SlotWork) => Promise<void>): Promise<void> {
    await runAll(
      batch.map((work) => () => act(work)),
      SLOTS_AT_ONCE,
    );
  }

  #inside(work: SlotWork): Context {
    return narrow(this.#ctx, { host: work.host.name, slot: slotName(work) });
  }

  #since(startedMs: number): number {
    return (this.#ctx.clock.monotonic() - startedMs) / 1000;
  }
}

/** From the end of a grace period until the engine says that a container has ended. */
const STOP_MARGIN_MS = 2000;

function goalOf(previous: SlotWork['previous']): SlotGoal {
  if (previous === undefined) return { kind: 'none' };
  return { kind: 'run', specHash: previous.specHash, release: previous.release };
}

/** A slot that failed and runs what it ran. */
function isPutBack({ state, isDark }: SlotResult): boolean {
  return state === 'failed' && !isDark;
}

/** What served before and was never led away from needs no proof. */
function trustOld({ now }: SlotWork, after: SlotEnding | undefined) {
  const trusted = now.filter(({ id, status }) => {
    if (status !== 'running' || after === undefined) return false;
    return !after.memory.drained.has(id);
  });
  const ids = new Set(trusted.map(({ id }) => id));
  return { ...NO_MEMORY, passed: ids, routed: ids };
}

function settled({ now }: SlotWork): SlotResult {
  const runs = now.find(isServing)?.release;
  return { state: 'unchanged', runs, seconds: 0, culprits: [], isDark: false };
}

function stateOf({ kind, hasChanged }: SlotEnding, { goal }: SlotWork): SlotState {
  switch (kind) {
    case 'reached':
      if (!hasChanged) return 'unchanged';
      return goal.kind === 'none' ? 'stopped' : 'updated';
    case 'failed':
      return 'failed';
    case 'stopped':
      return 'interrupted';
    case 'lost':
    case 'lock-lost':
      return 'unknown';
  }
}

function byService(works: readonly SlotWork[]): SlotWork[][] {
  const groups = new Map<string, SlotWork[]>();
  for (const work of works) {
    // What goes away goes last, beside its like.
    const key = work.goal.kind === 'run' ? work.service : '';
    groups.set(key, [...(groups.get(key) ?? []), work]);
  }
  const leaving = groups.get('') ?? [];
  groups.delete('');
  return [...groups.values(), ...(leaving.length === 0 ? [] : [leaving])];
}
