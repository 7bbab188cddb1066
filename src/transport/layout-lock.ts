// One writer of a layout's index.json at a time: what another run adds between reading and replacing would be lost.
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { System } from '../system/system.ts';

/** A temporary name, so that nobody takes it for a part of the layout. */
const LOCK = '.shipper-lock';
const SUFFIX = '.tmp';
const STEP_MS = 50;
const PATIENCE_MS = 30_000;
/** A lock that cannot be told from a dead one is given up when it is so old: it is held for milliseconds. */
const UNKNOWN_AGE_MS = 10 * 60 * 1000;
/** A lock without its owner's name is held for microseconds: older, its run was killed before it could write it. */
const UNNAMED_AGE_MS = 2000;
const MAX_BYTES = 1024;

/** Waits for the lock of a layout; it is released on dispose. Rejects with `TIMEOUT` when it does not become free. */
export async function lockLayout(
  system: System,
  ctx: Context,
  folder: string,
  name: string,
): Promise<AsyncDisposable> {
  const path = `${folder}/${LOCK}${SUFFIX}`;
  for (let waited = 0; waited <= PATIENCE_MS; waited += STEP_MS) {
    const lock = (await tryLock(system, path)) ?? (await takeOver(system, folder, path));
    if (lock !== undefined) return lock;
    await ctx.clock.sleep(STEP_MS, ctx.signal);
  }
  throw new ShipperError(
    'TIMEOUT',
    `Cannot write ${name}: another run has held its lock for ${PATIENCE_MS / 1000} seconds`,
    { path, hint: `Wait for the other run, or remove ${path} if there is none` },
  );
}

/** Makes a file that must not exist, with the name of its owner inside. */
async function tryLock(system: System, path: string): Promise<AsyncDisposable | undefined> {
  const { files } = system;
  try {
    await using file = await files.create(path);
    const forget = files.owner.onExitRemove(path);
    const release = async () => {
      await files.remove(path);
      forget();
    };
    try {
      const tag = `${files.owner.tag} ${system.random(6)}`;
      await file.write(new TextEncoder().encode(tag), 0);
    } catch (error) {
      await release();
      throw error;
    }
    return { [Symbol.asyncDispose]: release };
  } catch (error) {
    if (isTaken(error)) return undefined;
    throw error;
  }
}

/** Removes the lock of a dead run. Only one run may do so: the next lock would be removed as well. */
async function takeOver(system: System, folder: string, path: string): Promise<undefined> {
  const dead = await deadLock(system, path);
  if (dead === undefined) return;
  await using breaker = await tryLock(system, `${folder}/${LOCK}-${dead}${SUFFIX}`);
  if (breaker !== undefined && (await deadLock(system, path)) === dead) {
    await system.files.remove(path);
  }
}

/** What tells a lock from others, where its owner is dead. */
async function deadLock({ files, clock }: System, path: string): Promise<string | undefined> {
  const facts = await files.lstat(path);
  if (facts?.kind !== 'file') return undefined;
  const text = await readOrNothing(files, path);
  const [tag = ''] = text.split(' ');
  const isOld = clock.now() - facts.mtimeMs > (tag === '' ? UNNAMED_AGE_MS : UNKNOWN_AGE_MS);
  if (!(files.owner.isDead(tag) ?? isOld)) return undefined;
  return `${text}-${facts.mtimeMs}`.replace(/[^\w-]/g, '-').slice(0, 100);
}

async function readOrNothing(files: System['files'], path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await files.read(path, MAX_BYTES));
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return '';
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return isShipperError(error, 'IO') && (error.cause as NodeJS.ErrnoException)?.code === 'EEXIST';
}
