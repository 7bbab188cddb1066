// Lists: the tags of a repository, the manifests that refer to another (distribution-spec, "Listing Tags", "Listing
// Referrers"), page by page.
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, hexOf } from '../core/digest.ts';
import { isShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Descriptor } from '../image/image.ts';
import { isObject, type JsonObject, member, parseJsonObject } from '../image/json-text.ts';
import { parseManifest } from '../image/manifest.ts';
import { OCI_INDEX } from '../image/media-types.ts';
import { readBody } from './bodies.ts';
import { failure } from './failures.ts';
import { nextLink } from './location.ts';
import { fetchManifest } from './manifests.ts';
import type { Repository } from './registry.ts';
import { type Answer, type Call, type Session, scopeOf } from './session.ts';

/** What a manifest that refers to another one says of itself. */
export type Referrer = Descriptor & { readonly artifactType?: string };

/** Tags that one page has, at most; Amazon's registry refuses more. */
const PAGE = 1000;

/** Answers of registries that know no lists of referrers: 404 by the specification, the others in the wild. */
const NO_LIST_STATUSES: readonly number[] = [400, 404, 405, 501];

/** All tags of a repository. `NOT_FOUND` where the repository is not there. */
export async function* tagList(
  session: Session,
  ctx: Context,
  repository: Repository,
): AsyncGenerator<string, void, undefined> {
  const call: Call = {
    method: 'GET',
    target: `/v2/${repository.path}/tags/list?n=${PAGE}`,
    scopes: [scopeOf(repository, 'pull')],
    action: `list the tags of ${JSON.stringify(repository.path)}`,
  };
  for await (const { body, answer } of pages(session, ctx, repository, call)) {
    const tags = member(body, 'tags') ?? [];
    if (!Array.isArray(tags) || !tags.every(isTag)) {
      throw failure(answer.doing, 'REGISTRY', 'the answer is not a list of tags');
    }
    yield* tags;
  }
}

/** The manifests that name `digest` as their subject. */
export async function referrerList(
  session: Session,
  ctx: Context,
  repository: Repository,
  digest: Digest,
): Promise<readonly Referrer[]> {
  const call: Call = {
    method: 'GET',
    target: `/v2/${repository.path}/referrers/${digest}`,
    headers: { accept: OCI_INDEX },
    scopes: [scopeOf(repository, 'pull')],
    action: `list what refers to ${digest}`,
  };
  const found: Referrer[] = [];
  try {
    for await (const { bytes } of pages(session, ctx, repository, call)) {
      found.push(...referrersIn(bytes, digest));
    }
    return found;
  } catch (error) {
    // Registries from before version 1.1 of the specification: a tag has the list.
    const { status = 0 } = isShipperError(error) ? error.details : {};
    if (NO_LIST_STATUSES.includes(status)) return taggedReferrers(session, ctx, repository, digest);
    throw error;
  }
}

async function taggedReferrers(
  session: Session,
  ctx: Context,
  repository: Repository,
  digest: Digest,
): Promise<readonly Referrer[]> {
  const tag = `${algorithmOf(digest)}-${hexOf(digest).slice(0, 64)}`;
  try {
    const { bytes } = await fetchManifest(session, ctx, repository, tag);
    return referrersIn(bytes, digest);
  } catch (error) {
    if (isShipperError(error, 'NOT_FOUND')) return [];
    throw error;
  }
}

function referrersIn(bytes: Uint8Array, digest: Digest): readonly Referrer[] {
  const index = parseManifest(bytes, undefined, `the referrers of ${digest}`);
  if (index.kind !== 'index') return [];
  return index.manifests.map(({ descriptor, artifactType }) => ({
    ...descriptor,
    ...(artifactType === undefined ? {} : { artifactType }),
  }));
}

function isTag(value: unknown): value is string {
  return typeof value === 'string' && /^\w[\w.-]{0,127}$/.test(value);
}

interface Page {
  readonly bytes: Uint8Array;
  readonly body: JsonObject;
  readonly answer: Answer;
}

/** The pages of a list, along its links. All of one place: a mirror may have other pages. */
async function* pages(
  session: Session,
  ctx: Context,
  repository: Repository,
  first: Call,
): AsyncGenerator<Page, void, undefined> {
  let target: string | URL | undefined = first.target;
  const seen = new Set<string>();
  while (target !== undefined) {
    const page: Page = await session.write(
      ctx,
      repository.domain,
      { ...first, target },
      async (answer) => pageOf(answer, await readBody(answer)),
    );
    yield page;
    const { answer } = page;
    const link = nextLink(answer.response.header('link'));
    target = link === undefined ? undefined : session.goingTo(answer, link);
    seen.add(answer.url.href);
    if (target !== undefined && (seen.has(target.href) || seen.size >= LIMITS.registryPages)) {
      throw failure(answer.doing, 'REGISTRY', 'the list has no end');
    }
  }
}

function pageOf(answer: Answer, bytes: Uint8Array): Page {
  const body = parseJsonObject(bytes, `the answer of ${answer.url.host}`);
  if (isObject(body)) return { bytes, body, answer };
  throw failure(answer.doing, 'REGISTRY', 'the answer is not an object');
}
