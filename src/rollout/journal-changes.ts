// What happens to a journal: each change makes a new one, and counts. Pure.
import { compareText } from '../core/sorted.ts';
import type {
  AuditEntry,
  DeployScope,
  Journal,
  PreviousSlot,
  ReleaseRecord,
  ReleaseStatus,
  UnfinishedRollout,
} from './release.ts';

const AUDIT_LINES = 100;

/** Before anything was rolled out. */
export function emptyJournal({ project, environment }: DeployScope): Journal {
  return { schema: 1, project, environment, revision: 0, releases: [], audit: [] };
}

/** The record of a release; undefined where nothing is remembered of it. */
export function recordIn(journal: Journal, id: string | undefined): ReleaseRecord | undefined {
  return journal.releases.find((release) => release.id === id);
}

/** What a rollout, or a rollback, begins with. */
export interface Beginning {
  readonly action: UnfinishedRollout['action'];
  /** What is rolled out, or back to. */
  readonly record: ReleaseRecord;
  /** What each slot runs now. */
  readonly previous: readonly PreviousSlot[];
}

/**
 * A rollout is about to touch something. Where the same one was begun before, what the slots ran before that one counts: what
 * they run now may be its own work. Another one that is half-way counts as failed from now on.
 */
export function beginRollout(journal: Journal, { action, record, previous }: Beginning): Journal {
  const before = journal.unfinished;
  const isSame = before?.release === record.id && before.action === action;
  const known = isSame ? before.previous : [];
  const added = previous.filter((slot) => !known.some((other) => isSameSlot(slot, other)));
  const wasCommitted = recordIn(journal, record.id)?.status === 'committed';
  const left = endUnfinished(journal, 'failed', record.id);
  const status = wasCommitted ? 'committed' : 'unfinished';
  return changed(left, {
    releases: withRecord(left.releases, { ...record, status }),
    unfinished: { action, release: record.id, phase: 'rolling', previous: [...known, ...added] },
  });
}

/** What was begun is being undone. */
export function turnBack(journal: Journal): Journal {
  if (journal.unfinished === undefined) return journal;
  return changed(journal, { unfinished: { ...journal.unfinished, phase: 'rolling-back' } });
}

/** What was begun is what runs. After a rollback, what ran before counts as rolled back. */
export function commitRollout(journal: Journal): Journal {
  const { unfinished, current, ...rest } = journal;
  if (unfinished === undefined) return journal;
  const { action, release } = unfinished;
  const releases = journal.releases.map((record) => {
    if (record.id === release) return { ...record, status: 'committed' as const };
    const isLeft = action === 'rollback' && record.id === current;
    return isLeft ? { ...record, status: 'rolled-back' as const } : record;
  });
  return changed(rest, { releases, current: release });
}

/** What was begun is given up: nothing of it runs, or it is left as it is. */
export function failRollout(journal: Journal): Journal {
  return changed(endUnfinished(journal, 'failed'), {});
}

/** What was begun was undone: everything runs what it ran before. */
export function rolledBack(journal: Journal): Journal {
  return changed(endUnfinished(journal, 'rolled-back'), {});
}

/** Adds a line to the audit log. */
export function withAudit(journal: Journal, entry: AuditEntry): Journal {
  return changed(journal, { audit: [...journal.audit, entry].slice(-AUDIT_LINES) });
}

/** Without the records of releases that need not be known any more: see {@link retainedReleases}. */
export function retainReleases(
  journal: Journal,
  retain: number,
  also: ReadonlySet<string> = new Set(),
): Journal {
  const kept = retainedReleases(journal, retain);
  const releases = journal.releases.filter(({ id }) => kept.has(id) || also.has(id));
  return releases.length === journal.releases.length ? journal : changed(journal, { releases });
}

/**
 * The releases that a rollback may want: what runs or is half-way, what the slots ran before that, the newest `retain` that
 * were committed besides the current one, and the newest that was not, for a look at what went wrong.
 */
export function retainedReleases(journal: Journal, retain: number): ReadonlySet<string> {
  const kept = new Set(neededReleases(journal));
  const newestFirst = [...journal.releases].sort((a, b) => (a.id < b.id ? 1 : -1));
  const committed = newestFirst.filter(
    ({ id, status }) => status === 'committed' && id !== journal.current,
  );
  for (const { id } of committed.slice(0, retain)) kept.add(id);
  const other = newestFirst.find(({ status }) => status !== 'committed');
  if (other !== undefined) kept.add(other.id);
  return kept;
}

/** The releases without which a journal says nothing: what runs, what is half-way, and what the slots ran before that. */
export function neededReleases({ current, unfinished }: Journal): ReadonlySet<string> {
  const previous = unfinished?.previous.map(({ container }) => container?.release) ?? [];
  const ids = [current, unfinished?.release, ...previous];
  return new Set(ids.filter((id) => id !== undefined));
}

/**
 * What several hosts know together: the newest of their journals, with the releases and the lines of the log that only
 * others know. A host that was away has an older one. Undefined where none has one.
 */
export function latestOf(journals: readonly (Journal | undefined)[]): Journal | undefined {
  const [newest, ...others] = journals.filter((each) => each !== undefined).sort(newestFirst);
  if (newest === undefined) return undefined;
  const records = new Map<string, ReleaseRecord>();
  for (const record of [newest, ...others].flatMap(({ releases }) => releases)) {
    if (!records.has(record.id)) records.set(record.id, settled(record, newest));
  }
  const lines = new Map<string, AuditEntry>();
  for (const entry of [newest, ...others].flatMap(({ audit }) => audit)) {
    const key = JSON.stringify([entry.at, entry.by, entry.action, entry.release, entry.outcome]);
    if (!lines.has(key)) lines.set(key, entry);
  }
  return {
    ...newest,
    releases: [...records.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    audit: [...lines.values()].sort((a, b) => compareText(a.at, b.at)).slice(-AUDIT_LINES),
  };
}

/** Two of the same count were written by runs that did not see each other: any order does that is the same everywhere. */
function newestFirst(a: Journal, b: Journal): number {
  if (a.revision !== b.revision) return b.revision - a.revision;
  const byAudit = compareText(b.audit.at(-1)?.at ?? '', a.audit.at(-1)?.at ?? '');
  return byAudit === 0 ? compareText(JSON.stringify(b), JSON.stringify(a)) : byAudit;
}

/** What only an older journal thinks to be half-way is not. */
function settled(record: ReleaseRecord, { unfinished }: Journal): ReleaseRecord {
  if (record.status !== 'unfinished' || unfinished?.release === record.id) return record;
  return { ...record, status: 'failed' };
}

/** Ends what is half-way, unless it is `except`; a release that was committed once stays so. */
function endUnfinished(journal: Journal, status: ReleaseStatus, except?: string): Journal {
  const { unfinished, ...rest } = journal;
  if (unfinished === undefined || unfinished.release === except) return journal;
  const releases = journal.releases.map((record) => {
    const isIt = record.id === unfinished.release && record.status === 'unfinished';
    return isIt ? { ...record, status } : record;
  });
  return { ...rest, releases };
}

function withRecord(
  releases: readonly ReleaseRecord[],
  record: ReleaseRecord,
): readonly ReleaseRecord[] {
  const others = releases.filter(({ id }) => id !== record.id);
  return [...others, record].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function isSameSlot(a: PreviousSlot, b: PreviousSlot): boolean {
  return a.service === b.service && a.slot === b.slot && a.engine === b.engine;
}

function changed(journal: Journal, change: Partial<Journal>): Journal {
  return { ...journal, ...change, revision: journal.revision + 1 };
}
