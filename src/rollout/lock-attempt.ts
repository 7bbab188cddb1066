// One try to take the lock of an environment on all of its hosts: all, or none.
import { type Context, note } from '../core/context.ts';
import { isShipperError } from '../core/errors.ts';
import type { TempOwner } from '../system/system.ts';
import {
  holderOf,
  holderText,
  LEASE,
  type LockClaim,
  type LockHolder,
  type LockHost,
  locksOf,
  releaseLock,
  scopeText,
} from './lock.ts';
import type { DeployScope } from './release.ts';
import { within } from './within.ts';

/** A lock that was taken over from somebody. */
export interface TakenOver {
  readonly host: string;
  readonly holder: LockHolder;
  /** `its process has ended`. */
  readonly reason: string;
}

/** The lock of one host, as a run has it. */
export interface HeldHost {
  readonly host: LockHost;
  readonly container: string;
  /** It is that of the run whose hook started this one: theirs to renew and to release. */
  readonly isEntered: boolean;
  /** When its lease was last renewed, on the run's own clock: before the call. */
  readonly renewedAt: number;
}

/** Somebody else has it. */
export interface Rival {
  readonly host: LockHost;
  readonly holder: LockHolder;
}

/** What a try goes by. */
export interface Attempt {
  readonly scope: DeployScope;
  readonly claim: LockClaim;
  /** Tokens of the runs that this one is part of. */
  readonly inherited: readonly string[];
  readonly owner: TempOwner;
  /** Whether locks of holders that have died may be taken over. */
  readonly takesOver: boolean;
  /** Undefined where nobody waits: a single look says nothing about a lease. */
  readonly watch: LeaseWatch | undefined;
}

/** A release has so long: a host that is out of reach must not hold up the end of a run. */
const RELEASE_MS = 10_000;

/** Remembers since when leases have been unchanged, by the clock of who looks. */
export class LeaseWatch {
  readonly #seen = new Map<string, { readonly what: string; readonly sinceMs: number }>();

  /** Looks at the lease of a holder; returns for how long it surely has not been renewed, in milliseconds. */
  async look(ctx: Context, host: LockHost, holder: LockHolder): Promise<number> {
    const askedMs = ctx.clock.monotonic();
    const lease = await readOrRefused(ctx, host, holder);
    if (lease === 'refused') {
      this.#seen.delete(host.id);
      return 0;
    }
    const what = JSON.stringify([holder.container, lease ?? null]);
    const before = this.#seen.get(host.id);
    // From after the first look to before the last: what it says was so all the time between them.
    if (before?.what === what) return askedMs - before.sinceMs;
    this.#seen.set(host.id, { what, sinceMs: ctx.clock.monotonic() });
    return 0;
  }
}

/** `refused` where the engine can just now not say: it fails on containers that are being removed. */
async function readOrRefused(
  ctx: Context,
  host: LockHost,
  { container }: LockHolder,
): Promise<string | undefined> {
  try {
    return await locksOf(host).readLease(ctx, container);
  } catch (error) {
    if (isShipperError(error, 'ENGINE')) return 'refused';
    throw error;
  }
}

/** Takes the lock on `hosts`, in the order of their ids: all are held then, or none and somebody else has it. */
export async function attemptLock(
  ctx: Context,
  hosts: readonly LockHost[],
  attempt: Attempt,
  takenOver: TakenOver[],
): Promise<readonly HeldHost[] | Rival> {
  const [first, ...others] = [...hosts].sort((a, b) => (a.id < b.id ? -1 : 1));
  if (first === undefined) return [];
  const take = (host: LockHost) => takeOne(ctx, host, attempt, takenOver);
  // The first alone: of many who come at once, one gets past it, and the others have nothing to give back.
  const arbiter = await settled(take(first));
  const rest =
    arbiter.kind === 'held' ? await Promise.all(others.map((h) => settled(take(h)))) : [];
  if (arbiter.kind === 'rival') await Promise.all(others.map((host) => peek(ctx, host, attempt)));
  const all = [arbiter, ...rest];
  const held = all.filter((each) => each.kind === 'held').map(({ value }) => value);
  if (held.length === hosts.length) return held;
  await giveBack(ctx, [first, ...(rest.length === 0 ? [] : others)], attempt);
  const failed = all.find((each) => each.kind === 'failed');
  if (failed !== undefined) throw failed.error;
  const rival = all.find((each) => each.kind === 'rival');
  return rival?.value ?? [];
}

