// One rollout in a swarm under its lock: written down, then service after service in the order of their needs, each watched to its
// end; on failure back as a whole, to what every service was (orchestration 5.3).
import { type Context, interruption, note } from '../../core/context.ts';
import { isShipperError, messageOf } from '../../core/errors.ts';
import type { ServiceSpec } from '../../engine/swarm.ts';
import type { HookRunner } from '../parts.ts';
import type { AuditEntry, DeployScope, ReleaseStatus } from '../release.ts';
import type { RolloutOutcome, SlotState } from '../rollout-types.ts';
import { type ApplyTools, createService, removeService, updateService } from './apply.ts';
import { converge, goalOf, knownTasks, verdictError } from './converge.ts';
import { pruneHistory } from './forget.ts';
import type { HistoryKeeper, SwarmHistory } from './history.ts';
import { prepareNetworks } from './networks.ts';
import { putBack } from './put-back.ts';
import type { PreviousService } from './release-text.ts';
import { labelled } from './spec.ts';
import type { SwarmTarget } from './swarm-targets.ts';
import { backwards, failureActionOf, type ServiceWork } from './works.ts';

/** What a run works with. */
export interface SwarmTools {
  readonly scope: DeployScope;
  readonly by: string;
  readonly apply: ApplyTools;
  readonly keeper: HistoryKeeper;
  readonly history: SwarmHistory;
  readonly hooks: HookRunner;
  /** Releases that are kept for a rollback. */
  readonly retain: number;
  readonly healthTimeoutMs: number | undefined;
}

/** How a service ended. */
export interface ServiceResult {
  readonly state: SlotState;
  readonly seconds: number;
  readonly error?: unknown;
}

/** What came of it. */
export interface SwarmRunResult {
  readonly outcome: RolloutOutcome;
  /** By service; those that are missing were not begun with. */
  readonly results: ReadonlyMap<string, ServiceResult>;
  readonly error?: unknown;
}

type Halt = 'paused' | 'partial' | 'interrupted' | 'lock-lost' | 'rollback-paused';

