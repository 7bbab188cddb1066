// One rollout under its lock: PLANNED → journal → images on every host → ROLLING → COMMITTED, or back (orchestration 5.3).
// Nothing of a service is touched before every host has its images and a record of what it ran.
import { type Context, interruption, note } from '../core/context.ts';
import { isShipperError, messageOf } from '../core/errors.ts';
import { neverAborts } from '../core/own-abort.ts';
import { runAll } from '../core/pool.ts';
import { HOSTS_AT_ONCE, type SkippedHost } from './fleet.ts';
import type { RolloutHost } from './host.ts';
import {
  beginRollout,
  commitRollout,
  failRollout,
  rolledBack,
  turnBack,
  withAudit,
} from './journal-changes.ts';
import type { JournalKeeper } from './journal-keeper.ts';
import type { HostView } from './observe.ts';
import type { HookRunner, Images } from './parts.ts';
import { requireClear } from './preflight.ts';
import { prepareHost } from './prepare.ts';
import type {
  AuditEntry,
  DeployScope,
  Journal,
  ReleasedSlot,
  ReleaseRecord,
  UnfinishedRollout,
} from './release.ts';
import { Rolling, type RollingOutcome, type SlotResult } from './rolling.ts';
import type { RolloutOutcome } from './rollout-types.ts';
import type { SlotActs } from './slot-acts.ts';
import type { SlotTools } from './slot-run.ts';
import { type ServiceRules, type SlotWork, slotsOf, worksOf } from './works.ts';

/** What is rolled out. */
export interface RolloutTarget {
  readonly action: 'rollout' | 'rollback' | 'resume';
  /** Its slots are filled in here. */
  readonly record: ReleaseRecord;
  /** In the order in which they are rolled out; those that go away too. */
  readonly services: readonly ServiceRules[];
  /** Of services that stay as they are, and of hosts that are left alone. */
  readonly untouched: readonly ReleasedSlot[];
  /** What an earlier run began. */
  readonly resumed?: UnfinishedRollout;
  /** Failures are not answered by going back: it is a way back already. */
  readonly isBack: boolean;
  readonly healthTimeoutMs?: number;
}

/** What a run works with. */
export interface RunTools {
  readonly scope: DeployScope;
  readonly by: string;
  readonly hosts: readonly RolloutHost[];
  readonly skipped: readonly SkippedHost[];
  readonly views: readonly HostView[];
  readonly journals: JournalKeeper;
  readonly images: Images;
  readonly hooks: HookRunner;
  readonly hostTimeoutMs: number;
  /** See `SlotActs.checkLock`. */
  readonly checkLock: SlotActs['checkLock'];
}

/** What came of it. */
export interface RunResult {
  readonly outcome: RolloutOutcome;
  readonly works: readonly SlotWork[];
  readonly results: ReadonlyMap<SlotWork, SlotResult>;
  /** The failure of the run, else the first of a slot. */
  readonly error?: unknown;
}

/** Carries out `target`. Rejects only where nothing was changed; else the result says how it ended. */
export async function runRollout(
  ctx: Context,
  target: RolloutTarget,
  tools: RunTools,
): Promise<RunResult> {
  const works = worksOfTarget(target, tools);
  if (isUnchanged(target, works, tools)) {
    return { outcome: 'unchanged', works, results: new Map() };
  }
  requireClear(tools.scope, tools.views, works);
  return new RolloutRun(ctx, target, tools, works).run();
}

/** The work that `target` is. */
export function worksOfTarget(
  { record, services, untouched, resumed }: RolloutTarget,
  { views }: Pick<RunTools, 'views'>,
): readonly SlotWork[] {
  return worksOf({
    release: record.id,
    services,
    views,
    elsewhere: untouched,
    ...(resumed === undefined ? {} : { resumed }),
  });
}

