// What PAX records mean for an entry.
import type { EntryDraft } from './header.ts';
import { type PaxRecords, parsePaxNumber, parsePaxTime } from './pax.ts';

const XATTR = 'SCHILY.xattr.';
/** Known and without meaning in an image: `flatten.md` 2 (atime, ctime, uname, gname), comments and character sets. */
const IGNORED = new Set(['atime', 'ctime', 'uname', 'gname', 'comment', 'charset', 'hdrcharset']);

/** A global record counts where the entry's own header does not set its key, were it to nothing. */
export function applyGlobals(
  draft: EntryDraft,
  globals: PaxRecords,
  own: PaxRecords | undefined,
  at: number,
): void {
  const governing = [...globals].filter(([key]) => own?.has(key) !== true);
  if (governing.some(([key]) => !IGNORED.has(key))) draft.governedByGlobal = true;
  applyRecords(draft, governing, at);
}

export function applyPax(draft: EntryDraft, records: PaxRecords, at: number): void {
  // An empty value takes a key back (POSIX); an extended attribute, though, may be empty.
  const set = [...records].filter(([key, value]) => value !== '' || key.startsWith(XATTR));
  applyRecords(draft, set, at);
}

/** Attributes and unknown keys are collected and set once: a header may hold thousands. */
function applyRecords(
  draft: EntryDraft,
  records: readonly (readonly [string, string])[],
  at: number,
): void {
  const xattrs: (readonly [string, string])[] = [];
  const unknown: string[] = [];
  for (const [key, value] of records) {
    if (key.startsWith(XATTR)) xattrs.push([key.slice(XATTR.length), value]);
    else if (isUnknown(key)) unknown.push(key);
    else applyRecord(draft, key, value, at);
  }
  if (xattrs.length > 0) draft.xattrs = sortedByName([...(draft.xattrs ?? []), ...xattrs]);
  if (unknown.length > 0) draft.unknownKeys = [...(draft.unknownKeys ?? []), ...unknown];
}

const APPLIED = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime']);

function isUnknown(key: string): boolean {
  return !APPLIED.has(key) && !IGNORED.has(key) && !key.startsWith('GNU.sparse.');
}

function applyRecord(draft: EntryDraft, key: string, value: string, at: number): void {
  switch (key) {
    case 'path':
      draft.path = value;
      return;
    case 'linkpath':
      draft.linkTarget = value;
      return;
    case 'size':
      draft.size = parsePaxNumber(value, key, at);
      return;
    case 'uid':
      draft.uid = parsePaxNumber(value, key, at);
      return;
    case 'gid':
      draft.gid = parsePaxNumber(value, key, at);
      return;
    case 'mtime': {
      const time = parsePaxTime(value, at);
      draft.mtimeSeconds = time.seconds;
      draft.mtimeNanos = time.nanos;
      return;
    }
    default:
    // Known and without meaning, or of a sparse file: `parser.ts` reads those.
  }
}

/** A later value of a name replaces the earlier; sorted, so that equal sets are equal text. */
function sortedByName(xattrs: readonly (readonly [string, string])[]): ReadonlyMap<string, string> {
  const set = new Map(xattrs);
  return set.size < 2 ? set : new Map([...set].sort(([a], [b]) => (a < b ? -1 : 1)));
}
