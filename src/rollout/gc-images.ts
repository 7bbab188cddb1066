// Which names of images that an environment has on a host may go. Pure.
import type { ListedContainer, ListedImage } from '../engine/containers.ts';
import type { GarbageOptions, HostContents, Verdict } from './gc.ts';
import { JOURNAL_LABEL } from './journal.ts';
import { neededReleases, retainedReleases } from './journal-changes.ts';
import { parseJournal } from './journal-text.ts';
import { LABELS } from './labels.ts';
import type { DeployScope, Journal, ReleasedService } from './release.ts';

const GRACE_MS = 2 * 60 * 60 * 1000;

/** The container that uses an image, in whatever state and whosever it is. */
export function userOf(
  image: Pick<ListedImage, 'id' | 'tags' | 'digests'>,
  containers: readonly ListedContainer[],
): ListedContainer | undefined {
  const names = new Set([image.id, ...image.tags, ...image.digests, ...digestsIn(image)]);
  return containers.find(
    (container) =>
      names.has(container.imageId) ||
      names.has(container.image) ||
      names.has(container.labels[LABELS.imageDigest] ?? ''),
  );
}

/** Whether something is younger than the grace period, as far as the host's own clock is known. */
export function isYoung(atMs: number, host: HostContents, options: GarbageOptions): boolean {
  const { graceMs = GRACE_MS } = options;
  const nowMs = hostNowMs(host);
  return graceMs > 0 && (nowMs === undefined || atMs > nowMs - graceMs);
}

/** At least so late is it on the host: times of different machines are never compared. The lock itself is a container. */
function hostNowMs({ containers }: HostContents): number | undefined {
  if (containers.length === 0) return undefined;
  return Math.max(...containers.map(({ createdAt }) => createdAt)) * 1000;
}

/** Names of images that shipper recorded: which may go. `host` has only the containers that stay. */
export function judgeImages(
  host: HostContents,
  journal: Journal | undefined,
  options: GarbageOptions,
): readonly Verdict[] {
  const { scope, refsOf = pinnedOf, isOwnRef = () => false } = options;
  const journals = journalsOn(host.images);
  const needed = neededBy(journal, journals.known, options, refsOf);
  const recorded = new Set(
    journal?.releases.flatMap(({ services }) => services.flatMap((each) => refsOf(scope, each))),
  );
  const isOurs = (ref: string): boolean => recorded.has(ref) || isOwnRef(ref);
  const candidates = host.images.flatMap((image) =>
    [...image.tags, ...image.digests].filter(isOurs).map((ref) => ({ image, ref })),
  );
  const verdicts = candidates.map(({ image, ref }): Verdict => {
    const cause =
      (journal?.current === undefined ? 'no release is known to be complete' : undefined) ??
      journals.unreadable ??
      whyImageStays(image, ref, host, needed, options) ??
      whatGoesToo(image, ref, isOurs);
    if (cause !== undefined) return { isGarbage: false, item: { kind: 'image', name: ref, cause } };
    const why = recorded.has(ref) ? 'no release that is kept needs it' : 'no release names it';
    return {
      isGarbage: true,
      item: { kind: 'image', id: image.id, name: ref, cause: why, bytes: 0 },
    };
  });
  return [...withBytes(verdicts, host.images), ...oldJournals(host, scope)];
}

/** The names of a service's image on a host, where nothing else is said: what pulled it. */
export function pinnedOf(_: DeployScope, { image }: ReleasedService): readonly string[] {
  return image.pinned === undefined ? [] : [image.pinned];
}

/** The journals of all environments of the host; why nothing may go where one of them cannot be read. */
function journalsOn(images: readonly ListedImage[]): {
  readonly known: readonly Journal[];
  readonly unreadable: string | undefined;
} {
  const named = images.filter(
    ({ labels, tags }) => labels[JOURNAL_LABEL] !== undefined && tags.length > 0,
  );
  const parsed = named.map(({ labels }) => parseJournal(labels[JOURNAL_LABEL] ?? ''));
  const known = parsed.flatMap((each) => (each.kind === 'journal' ? [each.journal] : []));
  const bad = named.find((_, i) => parsed[i]?.kind !== 'journal');
  const unreadable =
    bad === undefined ? undefined : `what ${bad.tags[0]} needs is not known: it cannot be read`;
  return { known, unreadable };
}

