// Watches an environment: what stops or turns unhealthy is mended, after a pause that grows with each try, and given up after a
// limit. Events only say when to look; what is wrong is always what a look shows, so that one that was lost does no harm.
import { type Context, interruption, narrow, note } from '../core/context.ts';
import { type Failure, failureOf, isShipperError, messageOf } from '../core/errors.ts';
import { ownAbort } from '../core/own-abort.ts';
import type { RolloutHost } from '../rollout/host.ts';
import { readJournal } from '../rollout/journal.ts';
import { recordIn } from '../rollout/journal-changes.ts';
import { scopeLabels, slotName } from '../rollout/labels.ts';
import type { Journal } from '../rollout/release.ts';
import { serviceNames } from './chosen.ts';
import type { FanOut } from './fan-out.ts';
import type { FleetParts } from './fleet-parts.ts';
import { HostMender, lockHost, lookAt, type MendTools, type SlotLook } from './mend.ts';
import { openedAt, requireHome } from './pull-services.ts';
import type { Home, Target } from './targets.ts';
import {
  isOneTooMany,
  NEW_SLOT,
  type SlotHistory,
  slotAilsAt,
  slotTried,
  slotWorks,
  type WatchRules,
} from './watch-slot.ts';

/** Something that a watch saw or did. JSON-able. */
export interface WatchEvent {
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly host: string;
  /** `api.3`; absent where it is about the host. */
  readonly slot?: string;
  readonly kind: /** Something is wrong with the slot; it is mended after `pauseMs`. */
    | 'ails'
    | 'mended'
    /** A try did not help. */
    | 'failed'
    /** It is not tried any more until it works by itself, or somebody mends it. */
    | 'given-up'
    /** The host does not answer. It is asked again and again. */
    | 'lost'
    /** It is watched, at first or again. */
    | 'watched';
  /** `stopped (exit code 1)`, the message of a failure … */
  readonly reason: string;
  /** Which try that was. */
  readonly tries?: number;
  readonly pauseMs?: number;
  readonly error?: Failure;
}

/** What is watched. */
export interface WatchJob {
  /** Services and groups; none means all. */
  readonly services: readonly string[];
  readonly home: Home | undefined;
  readonly rules: WatchRules;
  readonly tell: (event: WatchEvent) => void;
}

/** Without any event it is looked so often. */
const LOOK_EVERY_MS = 30_000;
/** A host that does not answer is asked again after so long, twice as long each time. */
const FIRST_LOST_MS = 1000;
const LAST_LOST_MS = 30_000;
/** While somebody else is at work there. */
const LOCKED_MS = 5000;
/** What may be a trouble. */
const EVENTS = ['die', 'stop', 'pause', 'destroy', 'health_status', 'oom', 'start', 'unpause'];

/** Watches until the run is cancelled: it never resolves. `USAGE` where no environment is named. */
export async function watchFleet(
  ctx: Context,
  parts: FleetParts,
  spread: FanOut,
  job: WatchJob,
): Promise<never> {
  const home = requireHome(job.home, 'watch services');
  const services = job.services.length === 0 ? [] : serviceNames(home, job.services);
  const rollout = await parts.rollout();
  const opened = openedAt(parts, home, rollout);
  await using images = rollout.images(opened);
  const { patienceMs } = spread;
  const common = { opened, parts: rollout, images, services, patienceMs };
  const shared: SharedJournal = { latest: undefined };
  const watches = spread.targets.list.map((target) =>
    new HostWatch(ctx, target, spread, common, job, shared).run(),
  );
  await Promise.all(watches);
  throw interruption(ctx.signal);
}

/** The newest journal that was seen on any host: one that was away may have an older one. */
interface SharedJournal {
  latest: Journal | undefined;
}

class HostWatch {
  readonly #ctx: Context;
  readonly #target: Target;
  readonly #spread: FanOut;
  readonly #common: Omit<MendTools, 'record'>;
  readonly #job: WatchJob;
  readonly #shared: SharedJournal;
  readonly #slots = new Map<string, SlotHistory>();
  #isNew = false;
  #wake: () => void = () => undefined;

