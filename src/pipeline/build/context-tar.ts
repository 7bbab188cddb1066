// A build context as the tar that an engine takes, as the docker command makes it: everything belongs to root, symbolic
// links stay links, what `.dockerignore` names is left out.
import { latin1OfText } from '../../core/bytes.ts';
import { type Context, throwIfAborted } from '../../core/context.ts';
import type { IgnoreRules } from '../../core/dockerignore.ts';
import { ShipperError } from '../../core/errors.ts';
import type { FileFacts, System } from '../../system/system.ts';
import { encodeHeader } from '../../tar/encode.ts';
import { BLOCK, type EntryHead, padded } from '../../tar/entry.ts';
import { type ContextEntry, contextEntries } from './context-entries.ts';

/** What goes into a context. */
export interface SentContext {
  /** Absolute. */
  readonly folder: string;
  readonly rules: IgnoreRules;
  /** Files that are not in the folder, or not so, by their paths in the context. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const CHUNK_BYTES = 1_048_576;
const END = Buffer.alloc(2 * BLOCK);

/** The bytes of the tar. Reads each file while it is sent; `SOURCE_CHANGED` when one shrinks meanwhile. */
export async function* contextTar(
  system: System,
  ctx: Context,
  { folder, rules, files }: SentContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const entry of contextEntries(system, ctx, { folder, rules, without: files })) {
    if (entry.facts.kind === 'file') yield* fileBytes(system, ctx, entry);
    else yield await headOf(system, entry);
  }
  for (const [path, bytes] of files) {
    yield encodeHeader(head('file', path, { mode: 0o644, mtimeMs: 0 }, bytes.length));
    yield bytes;
    yield Buffer.alloc(padded(bytes.length) - bytes.length);
  }
  yield END;
}

/** A folder or a link. */
async function headOf(
  { files }: System,
  { path, absolute, facts }: ContextEntry,
): Promise<Uint8Array> {
  if (facts.kind === 'directory') return encodeHeader(head('directory', path, facts));
  const target = await files.readLink(absolute);
  return encodeHeader({ ...head('symlink', path, facts), linkTarget: latin1OfText(target) });
}

async function* fileBytes(
  { files }: System,
  ctx: Context,
  { path, absolute, facts }: ContextEntry,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await files.openRead(absolute);
  const { size } = file;
  yield encodeHeader(head('file', path, facts, size));
  for (let at = 0; at < size; ) {
    throwIfAborted(ctx);
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    const read = file.readSync(chunk, at);
    if (read === 0) {
      throw new ShipperError(
        'SOURCE_CHANGED',
        `Cannot send ${file.path} to the engine: it shrank while it was read`,
        { path: file.path },
      );
    }
    yield chunk.subarray(0, read);
    at += read;
  }
  yield Buffer.alloc(padded(size) - size);
}

function head(
  type: EntryHead['type'],
  path: string,
  facts: Pick<FileFacts, 'mode' | 'mtimeMs'>,
  size = 0,
): EntryHead {
  return {
    type,
    path: latin1OfText(path),
    linkTarget: '',
    mode: facts.mode ?? (type === 'directory' ? 0o755 : 0o644),
    uid: 0,
    gid: 0,
    size,
    // As the docker command sends it.
    mtimeSeconds: Math.floor(facts.mtimeMs / 1000),
    mtimeNanos: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
}
