// Archives around images: `docker save` and OCI layouts as a tar, gzip or zstd around it, from a file or a stream. Their
// members are found by reading headers and seeking; names are only looked up here, never opened on the disk.
import { decompress } from '../blob/decompress.ts';
import { SNIFF_BYTES, sniffCompression } from '../blob/sniff.ts';
import { printable } from '../core/bytes.ts';
import { type Context, startTask } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { untilAborted } from '../core/until-aborted.ts';
import { createSpool, requireSpace, spoolStream } from '../system/spool.ts';
import type { System } from '../system/system.ts';
import { BLOCK, type Entry } from '../tar/entry.ts';
import { parseTar } from '../tar/parser.ts';
import { cleanPath } from '../tar/path.ts';
import { scanTar } from '../tar/scan.ts';
import { HashAhead } from './hash-ahead.ts';
import { joined, take } from './peek.ts';
import { type Region, readRegion, streamRegion } from './region.ts';

/** A member as stored: bytes, or a name for another member. */
type Member =
  | { readonly kind: 'bytes'; readonly offset: number; readonly size: number }
  | { readonly kind: 'alias'; readonly target: string };

/** An open archive. Dispose it after the last read. */
export interface Archive extends AsyncDisposable {
  readonly name: string;
  has(member: string): boolean;
  /** The bytes of a member; links inside the archive are followed. Undefined when there is none. */
  region(member: string): Region | undefined;
  /** Names of all members, cleaned. */
  members(): Iterable<string>;
}

