// One rollout in a swarm under its lock: written down, then service after service in the order of their needs, each watched to its
// end; on failure back as a whole, to what every service was (orchestration 5.3).
import { type Context, interruption, note } from '../../core/context.ts';
import { isShipperError, messageOf } from '../../core/errors.ts';
import { given } from '../../core/given.ts';
import { neverAborts } from '../../core/own-abort.ts';
import type { ReleaseStatus } from '../release.ts';
import type { RolloutOutcome, SlotState } from '../rollout-types.ts';
import { forgottenOf } from './forget.ts';
import { nextOrder, type SwarmHistory } from './history.ts';
import { isUnanswered } from './managers.ts';
import { prepareNetworks } from './networks.ts';
import { putBack } from './put-back.ts';
import type { PreviousService } from './release-text.ts';
import { type AfterService, rollService } from './roll-service.ts';
import { tellOf } from './run-log.ts';
import type { ServiceResult, SwarmRunResult, SwarmTools } from './swarm-run-types.ts';
import type { SwarmTarget } from './swarm-targets.ts';
import { failureActionOf, type ServiceWork } from './works.ts';

/** Carries out `target`. Rejects only where nothing was changed; else the result says how it ended. */
export async function runSwarmRollout(
  ctx: Context,
  target: SwarmTarget,
  tools: SwarmTools,
): Promise<SwarmRunResult> {
  const run = new SwarmRun(ctx, target, tools);
  return isUnchanged(target, tools.history) ? run.leave() : run.run();
}

function isUnchanged(target: SwarmTarget, { current }: SwarmHistory): boolean {
  const { works, resumed, givenUp, release } = target;
  if (resumed !== undefined || givenUp !== undefined || current === undefined) return false;
  if (works.some(({ kind }) => kind !== 'keep')) return false;
  if (release.id === current.id) return true;
  const key = ({ services }: typeof release) =>
    services.map(({ name, specHash }) => `${name} ${specHash}`).join('\n');
  return target.action === 'rollout' && key(release) === key(current);
}

type Halt = Exclude<AfterService, 'done' | 'continue' | 'rollback'> | 'partial' | 'rollback-paused';

class SwarmRun {
  /** Ends early. */
  readonly #ctx: Context;
  /** Goes to its end. */
  readonly #inside: Context;
  readonly #target: SwarmTarget;
  readonly #tools: SwarmTools;
  readonly #results = new Map<string, ServiceResult>();
  readonly #previous: readonly PreviousService[];
  /** Services that somebody else has by now: they are left alone. */
  readonly #theirs = new Set<string>();
  #firstError: unknown;

  constructor(ctx: Context, target: SwarmTarget, tools: SwarmTools) {
    this.#ctx = ctx;
    this.#inside = { ...ctx, signal: neverAborts() };
    this.#target = target;
    this.#tools = tools;
    this.#previous = target.resumed?.previous ?? target.works.flatMap(previousOf);
  }

  async run(): Promise<SwarmRunResult> {
    const { resumed } = this.#target;
    if (resumed?.phase === 'rolling-back') return this.#goBack();
    try {
      await this.#begin();
      await this.#prepare();
    } catch (error) {
      this.#firstError = error;
      if (resumed !== undefined) return this.#halt('paused');
      return this.#fail();
    }
    const rolled = await this.#forwards();
    if (rolled === 'rollback') return this.#goBack();
    if (rolled !== 'done') return this.#halt(rolled);
    try {
      await this.#tools.hooks.postRollout(this.#inside, this.#target.release.id);
    } catch (error) {
      this.#firstError = error;
      return this.#isBackWanted() ? this.#goBack() : this.#halt('paused');
    }
    return this.#commit();
  }