/** Carries out `target`. Rejects only where nothing was changed; else the result says how it ended. */
export async function runSwarmRollout(
  ctx: Context,
  target: SwarmTarget,
  tools: SwarmTools,
): Promise<SwarmRunResult> {
  if (isUnchanged(target, tools.history)) return { outcome: 'unchanged', results: new Map() };
  return new SwarmRun(ctx, target, tools).run();
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

class SwarmRun {
  /** Ends early. */
  readonly #ctx: Context;
  /** Goes to its end. */
  readonly #inside: Context;
  readonly #target: SwarmTarget;
  readonly #tools: SwarmTools;
  readonly #results = new Map<string, ServiceResult>();
  #previous: readonly PreviousService[];
  /** Services that somebody else has by now: they are left alone. */
  readonly #theirs = new Set<string>();
  #firstError: unknown;

  constructor(ctx: Context, target: SwarmTarget, tools: SwarmTools) {
    this.#ctx = ctx;
    this.#inside = { ...ctx, signal: new AbortController().signal };
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

  async #begin(): Promise<void> {
    const { keeper } = this.#tools;
    const { release, isBack, givenUp, resumed } = this.#target;
    if (givenUp !== undefined) {
      const isLost = givenUp.action === 'rollout' && givenUp.release !== release.id;
      if (isLost) await this.#tellOf(givenUp.release, 'given up', 'failed');
      await keeper.endRun(this.#ctx);
    }
    if (resumed === undefined) {
      const action = isBack ? 'rollback' : 'rollout';
      const begun = { action, release: release.id, previous: this.#previous } as const;
      const isKept = this.#tools.history.releases.some(({ id }) => id === release.id);
      await keeper.begin(this.#ctx, release, begun, isKept);
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
    let hasFailed = false;
    for (const work of this.#target.works) {
      if (this.#ctx.signal.aborted) return 'interrupted';
      const action = await this.#roll(work);
      if (action === 'done') continue;
      if (action !== 'continue') return action;
      hasFailed = true;
    }
    return hasFailed ? 'partial' : 'done';
  }

  /** Does what is to be done with one service; says how to go on. */
  async #roll(work: ServiceWork): Promise<'done' | 'continue' | 'rollback' | Halt> {
    const startMs = this.#ctx.clock.monotonic();
    const end = (state: SlotState, error?: unknown) => {
      const seconds = (this.#ctx.clock.monotonic() - startMs) / 1000;
      this.#results.set(work.service, {
        state,
        seconds,
        ...(error === undefined ? {} : { error }),
      });
      this.#firstError ??= error;
    };
    let isApplied = false;
    try {
      const { managers } = this.#tools.apply;
      const known = await knownTasks(this.#inside, managers, work.now?.id);
      const spec = await this.#apply(work);
      isApplied = work.kind !== 'keep';
      const isWatched = spec !== undefined && (isApplied || this.#target.resumed !== undefined);
      if (!isWatched) {
        end(work.kind === 'remove' ? 'stopped' : 'unchanged');
        return 'done';
      }
      const goal = goalOf(work.service, spec, known, this.#tools.healthTimeoutMs);
      const verdict = await converge(this.#ctx, managers, goal, work.name);
      if (verdict.kind === 'done') {
        end(isApplied ? 'updated' : 'unchanged');
        return 'done';
      }
      const error = await verdictError(this.#inside, managers, goal, verdict);
      if (verdict.kind === 'changed') this.#theirs.add(work.service);
      end(verdict.kind === 'rolled-back' ? 'rolled-back' : 'failed', error);
      if (verdict.kind === 'changed') return 'paused';
      return this.#answer(spec, verdict.kind !== 'failed');
    } catch (error) {
      if (isShipperError(error, 'INTERRUPTED') && this.#ctx.signal.aborted) {
        end('interrupted');
        return 'interrupted';
      }
      end(isLost(error) ? 'unknown' : 'failed', error);
      if (isShipperError(error, 'LOCKED')) return 'lock-lost';
      if (isLost(error)) return 'paused';
      if (isShipperError(error, 'CONFLICT')) this.#theirs.add(work.service);
      const spec = work.wanted?.spec;
      return spec === undefined ? 'paused' : this.#answer(spec, false);
    }
  }

  /** What a failure of a service with `spec` is answered with. */
  #answer(spec: ServiceSpec, isPutBack: boolean): 'continue' | 'rollback' | 'paused' {
    if (this.#target.isBack)
      return failureActionOf(backwards(spec)) === 'continue' ? 'continue' : 'paused';
    // What the swarm began with one service is carried through with all.
    if (isPutBack) return 'rollback';
    const action = failureActionOf(spec);
    return action === 'continue' || action === 'rollback' ? action : 'paused';
  }

  /** Resolves with what the service was given; undefined where it was removed. */
  async #apply({ kind, wanted, now }: ServiceWork): Promise<ServiceSpec | undefined> {
    const { scope, apply } = this.#tools;
    const { release, isBack } = this.#target;
    const inside = this.#inside;
    if (kind === 'keep') return now?.spec;
    if (wanted === undefined) {
      if (now !== undefined) await removeService(inside, apply, now);
      return undefined;
    }
    const made = labelled(scope, wanted, release.id);
    const spec = isBack ? backwards(made) : made;
    if (now === undefined) await createService(inside, apply, spec);
    else await updateService(inside, apply, now, spec);
    return spec;
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
    const startMs = this.#ctx.clock.monotonic();
    const end = (state: SlotState, error?: unknown) => {
      const seconds = (before?.seconds ?? 0) + (this.#ctx.clock.monotonic() - startMs) / 1000;
      const told = error ?? before?.error;
      this.#results.set(service, {
        state,
        seconds,
        ...(told === undefined ? {} : { error: told }),
      });
      this.#firstError ??= error;
    };
    try {
      const isTouched = before !== undefined || this.#target.resumed !== undefined;
      const tools = { ...this.#tools, release: this.#target.release.id };
      if (await putBack(this.#inside, tools, previous, isTouched)) end('rolled-back');
      return true;
    } catch (error) {
      end(isLost(error) ? 'unknown' : 'failed', error);
      return false;
    }
  }

  async #commit(): Promise<SwarmRunResult> {
    const { keeper, history, retain } = this.#tools;
    const { release } = this.#target;
    const order = 1 + Math.max(0, ...history.releases.map((each) => each.order));
    await this.#tell('committed', 'committed', order);
    await keeper.endRun(this.#inside);
    try {
      await keeper.forget(this.#inside, pruneHistory(history, release.id, retain));
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
    const error = this.#firstError;
    const entry: AuditEntry = {
      at: new Date(this.#ctx.clock.now()).toISOString(),
      by: this.#tools.by,
      action: this.#target.action,
      release,
      outcome,
      ...(error === undefined ? {} : { detail: messageOf(error).slice(0, 300) }),
    };
    // What ran once may be gone back to, whatever became of it later.
    const ranOnce = (this.#tools.history.releases.find(({ id }) => id === release)?.order ?? 0) > 0;
    const change = {
      ...(status === undefined || ranOnce ? {} : { status }),
      ...(order === undefined ? {} : { order }),
    };
    return this.#tools.keeper.tell(this.#inside, release, entry, change);
  }

  #result(outcome: RolloutOutcome): SwarmRunResult {
    const error = outcome === 'done' ? undefined : this.#firstError;
    return { outcome, results: this.#results, ...(error === undefined ? {} : { error }) };
  }
}

function previousOf({ kind, service, now }: ServiceWork): readonly PreviousService[] {
  if (kind === 'keep') return [];
  return [{ service, ...(now === undefined ? {} : { spec: now.spec }) }];
}

/** No manager answers: what became of it is not known. */
function isLost(error: unknown): boolean {
  return isShipperError(error, 'ENGINE_UNREACHABLE') || isShipperError(error, 'TIMEOUT');
}
