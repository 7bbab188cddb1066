// What speaks about an image and no longer fits once it is flat: attestations that its index lists, and signatures,
// attestations and SBOMs that a registry keeps beside it.
import { type Context, note } from '../core/context.ts';
import type { Digest } from '../core/digest.ts';
import { ShipperError } from '../core/errors.ts';
import type { Image, ImageSet, ImageSource, Publication, Statement } from '../image/image.ts';
import type { FlattenedImage, FlattenReport, FlattenRequest } from './flatten-types.ts';
import type { KeptLayers } from './kept-layers.ts';

/** How many statements a refusal names. */
const NAMED = 5;

/** The statements about a source. */
export interface Statements {
  /** Those that the index lists: a new index does not. */
  readonly listed: readonly Statement[];
  /** Those beside it: they hold as long as their subject does. */
  readonly beside: readonly Statement[];
}

/** Looks for what speaks about the images that are to be flattened, and about their indexes. */
export async function findStatements(
  ctx: Context,
  source: ImageSource,
  set: ImageSet,
  flattened: ReadonlyMap<Image, KeptLayers>,
  isRequired: boolean,
): Promise<Statements> {
  const listed = set.attestations;
  const subjects = subjectsOf(set, [...flattened.keys()]);
  if (source.statements === undefined || subjects.length === 0) return { listed, beside: [] };
  const { found, failure } = await source.statements(ctx, subjects);
  if (failure !== undefined) {
    const what = `whether all signatures and attestations of ${source.name} are known`;
    if (isRequired)
      throw new ShipperError(failure.code, `Cannot tell ${what}: ${failure.message}`, {
        ...failure.details,
        hint: failure.hint ?? 'Without --attestations fail the flatten goes on with a warning',
        cause: failure,
      });
    note(ctx, 'warn', `It is not known ${what}: ${failure.message}`);
  }
  const known = new Set(listed.map(({ descriptor }) => descriptor.digest));
  return { listed, beside: found.filter(({ descriptor }) => !known.has(descriptor.digest)) };
}

/** What will be dropped whatever the images hold: where several layers become one, the digest is another. */
export function surelyDropped(
  { listed, beside }: Statements,
  set: ImageSet,
  flattened: ReadonlyMap<Image, KeptLayers>,
): readonly Statement[] {
  const images = [...flattened].flatMap(([image, { layers }]) =>
    image.layers.length > layers + 1 ? digestOf(image) : [],
  );
  const changed = new Set<string | undefined>(images);
  if (changed.size > 0) for (const digest of indexesOf(set)) changed.add(digest);
  return [...listed, ...beside.filter(({ subject }) => changed.has(subject))];
}

/** What a dry run would drop. */
export function droppedByPlan(
  { listed, beside }: Statements,
  images: readonly FlattenedImage[],
): readonly Statement[] {
  return images.every(({ alreadyFlat }) => alreadyFlat) ? listed : [...listed, ...beside];
}

/** What a result drops: a statement holds where each copy of the result still has its subject. */
export function droppedBy(
  { listed, beside }: Statements,
  publications: readonly Publication[],
): readonly Statement[] {
  const kept = publications.map(({ images, index }) => {
    const manifests = [...images.map(({ manifest }) => manifest), ...(index ? [index] : [])];
    return new Set<string | undefined>(manifests.map(({ descriptor }) => descriptor.digest));
  });
  const isGone = ({ subject }: Statement) => !kept.every((digests) => digests.has(subject));
  return [...listed, ...beside.filter(isGone)];
}

/** Throws `POLICY` where something is dropped and the request forbids it. */
export function refuseDropped(
  { attestations }: FlattenRequest,
  name: string,
  dropped: readonly Statement[],
): void {
  if (attestations !== 'fail' || dropped.length === 0) return;
  const named = dropped
    .slice(0, NAMED)
    .map(({ kind, descriptor }) => `${kind} ${descriptor.digest}`);
  const more = dropped.length > NAMED ? ` and ${dropped.length - NAMED} more` : '';
  throw new ShipperError(
    'POLICY',
    `Cannot flatten ${name}: ${dropped.length} attestations or signatures would be dropped: ${named.join(', ')}${more}`,
  );
}

/** Statements as a report has them. */
export function reportStatements(statements: readonly Statement[]): FlattenReport['dropped'] {
  return statements.map(({ descriptor, kind, subject }) => ({
    digest: descriptor.digest,
    kind,
    subject,
  }));
}

function subjectsOf(set: ImageSet, images: readonly Image[]): readonly Digest[] {
  return [...new Set([...indexesOf(set), ...images.flatMap(digestOf)])];
}

function digestOf({ manifest }: Image): Digest[] {
  return manifest === undefined ? [] : [manifest.descriptor.digest];
}

function indexesOf({ root, nested = [] }: ImageSet): readonly Digest[] {
  return [...(root === undefined ? [] : [root]), ...nested].map(
    ({ descriptor }) => descriptor.digest,
  );
}
