// Blobs: whether they are there, their bytes in order, and taken over from another repository (distribution-spec,
// "Pulling blobs", "Mounting a blob from another repository").
import { createHash } from 'node:crypto';
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex } from '../core/digest.ts';
import { bug, isShipperError, ShipperError } from '../core/errors.ts';
import { startTries } from '../core/retry.ts';
import type { Descriptor } from '../image/image.ts';
import { claimedLength } from './bodies.ts';
import { failure } from './failures.ts';
import type { RegistryHost } from './host.ts';
import type { Repository } from './registry.ts';
import { type Answer, type Call, type Session, scopeOf } from './session.ts';
import { PATIENCE } from './watch.ts';

/** What a blob is called and how long it is. */
export type BlobId = Pick<Descriptor, 'digest' | 'size'>;

/** Whether the registry itself (no mirror) has the blob in its full length. `isPush` spares who will push another token. */
export async function isBlobThere(
  session: Session,
  ctx: Context,
  repository: Repository,
  { digest, size }: BlobId,
  isPush: boolean,
): Promise<boolean> {
  const call: Call = {
    method: 'HEAD',
    target: blobPath(repository, digest),
    scopes: [isPush ? scopeOf(repository, 'pull', 'push') : scopeOf(repository, 'pull')],
    action: `look for blob ${digest}`,
    accepts: [400, 404, 405, 501],
  };
  const length = await session.write(ctx, repository.domain, call, async (answer) => {
    const { status } = answer.response;
    if (status === 404) return null;
    return status < 300 ? claimedLength(answer) : undefined;
  });
  // Another length is another blob: it is uploaded again (`faults.md` R26).
  if (length !== undefined) return length === size;
  return (await lengthByGet(session, ctx, repository, digest)) === size;
}

/** Where HEAD does not work, the first byte says how long a blob is (`faults.md` R25). */
function lengthByGet(
  session: Session,
  ctx: Context,
  repository: Repository,
  digest: Digest,
): Promise<number | undefined> {
  const call = blobCall(repository, digest, { range: 'bytes=0-0' }, [404, 416]);
  return session.write(ctx, repository.domain, call, async (answer) => {
    if (answer.response.status === 206) return contentRange(answer)?.total;
    return answer.response.status === 200 ? claimedLength(answer) : undefined;
  });
}

/**
 * The bytes of a blob. A cut is resumed by a Range request that must be answered for exactly that range; where it is
 * answered with all bytes, those that were given already are passed over (`faults.md` R13-R16). What is hashed is what is
 * given, so that nothing can be spliced in; by the reader where it hashes the bytes anyway (`isChecked` is false).
 */
export async function* blobBytes(
  session: Session,
  ctx: Context,
  repository: Repository,
  blob: BlobId,
  isChecked: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = isChecked ? createHash(algorithmOf(blob.digest)) : undefined;
  const tries = startTries(session.chance);
  const places = [...(await session.places(ctx, repository.domain))];
  let given = 0;
  let progress = 0;
  let hasRanges = true;
  while (given < blob.size) {
    const [place, ...others] = places;
    if (place === undefined) throw bug('Cannot read a blob: its registry has no host');
    try {
      const from = { given, isRange: hasRanges && given > 0 };
      for await (const chunk of rest(session, ctx, place, repository, blob, from)) {
        hash?.update(chunk);
        given += chunk.length;
        progress += chunk.length;
        if (progress >= PATIENCE.progressBytes) {
          progress = 0;
          tries.progressed();
        }
        yield chunk;
      }
    } catch (error) {
      hasRanges &&= !isShipperError(error, 'DIGEST_MISMATCH');
      if (place.isMirror && others.length > 0) {
        session.passOver(place, error);
        places.shift();
      } else await tries.failed(ctx, error);
    }
  }
  if (hash === undefined) return;
  const digest = digestFromHex(algorithmOf(blob.digest), hash.digest('hex'));
  if (digest !== blob.digest) throw wrongBytes(blob, `its bytes have the digest ${digest}`);
}

