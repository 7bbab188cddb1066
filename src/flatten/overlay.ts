// Marks of overlayfs itself that leaked into a layer: 0:0 devices and `overlay.*` attributes (`flatten.md` 2).
import { ShipperError } from '../core/errors.ts';
import type { Entry } from '../tar/entry.ts';
import { type CleanPath, quote } from '../tar/path.ts';
import type { MergePolicy, WarningCode } from './policy.ts';

/** What an entry means beside itself. */
export interface OverlayMarks {
  /** `whiteout`: the entry is only a mark. `opaque`: the directory also hides what lies below it. */
  readonly mark: 'none' | 'opaque' | 'whiteout';
  readonly warnings: readonly { readonly code: WarningCode; readonly what: string }[];
}

const NO_MARKS: OverlayMarks = { mark: 'none', warnings: [] };
const OVERLAY = /^(?:trusted|user)\.overlay\./;

/** Reads the marks of one entry; `redirect` and `metacopy` cannot be understood without the lower file system. */
export function overlayMarks(
  entry: Entry,
  path: CleanPath,
  whiteouts: MergePolicy['whiteouts'],
): OverlayMarks {
  if (entry.type === 'char' && entry.devMajor === 0 && entry.devMinor === 0) {
    return zeroDevice(whiteouts);
  }
  if (entry.xattrs === undefined) return NO_MARKS;
  let mark: OverlayMarks['mark'] = 'none';
  const warnings: OverlayMarks['warnings'][number][] = [];
  for (const [name, value] of entry.xattrs) {
    if (!OVERLAY.test(name)) continue;
    if (name.endsWith('.redirect') || name.endsWith('.metacopy')) {
      throw new ShipperError(
        'UNSUPPORTED',
        `Cannot place entry ${quote(path)}: its attribute ${name} refers to a lower file system`,
      );
    }
    const isOpaque = name.endsWith('.opaque') && value === 'y' && entry.type === 'directory';
    if (isOpaque && whiteouts !== 'oci') mark = 'opaque';
    const meaning =
      isOpaque && whiteouts !== 'oci' ? 'read as an opaque mark and not carried' : 'not carried';
    warnings.push({ code: 'overlay-xattr', what: `has the attribute ${name}: ${meaning}` });
  }
  return { mark, warnings };
}

function zeroDevice(whiteouts: MergePolicy['whiteouts']): OverlayMarks {
  if (whiteouts === 'overlay') return { mark: 'whiteout', warnings: [] };
  const what = 'is a 0:0 character device: kept, though overlay engines read it as a whiteout';
  return { mark: 'none', warnings: [{ code: 'device-zero', what }] };
}

/** The entry without attributes that overlayfs would take for its own. */
export function withoutOverlayXattrs(entry: Entry): Entry {
  if (entry.xattrs === undefined) return entry;
  const kept = new Map([...entry.xattrs].filter(([name]) => !OVERLAY.test(name)));
  if (kept.size === entry.xattrs.size) return entry;
  return { ...entry, xattrs: kept.size === 0 ? undefined : kept };
}