type Settled =
  | { readonly kind: 'held'; readonly value: HeldHost }
  | { readonly kind: 'rival'; readonly value: Rival }
  | { readonly kind: 'failed'; readonly error: unknown };

async function settled(work: Promise<HeldHost | Rival>): Promise<Settled> {
  try {
    const value = await work;
    return 'holder' in value ? { kind: 'rival', value } : { kind: 'held', value };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** Begins to watch a lease before its turn comes, so that a dead run is known everywhere at once. */
async function peek(ctx: Context, host: LockHost, { scope, watch }: Attempt): Promise<void> {
  if (watch === undefined) return;
  try {
    const holder = await holderOf(ctx, host, scope);
    if (holder !== undefined) await watch.look(ctx, host, holder);
  } catch {
    // Whoever takes this one will be told.
  }
}

async function takeOne(
  ctx: Context,
  host: LockHost,
  attempt: Attempt,
  takenOver: TakenOver[],
): Promise<HeldHost | Rival> {
  const { scope, claim } = attempt;
  let removed: TakenOver | undefined;
  for (;;) {
    const renewedAt = ctx.clock.monotonic();
    const take = await locksOf(host).tryLock(ctx, scope, claim);
    if (take.kind === 'taken') {
      if (removed !== undefined) takenOver.push(removed);
      return { host, container: take.container, isEntered: false, renewedAt };
    }
    const { holder } = take;
    if (attempt.inherited.includes(holder.token)) {
      return { host, container: holder.container, isEntered: true, renewedAt };
    }
    const reason = attempt.takesOver ? await whyOver(ctx, host, holder, attempt) : undefined;
    if (reason === undefined) return { host, holder };
    // By its id: of several who do this one's create is the first, and nobody removes what that made.
    await locksOf(host).remove(ctx, holder.container);
    removed = { host: host.name, holder, reason };
    const what = `Removed the lock of ${scopeText(scope)} on ${host.name}`;
    note(ctx, 'warn', `${what}: ${holderText(holder)}, and ${reason}`);
  }
}

/** Why a lock may be taken over; undefined where it may not. */
async function whyOver(
  ctx: Context,
  host: LockHost,
  holder: LockHolder,
  { owner, watch }: Attempt,
): Promise<string | undefined> {
  if (owner.isDead(holder.owner) === true) return 'its process has ended';
  if (watch === undefined) return undefined;
  const unchangedMs = await watch.look(ctx, host, holder);
  if (unchangedMs < LEASE.ttlMs) return undefined;
  return `its lease was not renewed for ${LEASE.ttlMs / 1000} seconds`;
}

/** Releases what was taken on `hosts`, also where the answer was lost; returns those where that could not be told. */
export async function giveBack(
  ctx: Context,
  hosts: readonly LockHost[],
  { scope, claim }: Pick<Attempt, 'scope' | 'claim'>,
  limitMs: number = RELEASE_MS,
): Promise<readonly { readonly host: LockHost; readonly error: unknown }[]> {
  // Not on the run's signal: it may have been cancelled, and that is no reason to keep a lock.
  const free = { ...ctx, signal: new AbortController().signal };
  const left: { host: LockHost; error: unknown }[] = [];
  const release = async (host: LockHost): Promise<void> => {
    try {
      await within(free, limitMs, `release the lock on ${host.name}`, (inside) =>
        releaseLock(inside, host, scope, claim.token),
      );
    } catch (error) {
      left.push({ host, error });
    }
  };
  await Promise.all(hosts.map(release));
  return left;
}
