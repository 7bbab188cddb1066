// The tar grammar as a coroutine: it asks for bytes and gives entries, and does no reading of its own, so that one
// grammar serves files (`scan.ts`), and any stream. Follows Go's archive/tar, which the engines read with.
import { latin1, printable } from '../core/bytes.ts';
import { ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { corrupt, overLimit } from './corrupt.ts';
import { BLOCK, type Entry, type EntryType, padded } from './entry.ts';
import { decodeHeader, type EntryDraft, isZeroBlock } from './header.ts';
import { GNU_SPARSE_MAP, type PaxRecords, parsePax, parsePaxNumber } from './pax.ts';
import { applyGlobals, applyPax } from './pax-apply.ts';
import {
  addListedExtents,
  addOldExtents,
  LeadingMapReader,
  oldRealSize,
  SparseMapBuilder,
} from './sparse.ts';

/** "Give me `length` bytes from `at`": answered with the bytes, fewer only at the end of the tar. */
export interface ReadRequest {
  readonly kind: 'read';
  readonly at: number;
  readonly length: number;
}

/** Asks for bytes, or gives an entry: answered with anything. */
type Parser<T> = Generator<ReadRequest | Entry, T, Buffer>;

/** Extension headers that wait for the entry that they describe. */
interface Pending {
  readonly pax: PaxRecords | undefined;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
}

const NOTHING: Pending = { pax: undefined, longName: undefined, longLink: undefined };

/** Parses a whole tar from byte 0 to its end mark or the end of its bytes. */
export function* parseTar(): Parser<void> {
  let at = 0;
  let globals: PaxRecords | undefined;
  let pending = NOTHING;
  for (;;) {
    const block = yield* readHeaderBlock(at);
    if (block === undefined) {
      if (pending !== NOTHING) throw corrupt('an extension header has no entry', at);
      return;
    }
    const header = decodeHeader(block, at);
    if (isExtension(header.typeflag)) {
      const body = yield* readExtension(header, at);
      if (header.typeflag === 'g') globals = mergeGlobals(globals, parsePax(body, at), at);
      else pending = addPending(pending, header.typeflag, body, at);
      at += BLOCK + padded(header.size);
    } else {
      let entry: Entry = header;
      if (pending === NOTHING && globals === undefined && header.typeflag !== 'S')
        finishPlain(header);
      else entry = yield* completeEntry(header, block, pending, globals);
      yield entry;
      pending = NOTHING;
      at = entry.dataOffset + padded(entry.storedSize);
    }
  }
}

/** The next header, or undefined at the end: two zero blocks, one at the end of the bytes, or no bytes at all. */
function* readHeaderBlock(at: number): Parser<Buffer | undefined> {
  const block: Buffer = yield { kind: 'read', at, length: BLOCK };
  if (block.length === 0) return undefined;
  if (block.length < BLOCK) throw corrupt('the tar ends in the middle of a header', at);
  if (!isZeroBlock(block)) return block;
  const second: Buffer = yield { kind: 'read', at: at + BLOCK, length: BLOCK };
  if (second.length === BLOCK && !isZeroBlock(second)) {
    throw corrupt('a zero block stands in front of more entries', at);
  }
  return undefined;
}

function isExtension(typeflag: string): boolean {
  return typeflag === 'x' || typeflag === 'g' || typeflag === 'L' || typeflag === 'K';
}

function* readExtension(header: EntryDraft, at: number): Parser<string> {
  const { size } = header;
  if (size < 0) throw corrupt('the size is negative', at);
  if (size > LIMITS.tarExtensionBytes) {
    throw overLimit(`an extension header of ${size} bytes is over the limit`, at);
  }
  const body: Buffer = yield { kind: 'read', at: at + BLOCK, length: size };
  if (body.length < size) throw corrupt('the tar ends in the middle of an extension header', at);
  return latin1(body);
}

/** As Go does: a later header of one kind replaces the earlier one. */
function addPending(pending: Pending, typeflag: string, body: string, at: number): Pending {
  if (typeflag === 'x') return { ...pending, pax: parsePax(body, at) };
  const nul = body.indexOf('\0');
  const name = nul < 0 ? body : body.slice(0, nul);
  return typeflag === 'L' ? { ...pending, longName: name } : { ...pending, longLink: name };
}

/** Names and sizes that hold for all that follows would make readers disagree on the framing, so they are refused. */
function mergeGlobals(before: PaxRecords | undefined, now: PaxRecords, at: number): PaxRecords {
  const merged: PaxRecords = new Map(before);
  for (const [key, value] of now) {
    if (key === 'path' || key === 'linkpath' || key === 'size' || key.startsWith('GNU.sparse.')) {
      throw corrupt(`a global PAX header sets ${key}`, at);
    }
    if (value === '') merged.delete(key);
    else merged.set(key, value);
  }
  if (merged.size > LIMITS.paxGlobalRecords) {
    throw overLimit(`global PAX headers set more than ${LIMITS.paxGlobalRecords} keys`, at);
  }
  return merged;
}

/** Applies the extension headers that wait; reads on only for the map of a sparse file. */
function* completeEntry(
  draft: EntryDraft,
  block: Buffer,
  pending: Pending,
  globals: PaxRecords | undefined,
): Parser<Entry> {
  const { headerOffset: at, typeflag } = draft;
  // Copied before the next read: a driver may reuse the block's memory.
  const oldSparse = typeflag === 'S' ? Buffer.from(block) : undefined;
  if (globals !== undefined) applyGlobals(draft, globals, pending.pax, at);
  if (pending.pax !== undefined) applyPax(draft, pending.pax, at);
  if (pending.longName !== undefined) draft.path = pending.longName;
  if (pending.longLink !== undefined) draft.linkTarget = pending.longLink;
  finishPlain(draft);
  if (oldSparse !== undefined) yield* readOldSparse(oldSparse, draft);
  else if (pending.pax !== undefined && draft.type === 'file' && isSparse(pending.pax)) {
    yield* readPaxSparse(pending.pax, draft);
    draft.path = pending.pax.get('GNU.sparse.name') || draft.path;
  }
  return draft;
}

/** Decides what is left open by the fields alone. */
function finishPlain(draft: EntryDraft): void {
  const { headerOffset: at } = draft;
  draft.type = typeOf(draft.typeflag, draft.path, at);
  if (draft.size < 0) throw corrupt('the size is negative', at);
  if (draft.type !== 'file') draft.size = 0;
  draft.storedSize = draft.size;
  if (draft.type !== 'link' && draft.type !== 'symlink') draft.linkTarget = '';
  checkIds(draft, at);
}

const TYPES = new Map<string, EntryType>([
  ['0', 'file'],
  ['7', 'file'],
  ['S', 'file'],
  ['1', 'link'],
  ['2', 'symlink'],
  ['3', 'char'],
  ['4', 'block'],
  ['5', 'directory'],
  ['6', 'fifo'],
]);

/** A NUL flag is v7's: a file, or a directory where the name ends in a slash. */
function typeOf(typeflag: string, path: string, at: number): EntryType {
  if (typeflag === '\0') return path.endsWith('/') ? 'directory' : 'file';
  const type = TYPES.get(typeflag);
  if (type === undefined) {
    const entry = printable(path);
    throw new ShipperError(
      'UNSUPPORTED',
      `Cannot place entry "${entry}": its type ${JSON.stringify(typeflag)} is unknown`,
      { entry, offset: at },
    );
  }
  return type;
}

function checkIds(draft: EntryDraft, at: number): void {
  const { devMajor, devMinor } = draft;
  if (!isUint32(draft.uid)) throw corrupt(`uid ${draft.uid} is out of range`, at);
  if (!isUint32(draft.gid)) throw corrupt(`gid ${draft.gid} is out of range`, at);
  if (!isUint32(devMajor) || !isUint32(devMinor)) {
    throw corrupt(`device ${devMajor}:${devMinor} is out of range`, at);
  }
}

function isUint32(value: number): boolean {
  return value >= 0 && value <= 0xffffffff;
}

/** Four extents in the header, then extension blocks of 21 while each says that another follows. */
function* readOldSparse(header: Buffer, draft: EntryDraft): Parser<void> {
  const at = draft.headerOffset;
  const map = new SparseMapBuilder(at);
  draft.size = oldRealSize(header, at);
  let more = addOldExtents(header, 386, 4, map, at);
  while (more) {
    const block: Buffer = yield { kind: 'read', at: draft.dataOffset, length: BLOCK };
    if (block.length < BLOCK) throw corrupt('the tar ends in the middle of a sparse map', at);
    more = addOldExtents(block, 0, 21, map, at);
    draft.dataOffset += BLOCK;
  }
  draft.sparse = map.finish(draft.size, draft.storedSize);
}

/** PAX formats 0.0, 0.1 and 1.0; an unknown version is an ordinary file, as Go has it. */
function isSparse(pax: PaxRecords): boolean {
  const version = sparseVersion(pax);
  if (version === '.') return pax.has(GNU_SPARSE_MAP) || pax.has(SPARSE_COUNT);
  return version === '0.0' || version === '0.1' || version === '1.0';
}

/** Formats 0.0 and 0.1 say how many extents there are. */
const SPARSE_COUNT = 'GNU.sparse.numblocks';

function sparseVersion(pax: PaxRecords): string {
  return `${pax.get('GNU.sparse.major') ?? ''}.${pax.get('GNU.sparse.minor') ?? ''}`;
}

function* readPaxSparse(pax: PaxRecords, draft: EntryDraft): Parser<void> {
  const at = draft.headerOffset;
  const sizeText = pax.get('GNU.sparse.size') ?? pax.get('GNU.sparse.realsize');
  if (sizeText !== undefined) draft.size = parsePaxNumber(sizeText, 'sparse size', at);
  const map = new SparseMapBuilder(at);
  if (sparseVersion(pax) === '1.0') {
    const mapBytes = yield* readLeadingMap(map, at, draft.storedSize);
    draft.storedSize -= mapBytes;
    draft.dataOffset += mapBytes;
  } else addListedMap(pax, map, at);
  draft.sparse = map.finish(draft.size, draft.storedSize);
}

function addListedMap(pax: PaxRecords, map: SparseMapBuilder, at: number): void {
  addListedExtents(pax.get(GNU_SPARSE_MAP) ?? '', map, at);
  const count = pax.get(SPARSE_COUNT);
  if (count !== undefined && parsePaxNumber(count, SPARSE_COUNT, at) !== map.extents) {
    throw corrupt('the sparse map has another number of extents than it claims', at);
  }
}

function* readLeadingMap(map: SparseMapBuilder, at: number, stored: number): Parser<number> {
  const reader = new LeadingMapReader(map, at);
  for (;;) {
    if (reader.bytes + BLOCK > padded(stored)) {
      throw corrupt('the sparse map is longer than its entry', at);
    }
    const block: Buffer = yield {
      kind: 'read',
      at: at + BLOCK + reader.bytes,
      length: BLOCK,
    };
    if (block.length < BLOCK) throw corrupt('the tar ends in the middle of a sparse map', at);
    if (reader.take(latin1(block))) return reader.bytes;
  }
}
