// A lock that is held: its heart beats, each host on its own, until it is disposed of.
import { type Context, interruption, note } from '../core/context.ts';
import { bug, isShipperError, messageOf, ShipperError } from '../core/errors.ts';
import { expectListeners } from '../core/own-abort.ts';
import type { FleetLock } from './fleet-lock.ts';
import {
  holderOf,
  holderText,
  LEASE,
  type LockClaim,
  type LockHolder,
  type LockHost,
  locksOf,
  scopeText,
} from './lock.ts';
import { giveBack, type HeldHost, type TakenOver } from './lock-attempt.ts';
import type { DeployScope } from './release.ts';
import { within } from './within.ts';

/** Where and to whom a lock was lost. */
export interface LostLock {
  readonly host: string;
  /** Who has it now; undefined where it was only removed, or where that cannot be told. */
  readonly holder: LockHolder | undefined;
}

/** A host that did not answer the last time is asked for so long to let go of its lock, which else runs out. */
const SILENT_MS = 3000;

/** Whose lock it is. */
interface Holding {
  readonly scope: DeployScope;
  readonly claim: LockClaim;
  readonly takenOver: readonly TakenOver[];
  readonly env: Readonly<Record<string, string>>;
}

interface Kept {
  readonly host: LockHost;
  readonly container: string;
  readonly isEntered: boolean;
  beat: number;
  renewedAt: number;
  /** From when on it is believed again: it was not renewed for so long that somebody may just have been taking it over. */
  trustedFrom: number;
  /** It did not answer the last time. */
  isSilent: boolean;
  lost: LostLock | undefined;
}

/** See {@link FleetLock}. */
export class HeldLock implements FleetLock {
  readonly #ctx: Context;
  readonly #holding: Holding;
  readonly #kept: readonly Kept[];
  readonly #stop = new AbortController();
  readonly #hearts: readonly Promise<void>[];
  #isReleased = false;

  /** Begins to renew the leases. */
  constructor(ctx: Context, held: readonly HeldHost[], holding: Holding) {
    // Not the run's signal: a run that was cancelled goes on to a safe point, and holds the lock until then.
    this.#ctx = { ...ctx, signal: this.#stop.signal };
    expectListeners(this.#stop.signal);
    this.#holding = holding;
    this.#kept = held.map((each) => ({
      ...each,
      beat: 0,
      trustedFrom: each.renewedAt,
      isSilent: false,
      lost: undefined,
    }));
    this.#hearts = this.#kept.filter(({ isEntered }) => !isEntered).map((kept) => this.#keep(kept));
  }

  get token(): string {
    return this.#holding.claim.token;
  }

  get env(): Readonly<Record<string, string>> {
    return this.#holding.env;
  }

  get takenOver(): readonly TakenOver[] {
    return this.#holding.takenOver;
  }

  get lost(): readonly LostLock[] {
    return this.#kept.map(({ lost }) => lost).filter((lost) => lost !== undefined);
  }

  async check(ctx: Context, { id }: Pick<LockHost, 'id'>): Promise<void> {
    const kept = this.#kept.find(({ host }) => host.id === id);
    if (kept === undefined) throw bug(`the lock was not taken on the engine ${id}`);
    if (kept.lost !== undefined) throw this.#lockLost(kept.lost);
    let failure: { readonly error: unknown } | undefined;
    try {
      if (!kept.isEntered) await this.#proveFresh(ctx, kept);
    } catch (error) {
      failure = { error };
    }
    if (ctx.signal.aborted) throw interruption(ctx.signal);
    // Engines fail in many ways on what is being removed: whether it is there is what counts.
    if (await this.#isThere(ctx, kept)) {
      if (failure !== undefined) throw failure.error;
      return;
    }
    throw this.#lockLost(await this.#lose(ctx, kept));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#stop.abort();
    await Promise.all(this.#hearts);
    const own = this.#kept.filter(({ isEntered, lost }) => !isEntered && lost === undefined);
    const [first, ...others] = own;
    if (first === undefined) return;
    // The first last: who waits for the lock tries that one first, and finds the others free then.
    const left = [...(await this.#giveBack(others)), ...(await this.#giveBack([first]))];
    for (const { host, error } of left) {
      const what = `The lock of ${scopeText(this.#holding.scope)} on ${host.name} is left`;
      const until = `it can be taken over after ${LEASE.ttlMs / 1000} seconds`;
      note(this.#ctx, 'warn', `${what}, ${until}: ${messageOf(error)}`);
    }
  }

  async #giveBack(kept: readonly Kept[]) {
    const parts = [true, false].map((isSilent) => {
      const hosts = kept.filter((each) => each.isSilent === isSilent).map(({ host }) => host);
      return giveBack(this.#ctx, hosts, this.#holding, isSilent ? SILENT_MS : undefined);
    });
    return (await Promise.all(parts)).flat();
  }

  async #isThere(ctx: Context, kept: Kept): Promise<boolean> {
    kept.isSilent = true;
    const isThere = await locksOf(kept.host).isHeld(ctx, kept.container);
    kept.isSilent = false;
    return isThere;
  }

  async #keep(kept: Kept): Promise<void> {
    while (!this.#stop.signal.aborted && kept.lost === undefined) {
      try {
        await this.#ctx.clock.sleep(LEASE.beatMs, this.#stop.signal);
        const what = `renew the lock on ${kept.host.name}`;
        await within(this.#ctx, LEASE.beatMs, what, (ctx) => this.#renew(ctx, kept));
      } catch (error) {
        // A connection that was lost may come back; `check` knows how old the lease is.
        if (isShipperError(error, 'NOT_FOUND')) await this.#lose(this.#ctx, kept);
      }
    }
  }

  async #renew(ctx: Context, kept: Kept): Promise<void> {
    const { clock } = ctx;
    const askedAt = clock.monotonic();
    kept.beat += 1;
    await locksOf(kept.host).writeLease(ctx, kept.container, this.token, kept.beat);
    // Somebody may have decided just before to take it over. One beat later that would be done.
    if (askedAt - kept.renewedAt > LEASE.freshMs) kept.trustedFrom = askedAt + LEASE.beatMs;
    kept.renewedAt = Math.max(kept.renewedAt, askedAt);
  }

  async #proveFresh(ctx: Context, kept: Kept): Promise<void> {
    const { clock } = ctx;
    while (clock.monotonic() - kept.renewedAt > LEASE.freshMs) await this.#renew(ctx, kept);
    const restMs = kept.trustedFrom - clock.monotonic();
    if (restMs > 0) await clock.sleep(restMs, ctx.signal);
  }

  async #lose(ctx: Context, kept: Kept): Promise<LostLock> {
    if (kept.lost !== undefined) return kept.lost;
    const { host } = kept;
    const holder = await holderOf(ctx, host, this.#holding.scope).catch(() => undefined);
    kept.lost ??= { host: host.name, holder };
    return kept.lost;
  }

  #lockLost({ host, holder }: LostLock): ShipperError {
    const { scope } = this.#holding;
    const state =
      holder === undefined
        ? 'its lock was removed, as `docker container prune` and `shipper unlock` do'
        : `its lock was taken over: ${holderText(holder)}`;
    return new ShipperError(
      'LOCKED',
      `Cannot go on with ${scopeText(scope)} on ${host}: ${state}`,
      {
        host,
        hint: `See how it was left: shipper status ${scope.environment}. Then go on: shipper resume ${scope.environment}`,
      },
    );
  }
}
