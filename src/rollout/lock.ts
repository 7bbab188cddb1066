// The lock of an environment on one host: a container that is created and never started. Its name can be had once, its
// labels say who holds it, and a file in it is the lease, which the holder renews (decision 27).
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { EngineContainer } from '../engine/containers.ts';
import type { Engine } from '../engine/engine.ts';
import { scanTar } from '../tar/scan.ts';
import { LABELS } from './labels.ts';
import type { DeployScope } from './release.ts';
import { loadTinyImage, tarOf } from './tiny-image.ts';

/** Times of a lease, in milliseconds. */
export const LEASE = {
  /** From one renewal to the next. */
  beatMs: 10_000,
  /** Whoever sees a lease unchanged for so long, by its own clock, may take the lock over. */
  ttlMs: 30_000,
  /** A holder that has not renewed for so long proves first that it still holds the lock: less, as calls take time. */
  freshMs: 25_000,
} as const;

/** A host as a lock needs it. */
export interface LockHost {
  /** As messages call it. */
  readonly name: string;
  /** `ID` of its engine: hosts are locked in this order. */
  readonly id: string;
  readonly engine: Engine;
  /** Where its locks are kept; default: in containers of its engine. */
  readonly locks?: LockStore;
}

/** Where locks are kept: under names that can be had once, with a lease beside them. The rules of the lease are above it. */
export interface LockStore {
  /** Tries once to take the lock. After a failure it may have been taken all the same. */
  tryLock(ctx: Context, scope: DeployScope, claim: LockClaim): Promise<Take>;
  /** Who holds the lock; undefined where nobody does. `CONFLICT` where something else has its name. */
  holderOf(ctx: Context, scope: DeployScope): Promise<LockHolder | undefined>;
  /** What the lease says, for comparing; undefined where there is none yet, or no such lock. */
  readLease(ctx: Context, container: string): Promise<string | undefined>;
  /** Renews a lease. `NOT_FOUND` where the lock is gone. */
  writeLease(ctx: Context, container: string, token: string, beat: number): Promise<void>;
  /** Whether a lock is still there. */
  isHeld(ctx: Context, container: string): Promise<boolean>;
  /** No error when it is gone. */
  remove(ctx: Context, container: string): Promise<void>;
}

/** Where the locks of `host` are kept. */
export function locksOf(host: LockHost): LockStore {
  const { engine } = host;
  return (
    host.locks ?? {
      tryLock: (ctx, scope, claim) => tryLock(ctx, host, scope, claim),
      holderOf: (ctx, scope) => holderIn(ctx, host, scope),
      readLease: (ctx, container) => readLease(ctx, engine, container),
      writeLease: (ctx, container, token, beat) => writeLease(ctx, engine, container, token, beat),
      isHeld: (ctx, container) => isHeld(ctx, engine, container),
      remove: (ctx, container) => engine.containers.remove(ctx, container),
    }
  );
}

/** What a lock says of who holds it. */
export interface LockClaim {
  /** Of one holder, at random. */
  readonly token: string;
  /** `user@machine`. */
  readonly by: string;
  /** Its process: `files.owner.tag`. */
  readonly owner: string;
  /** `rollout`, `rollback`, `resume` … */
  readonly action: string;
  readonly release?: string;
  /** RFC 3339, UTC, by the holder's clock: for people only. */
  readonly since: string;
}

/** A lock that is held. */
export interface LockHolder extends LockClaim {
  readonly scope: DeployScope;
  /** Id of its container, or of what else it is kept in. */
  readonly container: string;
}

/** What came of trying to take a lock. */
export type Take =
  | { readonly kind: 'taken'; readonly container: string }
  | { readonly kind: 'held'; readonly holder: LockHolder };

const IMAGE = { name: 'shipper.local/empty:1', labels: {} } as const;
const LEASE_PATH = '/lease';
const LEASE_TAR_BYTES = 65_536;
/** A name is taken for a while after its container is gone, and an image has to be loaded: so often is a create repeated. */
const ROUNDS = 50;
const ROUND_MS = 200;

const LOCK_LABELS = {
  token: 'shipper.lock',
  by: 'shipper.lock.by',
  owner: 'shipper.lock.owner',
  action: 'shipper.lock.action',
  release: 'shipper.lock.release',
  since: 'shipper.lock.since',
} as const;

/** The name of the container that is the lock. */
export function lockName({ project, environment }: DeployScope): string {
  return `shipper-lock-${project}-${environment}`;
}

async function tryLock(
  ctx: Context,
  { engine, name }: LockHost,
  scope: DeployScope,
  claim: LockClaim,
): Promise<Take> {
  for (let round = 0; round < ROUNDS; round += 1) {
    // The first time the image may only have been missing.
    if (round > 1) await ctx.clock.sleep(ROUND_MS, ctx.signal);
    const created = await createLock(ctx, engine, scope, claim);
    const found = await engine.containers.inspect(ctx, created ?? lockName(scope));
    if (found === undefined) continue;
    if (!isLocking(found)) {
      // Somebody is removing it, or began to: nobody holds it any more.
      await engine.containers.remove(ctx, found.id);
      continue;
    }
    const holder = readHolder(found) ?? refuseForeign(scope, name);
    if (holder.token !== claim.token) return { kind: 'held', holder };
    // Perhaps ours although the engine said that it is taken: the answer to an earlier call was lost.
    if (await hasBegun(ctx, engine, holder)) return { kind: 'taken', container: found.id };
  }
  throw new ShipperError(
    'LOCKED',
    `Cannot lock ${scopeText(scope)} on ${name}: its lock is gone each time it is looked at`,
    { host: name, hint: 'Stop what prunes containers there, and try again.' },
  );
}