/** The newest release runs already, and nothing is half-way. */
function isUnchanged(
  { resumed, untouched }: RolloutTarget,
  works: readonly SlotWork[],
  { journals }: RunTools,
): boolean {
  if (resumed !== undefined || !works.every(({ isSettled }) => isSettled)) return false;
  const current = journals.current();
  if (current === undefined) return false;
  const key = ({ service, slot, engine, specHash }: ReleasedSlot) =>
    [service, slot, engine, specHash].join(' ');
  const wanted = slotsOf(works, untouched).map(key).sort();
  return wanted.join('\n') === current.slots.map(key).sort().join('\n');
}

type Halt = Exclude<RollingOutcome, 'done' | 'rollback'>;

class RolloutRun {
  /** Ends early. */
  readonly #ctx: Context;
  /** Goes to its end. */
  readonly #inside: Context;
  readonly #target: RolloutTarget;
  readonly #tools: RunTools;
  readonly #works: readonly SlotWork[];
  readonly #record: ReleaseRecord;
  readonly #rolling: Rolling;

  constructor(ctx: Context, target: RolloutTarget, tools: RunTools, works: readonly SlotWork[]) {
    this.#ctx = ctx;
    this.#inside = { ...ctx, signal: neverAborts() };
    this.#target = target;
    this.#tools = tools;
    this.#works = works;
    this.#record = { ...target.record, slots: slotsOf(works, target.untouched) };
    this.#rolling = this.#makeRolling();
  }

  async run(): Promise<RunResult> {
    const { resumed } = this.#target;
    if (resumed?.phase === 'rolling-back') return this.#goBack(undefined);
    try {
      await this.#begin();
      await this.#prepare();
    } catch (error) {
      if (resumed !== undefined) return this.#halt('paused', error);
      // Nothing was touched yet: the release is as if it had never begun.
      await this.#change(failRollout, 'failed', error);
      return this.#result(isShipperError(error, 'INTERRUPTED') ? 'interrupted' : 'failed', error);
    }
    return this.#roll();
  }