/** Asks another repository of the same registry for a blob; false where that does not work. */
export async function takeOver(
  session: Session,
  ctx: Context,
  repository: Repository,
  digest: Digest,
  from: Repository,
): Promise<boolean> {
  if (from.domain !== repository.domain) return false;
  const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from.path)}`;
  const call: Call = {
    method: 'POST',
    target: `/v2/${repository.path}/blobs/uploads/?${query}`,
    headers: { 'content-length': '0' },
    scopes: [scopeOf(repository, 'pull', 'push'), scopeOf(from, 'pull')],
    action: `mount blob ${digest}`,
    accepts: [400, 401, 403, 404, 405],
  };
  const taken = session.write(ctx, repository.domain, call, async (answer) => {
    // 202 begins an upload (`faults.md` R24), which we do not go on with: who uploads wants to look first.
    if (answer.response.status === 202) await dropUpload(session, ctx, repository, answer);
    return answer.response.status === 201;
  });
  return taken.catch((error: unknown) => {
    // Who may not read the other repository can still upload.
    if (isShipperError(error, 'UNAUTHORIZED')) return false;
    throw error;
  });
}

/** Ends an upload that nobody will go on with, so that the registry need not keep it. Never fails. */
export async function dropUpload(
  session: Session,
  ctx: Context,
  repository: Repository,
  answer: Answer,
): Promise<void> {
  try {
    const target = session.goingTo(answer, answer.response.header('location')[0]);
    await answer.response.discard();
    await cancelUpload(session, ctx, answer.host, repository, target);
  } catch {
    // The registry clears away what is left lying about.
  }
}

/** Deletes an upload; throws where that fails. */
export async function cancelUpload(
  session: Session,
  ctx: Context,
  host: RegistryHost,
  repository: Repository,
  target: URL,
): Promise<void> {
  const scopes = [scopeOf(repository, 'pull', 'push')];
  const call: Call = { method: 'DELETE', target, scopes, action: 'cancel an upload' };
  await (await session.once(ctx, host, call)).response.discard();
}

function blobPath({ path }: Repository, digest: Digest): string {
  return `/v2/${path}/blobs/${digest}`;
}

function blobCall(
  repository: Repository,
  digest: Digest,
  headers: Readonly<Record<string, string>>,
  accepts: readonly number[],
): Call {
  return {
    method: 'GET',
    target: blobPath(repository, digest),
    headers,
    scopes: [scopeOf(repository, 'pull')],
    action: `read blob ${digest}`,
    accepts,
    isDownload: true,
  };
}

interface From {
  readonly given: number;
  /** Whether to ask for only what is missing: not of a place that answered such a request wrongly. */
  readonly isRange: boolean;
}

/** The bytes from `given` on, by one request. Ends early only with an error. */
async function* rest(
  session: Session,
  ctx: Context,
  place: RegistryHost,
  repository: Repository,
  blob: BlobId,
  { given, isRange }: From,
): AsyncGenerator<Uint8Array, void, undefined> {
  const headers: Record<string, string> = isRange ? { range: `bytes=${given}-` } : {};
  const call = blobCall(repository, blob.digest, headers, [416]);
  const answer = await session.once(ctx, place, call);
  try {
    let at = startOf(answer, blob, given);
    for await (const chunk of answer.response.body) {
      const wanted = at >= given ? chunk : chunk.subarray(Math.min(chunk.length, given - at));
      at += chunk.length;
      if (at > blob.size) {
        const state = `it has more bytes than the ${blob.size} that it should have`;
        throw failure(answer.doing, 'DIGEST_MISMATCH', state);
      }
      if (wanted.length > 0) yield wanted;
    }
    if (at < blob.size) {
      throw mismatch(answer, `it ended after ${at} bytes of ${blob.size}`);
    }
  } finally {
    await answer.response.discard();
  }
}

/** At which byte the answer begins. */
function startOf(answer: Answer, { size }: BlobId, given: number): number {
  const { status } = answer.response;
  if (status === 206 && given > 0) {
    const range = contentRange(answer);
    const isRight = range?.start === given && (range.total ?? size) === size;
    if (isRight) return given;
    throw mismatch(answer, `it has other bytes than those from ${given} on`);
  }
  if (status !== 200) throw mismatch(answer, `it was answered with ${status}`);
  const length = claimedLength(answer);
  if (length === undefined || length === size) return 0;
  throw mismatch(answer, `it has ${length} bytes, not ${size}`);
}

interface ContentRange {
  readonly start: number;
  readonly total: number | undefined;
}

function contentRange({ response }: Answer): ContentRange | undefined {
  const text = response.header('content-range')[0] ?? '';
  const found = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(text);
  if (found === null) return undefined;
  return { start: Number(found[1]), total: found[2] === '*' ? undefined : Number(found[2]) };
}

/** Another try may bring the right bytes. */
function mismatch(answer: Answer, state: string): ShipperError {
  return failure(answer.doing, 'DIGEST_MISMATCH', state, { retryable: true });
}

function wrongBytes({ digest }: BlobId, state: string): ShipperError {
  return new ShipperError('DIGEST_MISMATCH', `Cannot use blob ${digest}: ${state}`);
}