/** References and digests that somebody needs, each with who does. */
function neededBy(
  journal: Journal | undefined,
  others: readonly Journal[],
  { scope, retain }: GarbageOptions,
  refsOf: NonNullable<GarbageOptions['refsOf']>,
): ReadonlyMap<string, string> {
  const needed = new Map<string, string>();
  const add = (from: Journal, ids: ReadonlySet<string> | undefined, whose: string) => {
    for (const { id, services } of from.releases) {
      if (ids?.has(id) === false) continue;
      for (const service of services) {
        const refs = [...refsOf(from, service), service.image.digest];
        for (const ref of refs) needed.set(ref, `release ${id}${whose} needs it`);
      }
    }
  };
  for (const other of others) {
    const isOwn = other.project === scope.project && other.environment === scope.environment;
    // What this host thinks of its own environment may be newer than what was read before.
    if (isOwn) add(other, neededReleases(other), '');
    else add(other, undefined, ` of ${other.project}/${other.environment}`);
  }
  if (journal !== undefined) add(journal, retainedReleases(journal, retain), '');
  return needed;
}

function whyImageStays(
  image: ListedImage,
  ref: string,
  host: HostContents,
  needed: ReadonlyMap<string, string>,
  options: GarbageOptions,
): string | undefined {
  const need = [ref, image.id, ...image.tags, ...image.digests, ...digestsIn(image)].find((name) =>
    needed.has(name),
  );
  if (need !== undefined) return needed.get(need);
  const user = userOf(image, host.containers);
  if (user !== undefined) return `container ${user.name} uses it`;
  return isYoung(image.createdAt * 1000, host, options) ? 'it is too young' : undefined;
}

/** With containerd's store the tags of an image go when it is removed by its digest. */
function whatGoesToo(
  { tags }: ListedImage,
  ref: string,
  isOurs: (ref: string) => boolean,
): string | undefined {
  const other = ref.includes('@') ? tags.find((tag) => !isOurs(tag)) : undefined;
  return other === undefined ? undefined : `its name ${other} is not shipper's, and might go too`;
}

function digestsIn({ digests }: Pick<ListedImage, 'digests'>): readonly string[] {
  return digests.map((digest) => digest.slice(digest.indexOf('@') + 1));
}

/** An image takes its bytes with it where its last name goes. */
function withBytes(
  verdicts: readonly Verdict[],
  images: readonly ListedImage[],
): readonly Verdict[] {
  const going = new Set(verdicts.filter(({ isGarbage }) => isGarbage).map(({ item }) => item.name));
  const last = new Map<string, number>();
  for (const { id, tags, digests, sizeBytes } of images) {
    // Of what has a tag, containerd's store makes up the digest.
    const names =
      tags.length > 0 ? [...tags, ...digests.filter((d) => !d.endsWith(`@${id}`))] : digests;
    const name = names.at(-1);
    if (name !== undefined && names.every((each) => going.has(each))) {
      last.set(`${id} ${name}`, sizeBytes);
    }
  }
  return verdicts.map((verdict): Verdict => {
    if (!verdict.isGarbage) return verdict;
    const bytes = last.get(`${verdict.item.id} ${verdict.item.name}`) ?? 0;
    return { ...verdict, item: { ...verdict.item, bytes } };
  });
}

/** Journals that were replaced, and whose removal failed then. */
function oldJournals({ images, containers }: HostContents, scope: DeployScope): readonly Verdict[] {
  return images
    .filter(({ labels, tags, digests }) => {
      if (labels[JOURNAL_LABEL] === undefined || tags.length + digests.length > 0) return false;
      return (
        labels[LABELS.project] === scope.project && labels[LABELS.environment] === scope.environment
      );
    })
    .filter((image) => userOf(image, containers) === undefined)
    .map(({ id, sizeBytes: bytes }) => {
      const cause = 'it is a journal that was replaced';
      return { isGarbage: true, item: { kind: 'image', id, name: id, cause, bytes } };
    });
}