  /** What is to be done is written on every host before anything is. */
  #begin(): Promise<void> {
    const action = this.#target.isBack ? 'rollback' : 'rollout';
    const previous = this.#works.map(({ service, slot, host, previous: container }) => ({
      service,
      slot,
      engine: host.id,
      ...(container === undefined ? {} : { container }),
    }));
    const beginning = { action, record: this.#record, previous } as const;
    const entry = this.#entry('begun');
    const begin = (journal: Journal) => withAudit(beginRollout(journal, beginning), entry);
    return this.#tools.journals.change(this.#ctx, begin, { isStrict: true });
  }

  async #prepare(): Promise<void> {
    const { hooks, images, checkLock, hosts } = this.#tools;
    const ctx = this.#ctx;
    await runAll(
      hosts.map((host) => () => images.deliver(ctx, host, this.#servicesOn(host))),
      HOSTS_AT_ONCE,
    );
    await hooks.preRollout(ctx, this.#record.id);
    await runAll(
      hosts.map((host) => () => prepareHost(ctx, host, this.#record, checkLock)),
      HOSTS_AT_ONCE,
    );
  }

  async #roll(): Promise<RunResult> {
    const rolled = await this.#rolling.forwards();
    if (rolled === 'rollback') return this.#goBack(this.#firstError());
    if (rolled !== 'done') return this.#halt(rolled, this.#firstError());
    try {
      await this.#tools.hooks.postRollout(this.#inside, this.#record.id);
    } catch (error) {
      if (this.#isBackWanted()) return this.#goBack(error);
      return this.#halt('paused', error);
    }
    await this.#change(commitRollout, 'committed');
    return this.#result('done', undefined);
  }

  /** Some slots have changed and others not, and it stays so. */
  async #halt(outcome: Halt, error: unknown): Promise<RunResult> {
    const reason =
      error ?? (outcome === 'interrupted' ? interruption(this.#ctx.signal) : undefined);
    if (outcome === 'lock-lost') return this.#result(outcome, reason);
    if (this.#hasChanged() || this.#target.resumed !== undefined) {
      await this.#change(asItIs, outcome, reason);
      return this.#result(outcome, reason);
    }
    const told = outcome === 'interrupted' ? outcome : 'failed';
    await this.#change(failRollout, told, reason);
    return this.#result(told, reason);
  }

  async #goBack(error: unknown): Promise<RunResult> {
    const why = error === undefined ? '' : `: ${messageOf(error)}`;
    note(this.#ctx, 'warn', `going back to what ran before${why}`);
    await this.#change(turnBack, 'rolling back');
    if (await this.#rolling.back()) {
      await this.#change(rolledBack, 'rolled back', error);
      return this.#result('rolled-back', error);
    }
    await this.#change(asItIs, 'rollback paused', error);
    return this.#result('rollback-paused', error ?? this.#firstError());
  }

  /** Changes the journals, with a line of the audit log. */
  #change(change: (journal: Journal) => Journal, outcome: string, error?: unknown): Promise<void> {
    const entry = this.#entry(outcome, error);
    const told = (journal: Journal) => withAudit(change(journal), entry);
    return this.#tools.journals.change(this.#inside, told, { lost: this.#lostHosts() });
  }

  #makeRolling(): Rolling {
    const { isBack, resumed, healthTimeoutMs } = this.#target;
    const { scope, hooks, images, hostTimeoutMs, checkLock, journals } = this.#tools;
    const known = [this.#record, ...journals.releases()].flatMap(({ services }) => services);
    const acts: SlotActs = {
      checkLock,
      serviceOf: (name, specHash) =>
        known.find((service) => service.name === name && service.specHash === specHash),
      imageOn: (inside, host, service, isAgain) => images.imageOn(inside, host, service, isAgain),
      route: (inside, facts) => hooks.route(inside, facts),
      drain: (inside, facts) => hooks.drain(inside, facts),
    };
    const slotTools: SlotTools = { scope, acts, soft: this.#ctx.signal, hostTimeoutMs };
    const job = {
      release: this.#record.id,
      works: this.#works,
      isBack,
      isResumed: resumed !== undefined,
      ...(healthTimeoutMs === undefined ? {} : { healthTimeoutMs }),
    };
    return new Rolling(this.#inside, job, slotTools);
  }

  #servicesOn(host: RolloutHost) {
    const works = this.#works.filter((work) => work.host === host && !work.isSettled);
    const services = works.flatMap(({ rules, goal }) =>
      goal.kind === 'run' && rules.released !== undefined ? [rules.released] : [],
    );
    return [...new Set(services)];
  }

  #isBackWanted(): boolean {
    if (this.#target.isBack) return false;
    return this.#target.services.every(({ update }) => update.failureAction === 'rollback');
  }

  #hasChanged(): boolean {
    return [...this.#rolling.results.values()].some(
      ({ state, isDark }) => isDark || !['unchanged', 'failed', 'not-started'].includes(state),
    );
  }

  /** Hosts that were waited for in vain. */
  #lostHosts(): readonly RolloutHost[] {
    const lost = [...this.#rolling.results].filter(([, { state }]) => state === 'unknown');
    return lost.map(([{ host }]) => host);
  }

  #firstError(): unknown {
    const errors = this.#rolling.errors();
    return errors.find((error) => isShipperError(error, 'LOCKED')) ?? errors[0];
  }

  #entry(outcome: string, error?: unknown): AuditEntry {
    const { action } = this.#target;
    const at = new Date(this.#ctx.clock.now()).toISOString();
    const detail = error === undefined ? {} : { detail: messageOf(error).slice(0, 500) };
    return { at, by: this.#tools.by, action, release: this.#record.id, outcome, ...detail };
  }

  #result(outcome: RolloutOutcome, error: unknown): RunResult {
    const results = this.#rolling.results;
    return { outcome, works: this.#works, results, ...(error === undefined ? {} : { error }) };
  }
}

function asItIs(journal: Journal): Journal {
  return journal;
}
