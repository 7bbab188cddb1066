// What a registry keeps beside an image and says of it by its digest: signatures, attestations and SBOMs. They are found by
// the tags that cosign makes of the digest (cosign, specs/SIGNATURE_SPEC.md), and by the list of what refers to it
// (distribution-spec 1.1, "Listing Referrers").
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, hexOf } from '../core/digest.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { runAll } from '../core/pool.ts';
import type { Repository, Statement, StatementsBeside } from '../image/image.ts';
import { withDeadline } from '../registry/deadline.ts';
import type { Registry } from '../registry/registry.ts';

/** What cosign's tags end in. */
const ENDINGS = [
  ['sig', 'signature'],
  ['att', 'attestation'],
  ['sbom', 'sbom'],
] as const;
/** Questions at once. */
const CONCURRENCY = 6;
/** What all of it may take. */
const PATIENCE_MS = 30_000;

type LookUp = (ctx: Context) => Promise<readonly Statement[]>;

/**
 * The statements about each of `subjects`, in their order. Four questions a subject, five where the registry has no lists of
 * referrers. The first one that fails ends it, since the others would fail too: what was found until then is given with it.
 */
export async function statementsIn(
  ctx: Context,
  registry: Registry,
  repository: Repository,
  subjects: readonly Digest[],
): Promise<StatementsBeside> {
  const lookUps = subjects.flatMap((subject) => lookUpsOf(registry, repository, subject));
  const found: (readonly Statement[])[] = lookUps.map(() => []);
  const all = (timed: Context) =>
    runAll(
      lookUps.map((lookUp, at) => async () => {
        found[at] = await lookUp(timed);
      }),
      CONCURRENCY,
    );
  try {
    await withDeadline(ctx, PATIENCE_MS, () => late(repository), all);
    return { found: distinct(found) };
  } catch (error) {
    if (!isShipperError(error) || error.code === 'INTERRUPTED' || error.code === 'BUG') throw error;
    return { found: distinct(found), failure: error };
  }
}

function lookUpsOf(registry: Registry, repository: Repository, subject: Digest): LookUp[] {
  const tagged = ENDINGS.map(
    ([ending, kind]): LookUp =>
      async (ctx) => {
        const tag = `${algorithmOf(subject)}-${hexOf(subject)}.${ending}`;
        // The tags of a longer digest would be too long for a tag, so that nobody can have made them.
        if (tag.length > 128) return [];
        const descriptor = await registry.probe(ctx, repository, tag);
        return descriptor === undefined ? [] : [{ descriptor, kind, subject }];
      },
  );
  const referring: LookUp = async (ctx) => {
    const referrers = await registry.referrers(ctx, repository, subject);
    return referrers.map((descriptor) => ({ descriptor, kind: 'referrer', subject }));
  };
  return [...tagged, referring];
}

/** One manifest may be found by its tag and in a list. */
function distinct(found: readonly (readonly Statement[])[]): readonly Statement[] {
  const byDigest = new Map<Digest, Statement>();
  for (const statement of found.flat()) {
    const { digest } = statement.descriptor;
    if (!byDigest.has(digest)) byDigest.set(digest, statement);
  }
  return [...byDigest.values()];
}

function late({ domain, path }: Repository): ShipperError {
  return new ShipperError(
    'TIMEOUT',
    `Cannot look up what speaks about ${domain}/${path}: the registry took more than ${PATIENCE_MS / 1000} s`,
    { host: domain },
  );
}
