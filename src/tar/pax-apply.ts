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
  for (const [key, value] of globals) {
    if (own?.has(key)) continue;
    if (!IGNORED.has(key)) draft.governedByGlobal = true;
    applyRecord(draft, key, value, at);
  }
}

export function applyPax(draft: EntryDraft, records: PaxRecords, at: number): void {
  for (const [key, value] of records) {
    // An empty value takes a key back (POSIX); an extended attribute, though, may be empty.
    if (value === '' && !key.startsWith(XATTR)) continue;
    applyRecord(draft, key, value, at);
  }
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
      applyOther(draft, key, value);
  }
}

function applyOther(draft: EntryDraft, key: string, value: string): void {
  if (key.startsWith(XATTR)) {
    draft.xattrs = withXattr(draft.xattrs, key.slice(XATTR.length), value);
  } else if (!IGNORED.has(key) && !key.startsWith('GNU.sparse.')) {
    draft.unknownKeys = [...(draft.unknownKeys ?? []), key];
  }
}

/** Sorted by name, so that equal sets are equal text. */
function withXattr(
  xattrs: ReadonlyMap<string, string> | undefined,
  name: string,
  value: string,
): ReadonlyMap<string, string> {
  if (xattrs === undefined) return new Map([[name, value]]);
  return new Map([...xattrs, [name, value] as const].sort(([a], [b]) => (a < b ? -1 : 1)));
}
