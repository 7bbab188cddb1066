// Which of the containers that shipper made for an environment may go. Pure.
import type { ListedContainer } from '../engine/containers.ts';
import type { GarbageOptions, Verdict } from './gc.ts';
import { retainedReleases } from './journal-changes.ts';
import { type OwnLabels, readLabels } from './labels.ts';
import type { Journal } from './release.ts';

interface Own {
  readonly container: ListedContainer;
  readonly labels: OwnLabels;
}

const ENDED: readonly string[] = ['created', 'exited', 'dead'];

/** Our containers of the environment: which may go. */
export function judgeContainers(
  containers: readonly ListedContainer[],
  journal: Journal | undefined,
  { scope, retain }: GarbageOptions,
): readonly Verdict[] {
  const own = containers.flatMap((container): Own[] => {
    const labels = readLabels(scope, container.labels);
    return labels === undefined ? [] : [{ container, labels }];
  });
  // What serves first, then the newest: of containers that are alike the first is the one to keep.
  own.sort((a, b) => rank(b.container) - rank(a.container));
  const wanted = wantedSpecs(journal, retain);
  const seen = new Set<string>();
  return own.map(({ container, labels }): Verdict => {
    const { name, id } = container;
    const spec = specKey(labels.service, labels.specHash);
    const place = `${spec} ${labels.slot}`;
    const cause =
      whyContainerStays(container, labels, journal) ??
      (seen.has(place) ? undefined : wanted.get(spec));
    const isSame = seen.has(place);
    seen.add(place);
    if (cause !== undefined) return { isGarbage: false, item: { kind: 'container', name, cause } };
    const why = isSame
      ? 'another one of its slot is the same'
      : `no release that is kept needs it: it was made for ${labels.release}`;
    return { isGarbage: true, item: { kind: 'container', id, name, cause: why, bytes: 0 } };
  });
}

function rank({ status, createdAt }: ListedContainer): number {
  return ENDED.includes(status) ? createdAt : createdAt + Number.MAX_SAFE_INTEGER / 2;
}

function whyContainerStays(
  { name, status }: ListedContainer,
  { release }: OwnLabels,
  journal: Journal | undefined,
): string | undefined {
  if (!ENDED.includes(status)) return `it is ${status}`;
  if (journal?.current === undefined) return 'no release is known to be complete';
  const { unfinished } = journal;
  if (unfinished === undefined) return undefined;
  if (unfinished.release === release) return `release ${release} is half-way`;
  const isPrevious = unfinished.previous.some(({ container }) => container?.name === name);
  return isPrevious ? `it ran before release ${unfinished.release}, which is half-way` : undefined;
}

/** By service and spec: the newest release that needs it. */
function wantedSpecs(journal: Journal | undefined, retain: number): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  if (journal === undefined) return wanted;
  const retained = retainedReleases(journal, retain);
  for (const { id, services, status } of journal.releases.filter((each) => retained.has(each.id))) {
    const why = status === 'committed' ? 'is kept for a rollback' : 'may still say why it failed';
    for (const { name, specHash } of services) {
      const key = specKey(name, specHash);
      if (status === 'committed' || !wanted.has(key)) wanted.set(key, `release ${id} ${why}`);
    }
  }
  return wanted;
}

function specKey(service: string, specHash: string): string {
  return `${service} ${specHash}`;
}