  constructor(
    ctx: Context,
    target: Target,
    spread: FanOut,
    common: Omit<MendTools, 'record'>,
    job: WatchJob,
    shared: SharedJournal,
  ) {
    this.#ctx = narrow(ctx, { host: target.name });
    this.#target = target;
    this.#spread = spread;
    this.#common = common;
    this.#job = job;
    this.#shared = shared;
  }

  /** Resolves when the run is cancelled. */
  async run(): Promise<void> {
    const { signal } = this.#ctx;
    for (let pauseMs = FIRST_LOST_MS; !signal.aborted; ) {
      const startMs = this.#ctx.clock.monotonic();
      try {
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        this.#tell({ kind: 'lost', reason: messageOf(error), error: failureOf(error) });
      }
      if (this.#ctx.clock.monotonic() - startMs > LAST_LOST_MS) pauseMs = FIRST_LOST_MS;
      await this.#sleep(pauseMs);
      pauseMs = Math.min(LAST_LOST_MS, pauseMs * 2);
    }
  }

  /** As long as the host answers. */
  async #watch(): Promise<void> {
    const { targets, patienceMs } = this.#spread;
    const host = await targets.connect(this.#ctx, this.#target, patienceMs);
    const stop = ownAbort(this.#ctx.signal);
    const listening = this.#listen({ ...this.#ctx, signal: stop.signal }, host);
    try {
      let isFirst = true;
      for (;;) {
        const nextMs = await this.#round(host);
        if (isFirst) this.#tell({ kind: 'watched', reason: slotCount(this.#slots.size) });
        isFirst = false;
        await this.#rest(nextMs);
      }
    } finally {
      stop.abort();
      stop.release();
      await listening;
    }
  }

  /** Wakes the watch when something happens. A stream that ends is opened again, and it is looked meanwhile. */
  async #listen(ctx: Context, host: RolloutHost): Promise<void> {
    const label = scopeLabels(this.#common.opened.scope);
    const filters = { type: ['container'], event: EVENTS, label };
    while (!ctx.signal.aborted) {
      try {
        for await (const _ of host.engine.containers.events(ctx, filters)) this.#wakeUp();
      } catch (error) {
        if (ctx.signal.aborted) return;
        note(ctx, 'info', `${messageOf(error)}; looking again`);
      }
      this.#wakeUp();
      await ctx.clock.sleep(FIRST_LOST_MS, ctx.signal).catch(() => undefined);
    }
  }

  /** Looks, mends what is due, and says when to look again at the latest. */
  async #round(host: RolloutHost): Promise<number> {
    const tools = await this.#tools(host);
    const nowMs = this.#ctx.clock.monotonic();
    // Nothing was rolled out, or a rollout is half-way: whoever does that looks after it.
    if (tools === undefined) return nowMs + LOCKED_MS;
    const looks = await lookAt(this.#ctx, host, tools);
    const due = looks.filter((look) => this.#judge(look));
    if (due.length > 0) return this.#mend(host, tools, due);
    const dues = [...this.#slots.values()].flatMap(({ dueMs }) => dueMs ?? []);
    return Math.min(nowMs + LOOK_EVERY_MS, ...dues);
  }

  async #tools(host: RolloutHost): Promise<MendTools | undefined> {
    const journal = await readJournal(this.#ctx, host.engine, this.#common.opened.scope);
    const { latest } = this.#shared;
    if (journal !== undefined && journal.revision >= (latest?.revision ?? 0)) {
      this.#shared.latest = journal;
    }
    const newest = this.#shared.latest;
    if (newest === undefined || newest.unfinished !== undefined) return undefined;
    const record = recordIn(newest, newest.current);
    return record === undefined ? undefined : { ...this.#common, record };
  }

  /** Whether a slot is to be mended now. */
  #judge(look: SlotLook): boolean {
    const { rules } = this.#job;
    const name = slotName(look);
    const nowMs = this.#ctx.clock.monotonic();
    const before = this.#slots.get(name) ?? NEW_SLOT;
    if (!isTrouble(look)) {
      this.#slots.set(name, this.#engineRestarts(look, slotWorks(before, rules, nowMs)));
      return false;
    }
    if (!before.isGivenUp && before.dueMs === undefined && isOneTooMany(before, rules)) {
      this.#giveUp(look, before, `${before.tries} times in a row`);
      return false;
    }
    const now = slotAilsAt(before, rules, nowMs);
    this.#slots.set(name, now);
    if (now.isGivenUp || now.dueMs === undefined) return false;
    if (before.dueMs === undefined) {
      const pauseMs = now.dueMs - nowMs;
      this.#tell({ kind: 'ails', slot: name, reason: reasonOf(look), pauseMs });
    }
    return nowMs >= now.dueMs;
  }

  /** One that its engine restarts by its policy is left to it, and told once it was restarted too often. */
  #engineRestarts(look: SlotLook, history: SlotHistory): SlotHistory {
    const count = look.container?.seen.state.restartCount ?? 0;
    if (count < history.engineRestarts) return { ...history, engineRestarts: count };
    const many = count - history.engineRestarts >= this.#job.rules.limit;
    if (history.isGivenUp || !many) return history;
    this.#giveUp(look, history, `its engine restarted it ${count} times`);
    return { ...history, isGivenUp: true, engineRestarts: count };
  }

  #giveUp(look: SlotLook, history: SlotHistory, why: string): void {
    const slot = slotName(look);
    this.#slots.set(slot, { ...history, isGivenUp: true, steadySinceMs: undefined });
    const reason = `${reasonOf(look)}, ${why}`;
    this.#tell({ kind: 'given-up', slot, reason, tries: history.tries });
  }

  /** Mends what is due under the lock of the host. */
  async #mend(host: RolloutHost, tools: MendTools, due: readonly SlotLook[]): Promise<number> {
    const { clock } = this.#ctx;
    try {
      await using lock = await lockHost(this.#ctx, host, tools.opened, 'watch');
      const mender = new HostMender(host, tools, lock);
      await mender.prepare(this.#ctx);
      await Promise.all(due.map((look) => this.#try(mender, look)));
    } catch (error) {
      if (!isShipperError(error, 'LOCKED')) throw error;
      note(this.#ctx, 'info', `${error.message}; looking again`);
      return clock.monotonic() + LOCKED_MS;
    }
    return clock.monotonic();
  }

  async #try(mender: HostMender, look: SlotLook): Promise<void> {
    const slot = slotName(look);
    const history = slotTried(this.#slots.get(slot) ?? NEW_SLOT);
    const { tries } = history;
    try {
      await mender.mend(this.#ctx, look);
      this.#tell({ kind: 'mended', slot, reason: `was ${reasonOf(look)}`, tries });
    } catch (error) {
      if (this.#ctx.signal.aborted || isShipperError(error, 'LOCKED')) throw error;
      this.#tell({
        ...{ kind: 'failed', slot, reason: messageOf(error), tries },
        error: failureOf(error),
      });
    }
    this.#slots.set(slot, history);
  }

  #tell(event: Omit<WatchEvent, 'at' | 'host'>): void {
    const at = new Date(this.#ctx.clock.now()).toISOString();
    this.#job.tell({ at, host: this.#target.name, ...event });
  }

  /** Until something happens, or `untilMs`. */
  async #rest(untilMs: number): Promise<void> {
    const { clock, signal } = this.#ctx;
    if (!this.#isNew) {
      const stop = ownAbort(signal);
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const slept = clock.sleep(Math.max(0, untilMs - clock.monotonic()), stop.signal);
      await Promise.race([woken, slept]).finally(() => {
        stop.abort();
        stop.release();
      });
      await slept.catch(() => undefined);
    }
    this.#isNew = false;
    if (signal.aborted) throw signal.reason;
  }

  #wakeUp(): void {
    this.#isNew = true;
    this.#wake();
  }

  #sleep(ms: number): Promise<void> {
    return this.#ctx.clock.sleep(ms, this.#ctx.signal).catch(() => undefined);
  }
}

/** What was put aside is meant to be so, and what its engine is restarting is its engine's to restart. */
function isTrouble({ plight }: SlotLook): boolean {
  return plight !== 'running' && plight !== 'put aside' && plight !== 'restarting';
}

function slotCount(count: number): string {
  return count === 1 ? '1 slot' : `${count} slots`;
}

function reasonOf({ plight, why }: SlotLook): string {
  return why === '' ? plight : `${plight} (${why})`;
}
