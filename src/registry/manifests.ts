// Manifests and indexes: read, looked up, stored, deleted (distribution-spec, "Pulling manifests", "Pushing Manifests").
import { type Context, note } from '../core/context.ts';
import { algorithmOf, type Digest, digestOf, isDigest } from '../core/digest.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import type { Descriptor } from '../image/image.ts';
import { member, parseJsonObject } from '../image/json-text.ts';
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../image/media-types.ts';
import { claimedLength, readBody } from './bodies.ts';
import { failure } from './failures.ts';
import type { FetchedManifest, Repository } from './registry.ts';
import { type Answer, type Call, type Session, scopeOf } from './session.ts';

const ACCEPT = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(', ');

/** Reads a manifest. Bytes read by digest are checked; a wrong answer is asked for once more. */
export function fetchManifest(
  session: Session,
  ctx: Context,
  repository: Repository,
  reference: string,
): Promise<FetchedManifest> {
  const call = manifestCall('GET', repository, reference);
  return session.read(ctx, repository.domain, call, (answer) => manifestOf(answer, reference));
}

/** What a reference points at; undefined when it is not there. A guess that HEAD does not find is left at that. */
export async function resolveManifest(
  session: Session,
  ctx: Context,
  repository: Repository,
  reference: string,
  isGuess: boolean = false,
): Promise<Descriptor | undefined> {
  const call = manifestCall('HEAD', repository, reference, HEAD_FALLBACKS);
  const found = await session.read(ctx, repository.domain, call, async (answer) => {
    if (answer.response.status === 200) return claimedDescriptor(answer, reference);
    return isGuess && answer.response.status === 404 ? 'none' : undefined;
  });
  if (found === 'none') return undefined;
  if (found !== undefined) return found;
  // Some registries have no HEAD, answer it with 404, or without what we need (`faults.md` R25).
  try {
    return (await fetchManifest(session, ctx, repository, reference)).descriptor;
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * Stores a manifest. A tag is read again afterwards: somebody may have moved it meanwhile, which is told and no failure
 * (`faults.md` R28).
 */
export async function pushManifest(
  session: Session,
  ctx: Context,
  repository: Repository,
  reference: string,
  { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Uint8Array },
): Promise<Digest> {
  const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
  const name = nameOf(repository, reference);
  if (isDigest(reference) && digest !== reference) {
    throw new ShipperError(
      'DIGEST_MISMATCH',
      `Cannot store manifest ${name}: its digest is ${digest}`,
    );
  }
  const call: Call = {
    method: 'PUT',
    target: pathOf(repository, reference),
    headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
    body: () => bytes,
    scopes: [scopeOf(repository, 'pull', 'push')],
    action: `store manifest ${name}`,
  };
  await session.write(ctx, repository.domain, call, async () => undefined);
  if (!isDigest(reference)) await checkTag(session, ctx, repository, reference, digest);
  return digest;
}

/** Deletes a manifest or tag; `NOT_FOUND` when it is not there. */
export async function removeManifest(
  session: Session,
  ctx: Context,
  repository: Repository,
  reference: string,
): Promise<void> {
  let tries = 0;
  const call: Call = {
    method: 'DELETE',
    target: pathOf(repository, reference),
    scopes: [scopeOf(repository, 'pull', 'push', 'delete')],
    action: `delete manifest ${nameOf(repository, reference)}`,
    accepts: [404],
  };
  const home = await session.home(ctx, repository.domain);
  await session.retried(ctx, async () => {
    tries += 1;
    const answer = await session.once(ctx, home, call);
    // After a lost reply, 404 is what success looks like.
    if (answer.response.status === 404 && tries === 1) throw await session.refused(ctx, answer);
    await answer.response.discard();
  });
}

/** HEAD answers after which GET is asked. */
const HEAD_FALLBACKS: readonly number[] = [400, 404, 405, 501];

function manifestCall(
  method: 'GET' | 'HEAD',
  repository: Repository,
  reference: string,
  accepts: readonly number[] = [],
): Call {
  return {
    method,
    target: pathOf(repository, reference),
    headers: { accept: ACCEPT },
    scopes: [scopeOf(repository, 'pull')],
    action: `read manifest ${nameOf(repository, reference)}`,
    accepts,
  };
}

/** The path of a manifest. References were checked where they were parsed; nothing else gets into a path. */
export function pathOf({ path }: Repository, reference: string): string {
  if (isDigest(reference) || /^\w[\w.-]{0,127}$/.test(reference)) {
    return `/v2/${path}/manifests/${reference}`;
  }
  const shown = JSON.stringify(reference.slice(0, 200));
  throw new ShipperError(
    'BAD_REFERENCE',
    `Cannot use reference ${shown}: it is neither a tag nor a digest`,
  );
}

function nameOf({ path }: Repository, reference: string): string {
  return JSON.stringify(`${path}${isDigest(reference) ? '@' : ':'}${reference}`);
}

async function manifestOf(answer: Answer, reference: string): Promise<FetchedManifest> {
  const bytes = await readBody(answer);
  const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
  if (isDigest(reference) && digest !== reference) {
    const state = `the answer has the digest ${digest}`;
    throw failure(answer.doing, 'DIGEST_MISMATCH', state, { retryable: true });
  }
  return {
    descriptor: { mediaType: mediaTypeOf(answer, bytes), digest, size: bytes.length },
    bytes,
  };
}

/** What the head says, where it says something that is a manifest's type, else what the manifest itself says. */
function mediaTypeOf(answer: Answer, bytes: Uint8Array): string {
  const claimed = contentType(answer);
  if (claimed.startsWith('application/vnd.')) return claimed;
  const own = member(parseJsonObject(bytes, 'a manifest'), 'mediaType');
  return typeof own === 'string' ? own : '';
}

function contentType({ response }: Answer): string {
  return (response.header('content-type')[0] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/**
 * What a HEAD says, where that is enough. The digest of a tag is a pointer, as the tag itself is: whoever follows it reads
 * bytes that are checked against it. Where the digest is known, the header does not count (`faults.md` R17).
 */
function claimedDescriptor(answer: Answer, reference: string): Descriptor | undefined {
  const claimed = answer.response.header('docker-content-digest')[0];
  const digest = isDigest(reference) ? reference : claimed;
  const size = claimedLength(answer);
  const mediaType = contentType(answer);
  if (!isDigest(digest) || size === undefined || !mediaType.startsWith('application/vnd.')) {
    return undefined;
  }
  return { mediaType, digest, size };
}

async function checkTag(
  session: Session,
  ctx: Context,
  repository: Repository,
  tag: string,
  digest: Digest,
): Promise<void> {
  const call = manifestCall('GET', repository, tag);
  const { descriptor } = await session.write(ctx, repository.domain, call, (answer) =>
    manifestOf(answer, tag),
  );
  if (descriptor.digest === digest) return;
  const name = nameOf(repository, tag);
  note(ctx, 'warn', `${name} was moved to ${descriptor.digest} while ${digest} was pushed`);
}