/** Writes the first lease; false where the lock has gone meanwhile. */
async function hasBegun(
  ctx: Context,
  engine: Engine,
  { container, token }: LockHolder,
): Promise<boolean> {
  try {
    await writeLease(ctx, engine, container, token, 0);
    return true;
  } catch (error) {
    if (await isHeld(ctx, engine, container)) throw error;
    return false;
  }
}

/** One that is being removed is not there, whatever else the engine says of it. */
async function isHeld(ctx: Context, engine: Engine, container: string): Promise<boolean> {
  const found = await engine.containers.inspect(ctx, container);
  return found !== undefined && isLocking(found);
}

function isLocking({ state }: EngineContainer): boolean {
  return state.status !== 'removing' && state.status !== 'dead';
}

/** The container's id; undefined where there is one, or the image had to be loaded first. */
async function createLock(
  ctx: Context,
  engine: Engine,
  scope: DeployScope,
  claim: LockClaim,
): Promise<string | undefined> {
  try {
    return await engine.containers.create(ctx, lockName(scope), {
      Image: IMAGE.name,
      Labels: lockLabels(scope, claim),
      HostConfig: { NetworkMode: 'none' },
    });
  } catch (error) {
    if (isShipperError(error, 'CONFLICT')) return undefined;
    if (!isShipperError(error, 'NOT_FOUND')) throw error;
    await loadTinyImage(ctx, engine, IMAGE);
    return undefined;
  }
}

/** Who holds the lock; undefined where nobody does. `CONFLICT` where something else has its name. */
export function holderOf(
  ctx: Context,
  host: LockHost,
  scope: DeployScope,
): Promise<LockHolder | undefined> {
  return locksOf(host).holderOf(ctx, scope);
}

async function holderIn(
  ctx: Context,
  { engine, name }: LockHost,
  scope: DeployScope,
): Promise<LockHolder | undefined> {
  const found = await engine.containers.inspect(ctx, lockName(scope));
  if (found === undefined || !isLocking(found)) return undefined;
  return readHolder(found) ?? refuseForeign(scope, name);
}

function refuseForeign(scope: DeployScope, host: string): never {
  throw new ShipperError(
    'CONFLICT',
    `Cannot lock ${scopeText(scope)} on ${host}: the container ${lockName(scope)} is no lock of shipper`,
    { host, hint: 'Give that container another name.' },
  );
}

async function readLease(
  ctx: Context,
  engine: Engine,
  container: string,
): Promise<string | undefined> {
  const { containers } = engine;
  const tar = await containers.getArchive(ctx, container, LEASE_PATH, LEASE_TAR_BYTES);
  if (tar === undefined) return undefined;
  const readSync = (target: Uint8Array, position: number): number => {
    const part = tar.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  // Not the tar itself: times of access may stand in it.
  for (const { dataOffset, size } of scanTar({ size: tar.length, readSync })) {
    return Buffer.from(tar.subarray(dataOffset, dataOffset + size)).toString('utf8');
  }
  return undefined;
}

async function writeLease(
  ctx: Context,
  engine: Engine,
  container: string,
  token: string,
  beat: number,
): Promise<void> {
  const text = Buffer.from(JSON.stringify({ token, beat }));
  await engine.containers.putArchive(ctx, container, '/', tarOf([[LEASE_PATH.slice(1), text]]));
}

/** Releases the lock where the holder of `token` has it; returns whether it did. */
export async function releaseLock(
  ctx: Context,
  host: LockHost,
  scope: DeployScope,
  token: string,
): Promise<boolean> {
  const holder = await holderOf(ctx, host, scope);
  if (holder?.token !== token) return false;
  // By its id: by its name it might be the next one's.
  await locksOf(host).remove(ctx, holder.container);
  return true;
}

/** `shop/production`. */
export function scopeText({ project, environment }: DeployScope): string {
  return `${project}/${environment}`;
}

/** `ann@laptop has held it since 2026-11-26T22:45:10Z for rollout 20261126-224510-3f2a`. */
export function holderText({ by, since, action, release }: LockHolder): string {
  const what = release === undefined ? action : `${action} ${release}`;
  return `${by} has held it since ${since} for ${what}`;
}

/** A claim as labels. */
export function lockLabels(scope: DeployScope, claim: LockClaim): Readonly<Record<string, string>> {
  return {
    // Not `shipper.managed`: it is none of the containers that a rollout looks after.
    [LABELS.project]: scope.project,
    [LABELS.environment]: scope.environment,
    [LOCK_LABELS.token]: claim.token,
    [LOCK_LABELS.by]: claim.by,
    [LOCK_LABELS.owner]: claim.owner,
    [LOCK_LABELS.action]: claim.action,
    ...(claim.release === undefined ? {} : { [LOCK_LABELS.release]: claim.release }),
    [LOCK_LABELS.since]: claim.since,
  };
}

/** Reads it back; undefined where they are those of something else. */
export function readHolder({
  id,
  labels,
}: Pick<EngineContainer, 'id' | 'labels'>): LockHolder | undefined {
  const token = labels[LOCK_LABELS.token];
  const project = labels[LABELS.project];
  const environment = labels[LABELS.environment];
  if (token === undefined || project === undefined || environment === undefined) return undefined;
  const release = labels[LOCK_LABELS.release];
  return {
    scope: { project, environment },
    container: id,
    token,
    by: labels[LOCK_LABELS.by] ?? 'somebody',
    owner: labels[LOCK_LABELS.owner] ?? '',
    action: labels[LOCK_LABELS.action] ?? 'something',
    since: labels[LOCK_LABELS.since] ?? 'an unknown time',
    ...(release === undefined ? {} : { release }),
  };
}
