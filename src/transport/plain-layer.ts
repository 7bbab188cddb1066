// A layer whose tar lies in a file: used where it lies, and hashed beside.
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex } from '../core/digest.ts';
import { isShipperError, ShipperError, withDetails } from '../core/errors.ts';
import { ownAbort } from '../core/own-abort.ts';
import { orAborted } from '../core/until-aborted.ts';
import type { Descriptor, LayerTar } from '../image/image.ts';
import type { System } from '../system/system.ts';
import { scanTar } from '../tar/scan.ts';
import { requireDigest } from './index-layer.ts';
import { type Region, readRegion } from './region.ts';

/** What a layer claims to be. */
export interface LayerFacts {
  readonly descriptor: Descriptor;
  /** Whether the medium gives the digest of the stored bytes: a legacy archive only knows the diff_id. */
  readonly hasStoredDigest: boolean;
  readonly diffId: Digest;
  /** Position in the image, base first. */
  readonly index: number;
}

/** A region, and how to let go of its file. */
export interface OpenRegion extends AsyncDisposable {
  readonly region: Region;
}

/** Opens it; takes `opened` over. `isChecked` says that the digests are right. */
export async function openPlain(
  system: System,
  ctx: Context,
  facts: LayerFacts,
  opened: OpenRegion,
  isChecked = false,
): Promise<LayerTar> {
  const { region } = opened;
  const claims = isChecked ? [] : [{ digest: facts.diffId, what: 'diff_id' }];
  if (!isChecked && facts.hasStoredDigest && facts.descriptor.digest !== facts.diffId)
    claims.push({ digest: facts.descriptor.digest, what: 'digest' });
  const check = await checkBeside(system, ctx, region, claims);
  const content = {
    size: region.size,
    readSync: (target: Uint8Array, position: number) => readRegion(region, target, position),
  };
  return {
    size: region.size,
    content,
    entries: () => ({ [Symbol.iterator]: () => scanTar(content) }),
    async verified() {
      await check.done().catch((error) => Promise.reject(inLayer(error, facts)));
    },
    async [Symbol.asyncDispose]() {
      await check.stop();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** A check that runs on threads. */
export interface BesideCheck {
  /** Resolves once all is right, and the file is what it was when the check began. */
  done(): Promise<void>;
  /** Ends it early. Nobody who closes a layer after a failure elsewhere waits for the hash of all its bytes. */
  stop(): Promise<void>;
}

/** Hashes a region for every claim. */
export async function checkBeside(
  system: System,
  ctx: Context,
  region: Region,
  claims: readonly { readonly digest: Digest; readonly what: string }[],
): Promise<BesideCheck> {
  const { version } = await region.file.facts();
  const closing = ownAbort(ctx.signal);
  const checked = (async () => {
    for (const { digest, what } of claims)
      requireDigest(await hashRegion(system, closing.signal, region, digest), digest, what);
  })();
  checked.catch(() => undefined);
  return {
    async done() {
      await checked;
      await requireUnchanged(region, version);
    },
    async stop() {
      closing.release();
      closing.abort();
      await checked.catch(() => undefined);
    },
  };
}

async function hashRegion(
  system: System,
  signal: AbortSignal,
  { file, offset, size, sha256 }: Region,
  expected: Digest,
): Promise<Digest> {
  const algorithm = algorithmOf(expected);
  if (algorithm === 'sha256' && sha256 !== undefined)
    return digestFromHex(algorithm, await orAborted(signal, sha256));
  const job = { fd: file.fd, offset, length: size, algorithm, signal };
  return digestFromHex(algorithm, await system.threads.hashFile(job));
}

async function requireUnchanged(region: Region, version: string): Promise<void> {
  const now = await region.file.facts();
  if (now.version === version) return;
  const { path } = region.file;
  throw new ShipperError(
    'SOURCE_CHANGED',
    `Cannot read ${path}: it was written to while it was read`,
    { path },
  );
}

/** The same error, saying in which layer it came up. */
export function inLayer(error: unknown, { index }: Pick<LayerFacts, 'index'>): unknown {
  return isShipperError(error, 'INTERRUPTED') ? error : withDetails(error, { layer: index });
}