/** Opens an archive file; decompresses it into a spool where it is compressed. */
export async function openArchiveFile(
  system: System,
  ctx: Context,
  path: string,
  name: string,
): Promise<Archive> {
  const file = await system.files.openRead(path);
  try {
    const region: Region = { file, offset: 0, size: file.size };
    const head = new Uint8Array(SNIFF_BYTES);
    readRegion(region, head, 0);
    const kind = sniffOuter(head, name);
    if (kind === 'plain') return indexArchive(region, name, () => file.close());
    const archive = await openStream(
      system,
      ctx,
      decompress(streamRegion(ctx, region), kind),
      name,
      file.size,
    );
    await file.close();
    return archive;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Spools a stream, plain or compressed, and opens it. `expectedBytes` is for the check of free space. */
export async function openArchiveStream(
  system: System,
  ctx: Context,
  stream: AsyncIterable<Uint8Array>,
  name: string,
  expectedBytes = 0,
): Promise<Archive> {
  const iterator = untilAborted(ctx.signal, stream);
  try {
    const first: Uint8Array[] = [];
    const kind = sniffOuter(await take(iterator, first, SNIFF_BYTES), name);
    if (kind === 'plain') checkStart(await take(iterator, first, BLOCK), name);
    const whole = joined(first, iterator);
    const plain = kind === 'plain' ? whole : decompress(whole, kind);
    return await openStream(system, ctx, plain, name, expectedBytes);
  } catch (error) {
    // Also where nothing has been read of `whole` yet: the process would wait for a writer that nobody listens to.
    await iterator.return?.();
    throw error;
  }
}

/** What is no tar from its first block on is not spooled to the end, which may never come. */
function checkStart(head: Buffer, name: string): void {
  if (head.length < BLOCK) return;
  const block = head.subarray(0, BLOCK);
  if (block.every((byte) => byte === 0)) throw withoutMembers(name);
  const parser = parseTar();
  parser.next();
  try {
    parser.next(block);
  } catch (error) {
    throw notAnArchive(error, name, 0);
  }
}

function withoutMembers(name: string): ShipperError {
  return new ShipperError('BAD_ARCHIVE', `Cannot open ${name}: it is an archive without members`);
}

function sniffOuter(head: Uint8Array, name: string): 'plain' | 'gzip' | 'zstd' {
  const kind = sniffCompression(head);
  if (kind === 'bzip2' || kind === 'xz') {
    throw new ShipperError('UNSUPPORTED', `Cannot open ${name}: it is compressed with ${kind}`, {
      hint: `Decompress it first, for example with ${kind === 'xz' ? 'xz' : 'bzip2'} -dc FILE | shipper flatten - …`,
    });
  }
  return kind;
}

async function openStream(
  system: System,
  ctx: Context,
  stream: AsyncIterable<Uint8Array>,
  name: string,
  expectedBytes: number,
): Promise<Archive> {
  await requireSpace(system.files, system.tmpdir, expectedBytes, 'a temporary copy of the archive');
  const spool = await createSpool(system);
  const ahead = new HashAhead(system, ctx.signal, spool.file);
  const close = async () => {
    // The file must not be closed under a hash.
    await ahead.stop();
    await spool[Symbol.asyncDispose]();
  };
  try {
    const meter = startTask(ctx, `read ${name}`);
    const size = await spoolStream(system, ctx, spool, stream, {
      onChunk(chunk) {
        ahead.push(chunk);
        meter.advance(chunk.length);
      },
      onWritten: (length) => ahead.written(length),
    });
    meter.finish();
    return indexArchive({ file: spool.file, offset: 0, size }, name, close, ahead);
  } catch (error) {
    await close();
    throw error;
  }
}

/** `ahead` has hashes of its larger members. */
function indexArchive(
  region: Region,
  name: string,
  close: () => PromiseLike<void>,
  ahead?: HashAhead,
): Archive {
  const members = readMembers(region, name);
  const bytesOf = (path: string) => {
    let found = members.get(path);
    for (let hops = 0; found?.kind === 'alias' && hops < 8; hops += 1)
      found = members.get(found.target);
    return found?.kind === 'bytes' ? found : undefined;
  };
  return {
    name,
    has: (member) => bytesOf(clean(member)) !== undefined,
    region(member) {
      const found = bytesOf(clean(member));
      if (found === undefined) return undefined;
      const { size } = found;
      const offset = region.offset + found.offset;
      const sha256 = ahead?.sha256(offset);
      return { file: region.file, offset, size, ...(sha256 === undefined ? {} : { sha256 }) };
    },
    members: () => members.keys(),
    [Symbol.asyncDispose]: close,
  };
}

/** A name as a member's; one that leaves the archive is no member. */
function clean(member: string): string {
  try {
    return cleanPath(member);
  } catch {
    return '';
  }
}

function readMembers(region: Region, name: string): Map<string, Member> {
  const members = new Map<string, Member>();
  const source = {
    size: region.size,
    readSync: (target: Uint8Array, position: number) => readRegion(region, target, position),
  };
  let entries = 0;
  try {
    for (const entry of scanTar(source)) {
      entries += 1;
      addMember(members, entry);
    }
  } catch (error) {
    throw notAnArchive(error, name, entries);
  }
  if (region.size === 0) throw new ShipperError('BAD_ARCHIVE', `Cannot open ${name}: it is empty`);
  if (members.size === 0) throw withoutMembers(name);
  return members;
}

function addMember(members: Map<string, Member>, entry: Entry): void {
  if (members.size >= LIMITS.archiveMembers) {
    throw new ShipperError('LIMIT_EXCEEDED', `it has more than ${LIMITS.archiveMembers} members`);
  }
  const path = cleanPath(entry.path);
  if (entry.type === 'directory' || path === '') return;
  // Readers disagree on which of two counts (`faults.md` M3), so neither does.
  if (members.has(path)) {
    throw new ShipperError('BAD_ARCHIVE', `the member "${printable(path)}" stands twice`);
  }
  if (entry.type === 'file') {
    if (entry.sparse !== undefined) {
      throw new ShipperError('BAD_ARCHIVE', `the member "${printable(path)}" is sparse`);
    }
    members.set(path, { kind: 'bytes', offset: entry.dataOffset, size: entry.size });
    return;
  }
  if (entry.type === 'symlink') {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const target = entry.linkTarget.startsWith('/') ? '' : clean(folder + entry.linkTarget);
    members.set(path, { kind: 'alias', target });
  } else if (entry.type === 'link')
    members.set(path, { kind: 'alias', target: clean(entry.linkTarget) });
}

function notAnArchive(error: unknown, name: string, entries: number): unknown {
  if (!isShipperError(error)) return error;
  const isTar = entries > 0 || error.code !== 'BAD_LAYER';
  const reason = isTar ? error.message : 'it is not a tar archive, nor one in gzip or zstd';
  const code =
    error.code === 'BAD_LAYER' || error.code === 'UNSAFE_ENTRY' ? 'BAD_ARCHIVE' : error.code;
  return new ShipperError(code, `Cannot open ${name}: ${reason}`, {
    ...error.details,
    cause: error,
  });
}