  /** Everything is as it should be; whether it works is looked at where that is wanted. */
  async leave(): Promise<SwarmRunResult> {
    const { keeper, history } = this.#tools;
    if (history.isRunLeft) await keeper.endRun(this.#ctx);
    if (this.#target.watchesAll !== true) return this.#result('unchanged');
    const rolled = await this.#forwards();
    if (rolled === 'interrupted') this.#firstError ??= interruption(this.#ctx.signal);
    const isAsItWas = rolled === 'done' ? 'unchanged' : 'failed';
    return this.#result(rolled === 'interrupted' ? rolled : isAsItWas);
  }

  async #begin(): Promise<void> {
    const { keeper } = this.#tools;
    const { release, isBack, givenUp, resumed } = this.#target;
    if (givenUp !== undefined) {
      const isLost = givenUp.action === 'rollout' && givenUp.release !== release.id;
      if (isLost) await this.#tellOf(givenUp.release, 'given up', 'failed');
    }
    const { history } = this.#tools;
    if (givenUp !== undefined || history.isRunLeft) await keeper.endRun(this.#ctx);
    if (resumed === undefined) {
      const action = isBack ? 'rollback' : 'rollout';
      const begun = { action, release: release.id, previous: this.#previous } as const;
      await keeper.begin(this.#ctx, release, begun, history);
    }
    await this.#tell('begun');
  }

  async #prepare(): Promise<void> {
    const { hooks, apply } = this.#tools;
    const { release } = this.#target;
    await hooks.preRollout(this.#ctx, release.id);
    await prepareNetworks(this.#ctx, apply, release.networks);
  }

  async #forwards(): Promise<'done' | 'rollback' | Halt> {
    const run = {
      ...{ ctx: this.#ctx, inside: this.#inside },
      ...{ target: this.#target, tools: this.#tools },
    };
    let hasFailed = false;
    for (const work of this.#target.works) {
      if (this.#ctx.signal.aborted) return 'interrupted';
      const startMs = this.#ctx.clock.monotonic();
      const { state, next, isTheirs, error } = await rollService(run, work);
      if (isTheirs) this.#theirs.add(work.service);
      this.#end(work.service, startMs, state, error);
      if (next === 'continue') hasFailed = true;
      else if (next !== 'done') return next;
    }
    return hasFailed ? 'partial' : 'done';
  }

  /** Puts every service back that was touched, the last first. */
  async #goBack(): Promise<SwarmRunResult> {
    const { keeper } = this.#tools;
    const why = this.#firstError === undefined ? '' : `: ${messageOf(this.#firstError)}`;
    note(this.#ctx, 'warn', `going back to what ran before${why}`);
    try {
      await keeper.turnBack(this.#inside);
      await this.#tell('rolling back');
    } catch (error) {
      this.#firstError ??= error;
      return this.#halt(isShipperError(error, 'LOCKED') ? 'lock-lost' : 'rollback-paused');
    }
    let isBack = true;
    for (const previous of [...this.#previous].reverse()) {
      if (this.#theirs.has(previous.service)) continue;
      isBack = (await this.#putBack(previous)) && isBack;
    }
    if (!isBack) return this.#halt('rollback-paused');
    await this.#tell('rolled back', 'rolled-back');
    await keeper.endRun(this.#inside);
    return this.#result('rolled-back');
  }

  async #putBack(previous: PreviousService): Promise<boolean> {
    const { service } = previous;
    const before = this.#results.get(service);
    const startMs = this.#ctx.clock.monotonic() - (before?.seconds ?? 0) * 1000;
    try {
      const isTouched = before !== undefined || this.#target.resumed !== undefined;
      const tools = { ...this.#tools, release: this.#target.release.id };
      if (await putBack(this.#inside, tools, previous, isTouched)) {
        this.#end(service, startMs, 'rolled-back', before?.error);
      }
      return true;
    } catch (error) {
      this.#end(service, startMs, isUnanswered(error) ? 'unknown' : 'failed', error);
      return false;
    }
  }

  #end(service: string, startMs: number, state: SlotState, error?: unknown): void {
    const seconds = (this.#ctx.clock.monotonic() - startMs) / 1000;
    this.#results.set(service, { state, seconds, ...given({ error }) });
    this.#firstError ??= error;
  }

  async #commit(): Promise<SwarmRunResult> {
    const { keeper, history, retain } = this.#tools;
    const { release } = this.#target;
    await this.#tell('committed', 'committed', nextOrder(history));
    await keeper.endRun(this.#inside);
    try {
      await keeper.forget(this.#inside, forgottenOf(history, release.id, retain));
    } catch (error) {
      note(this.#ctx, 'warn', `Old releases were not removed: ${messageOf(error)}`);
    }
    return this.#result('done');
  }

  /** Nothing was touched: it is as if it had never begun. */
  async #fail(): Promise<SwarmRunResult> {
    const error = this.#firstError;
    const outcome = isShipperError(error, 'INTERRUPTED') ? 'interrupted' : 'failed';
    try {
      await this.#tell(outcome, 'failed');
      await this.#tools.keeper.endRun(this.#inside);
    } catch {
      // Why it failed says more: a lock that is lost, a swarm that does not answer.
    }
    return this.#result(outcome);
  }

  /** Some services have changed and others not, and it stays so. */
  async #halt(outcome: Halt): Promise<SwarmRunResult> {
    if (outcome === 'interrupted') this.#firstError ??= interruption(this.#ctx.signal);
    const isTouched = [...this.#results].some(
      ([, { state }]) => state !== 'unchanged' && state !== 'not-started',
    );
    if (!isTouched && this.#target.resumed === undefined && outcome !== 'lock-lost') {
      return this.#fail();
    }
    try {
      if (outcome !== 'lock-lost') await this.#tell(outcome);
    } catch (error) {
      note(this.#ctx, 'warn', `How it ended could not be written down: ${messageOf(error)}`);
    }
    return this.#result(outcome);
  }

  #isBackWanted(): boolean {
    if (this.#target.isBack) return false;
    return this.#target.works.every(
      ({ wanted }) => wanted === undefined || failureActionOf(wanted.spec) === 'rollback',
    );
  }

  #tell(outcome: string, status?: ReleaseStatus, order?: number): Promise<void> {
    return this.#tellOf(this.#target.release.id, outcome, status, order);
  }

  #tellOf(release: string, outcome: string, status?: ReleaseStatus, order?: number): Promise<void> {
    const writer = { ...this.#tools, action: this.#target.action };
    const told = given({ status, order, error: this.#firstError });
    return tellOf(this.#inside, writer, release, outcome, told);
  }

  #result(outcome: RolloutOutcome): SwarmRunResult {
    const error = outcome === 'done' ? undefined : this.#firstError;
    return { outcome, results: this.#results, ...given({ error }) };
  }
}

function previousOf({ kind, service, now }: ServiceWork): readonly PreviousService[] {
  if (kind === 'keep') return [];
  return [{ service, ...(now === undefined ? {} : { spec: now.spec }) }];
}
