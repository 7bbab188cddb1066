// Temporary files that are sure to go: on dispose, on a signal, and at the latest when the next run finds them.
import type { Context } from '../core/context.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { untilAborted } from '../core/until-aborted.ts';
import type { Files, System, WritableFile } from './system.ts';

/** Made by another machine or container, a file is a left-over when nobody wrote to it for so long. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;
const MARK = '.shipper-';
const SUFFIX = '.tmp';
const PRIVATE_MODE = 0o600;
/** Less the umask, as for any new file. */
const NEW_FILE_MODE = 0o666;
/** Left free for everybody else, in bytes. */
const RESERVE_BYTES = 16 * 1024 * 1024;
/** Written at once. */
const BATCH_BYTES = 2_097_152;
/** A spool whose size nobody knows beforehand asks for free space so often. */
const ASK_EVERY_BYTES = 256 * 1024 * 1024;

/** A name for what is to come to its place. It is removed on dispose unless that was done. */
export interface TempName extends AsyncDisposable {
  /** Flushes and moves it to `target` so that a crash leaves the old file or the whole new one. */
  moveTo(target: string): Promise<void>;
}

/** A temporary file. */
export interface TempFile extends TempName {
  readonly file: WritableFile;
}

/** Creates a spool in TMPDIR, after removing what dead runs left there. */
export async function createSpool(system: System): Promise<TempFile> {
  await sweep(system, system.tmpdir, `${MARK}spool`);
  return createIn(system, system.tmpdir, `${MARK}spool`, PRIVATE_MODE);
}

/** Creates a file beside `target` that can become it, and that nobody may read who may not read what it replaces. */
export async function createBeside(system: System, target: string): Promise<TempFile> {
  const { folder, name } = splitPath(target);
  const prefix = prefixOf(name);
  await sweep(system, folder, prefix);
  const old = await system.files.stat(target);
  return createIn(system, folder, prefix, old?.mode ?? NEW_FILE_MODE);
}

/** A second name of a file, beside `target`; undefined where the two places cannot share one. */
export async function linkBeside(
  { files, random }: Pick<System, 'files' | 'random'>,
  file: string,
  target: string,
): Promise<TempName | undefined> {
  const { folder, name } = splitPath(target);
  const path = tempPath(files, folder, prefixOf(name), random);
  if (!(await files.link(file, path))) return undefined;
  const forget = files.owner.onExitRemove(path);
  let isPlaced = false;
  return {
    async moveTo(place) {
      await files.rename(path, place);
      isPlaced = true;
      forget();
    },
    async [Symbol.asyncDispose]() {
      if (!isPlaced) await files.remove(path);
      forget();
    },
  };
}

/** Rejects with `NO_SPACE` unless `bytes` can be written where `path` is, and a reserve of 16 MiB stays free. */
export async function requireSpace(
  files: Files,
  path: string,
  bytes: number,
  what: string,
): Promise<void> {
  const free = await files.freeBytes(path);
  if (free >= bytes + RESERVE_BYTES) return;
  throw new ShipperError(
    'NO_SPACE',
    `Cannot write ${what} in ${path}: it needs ${bytes} bytes beside a reserve of ${RESERVE_BYTES}, and ${Math.max(0, free)} are free`,
    { path, hint: 'Free some space, or name another folder (TMPDIR for temporary files)' },
  );
}

/** Whether a name in a folder is one of a temporary file. */
export function isTempName(name: string): boolean {
  return name.includes(MARK) && name.endsWith(SUFFIX);
}

/** The folder of a path, and the name in it. */
export function splitPath(path: string): { readonly folder: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return { folder: '.', name: path };
  return { folder: slash === 0 ? '/' : path.slice(0, slash), name: path.slice(slash + 1) };
}

/** A name of 255 bytes leaves no room for a suffix, so the target's name is cut. */
function prefixOf(name: string): string {
  const start = Buffer.from(name).subarray(0, 100).toString('latin1');
  return `.${start.replace(/[^\x21-\x7e]/g, '_')}${MARK}`;
}

function tempPath(files: Files, folder: string, prefix: string, random: System['random']): string {
  return `${folder}/${prefix}-${files.owner.tag}-${random(6)}${SUFFIX}`;
}

async function createIn(
  system: System,
  folder: string,
  prefix: string,
  mode: number,
): Promise<TempFile> {
  const { files } = system;
  const path = tempPath(files, folder, prefix, system.random);
  const file = await files
    .create(path, mode)
    .catch((error) => Promise.reject(inFolder(error, path, folder)));
  const forget = files.owner.onExitRemove(path);
  let isPlaced = false;
  return {
    file,
    async moveTo(target) {
      await file.sync();
      await files.rename(path, target);
      isPlaced = true;
      forget();
      await files.syncDirectory(splitPath(target).folder);
    },
    async [Symbol.asyncDispose]() {
      try {
        await file.close();
      } finally {
        if (!isPlaced) await files.remove(path);
        forget();
      }
    },
  };
}

/** The name of a file that could not even be made tells nobody anything. */
function inFolder(error: unknown, path: string, folder: string): unknown {
  if (!isShipperError(error)) return error;
  const message = error.message.replace(path, `a file in ${folder}`);
  return new ShipperError(error.code, message, { path: folder, cause: error.cause });
}

function sweep(system: System, folder: string, prefix: string): Promise<void> {
  return removeLeftovers(system, folder, prefix, 'file');
}

/**
 * Removes what runs left in `folder` that are dead for sure, or foreign and old: files (or folders) whose name begins with
 * `prefix`. What a live run has is never touched.
 */
export async function removeLeftovers(
  system: Pick<System, 'clock' | 'files'>,
  folder: string,
  prefix: string,
  kind: 'file' | 'directory',
): Promise<void> {
  for (const name of await listOrNothing(system.files, folder)) {
    if (!name.startsWith(prefix) || !name.endsWith(SUFFIX)) continue;
    const tag = name.slice(prefix.length + 1, -SUFFIX.length).replace(/-[0-9a-f]+$/, '');
    try {
      await sweepOne(system, `${folder}/${name}`, tag, kind);
    } catch {
      // In a folder like /tmp the left-overs of others cannot be removed, which is no reason to stop.
    }
  }
}

async function sweepOne(
  system: Pick<System, 'clock' | 'files'>,
  path: string,
  tag: string,
  kind: 'file' | 'directory',
): Promise<void> {
  const { files } = system;
  const facts = await files.lstat(path);
  // In a folder that all may write, only what is of the kind that we make can be ours: a link is not followed.
  if (facts?.kind !== kind) return;
  const isOld = system.clock.now() - facts.mtimeMs > FOREIGN_AGE_MS;
  if (files.owner.isDead(tag) ?? isOld) await files.remove(path);
}

/** A folder that may be written and not listed is no place to sweep; one that is not there shows when it is used. */
async function listOrNothing(files: Files, folder: string): Promise<readonly string[]> {
  try {
    return await files.list(folder);
  } catch {
    return [];
  }
}

/** What may be written before the free space is asked for again, so that no disk is filled to its last byte. */
export class Room {
  readonly #files: Files;
  readonly #folder: string;
  #left = 0;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#folder = splitPath(path).folder;
  }

  /** Whether there is room for `bytes`, which it then takes. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  /** Gives back what was taken and not written. */
  give(bytes: number): void {
    this.#left += bytes;
  }

  /** Takes `bytes` of what the disk has now; rejects with `NO_SPACE`. */
  async ask(bytes: number): Promise<void> {
    await requireSpace(this.#files, this.#folder, bytes, 'a temporary file');
    const free = await this.#files.freeBytes(this.#folder);
    this.#left = Math.min(ASK_EVERY_BYTES, free - RESERVE_BYTES) - bytes;
  }
}

/** What is told of a spool while it is written. */
export interface SpoolListener {
  /** A chunk was taken. Its memory may be used again afterwards. */
  onChunk?(chunk: Uint8Array): void;
  /** The first `length` bytes can be read in the file. */
  onWritten?(length: number): void;
}

/**
 * Writes to a spool one chunk behind the other. Small chunks are written together: a socket gives 64 KiB at a time, and
 * handing each to a thread would take longer than writing it.
 */
export class SpoolWriter {
  readonly #room: Room;
  readonly #batch: BatchWriter;
  #length = 0;

  constructor(system: System, spool: TempFile, onWritten?: SpoolListener['onWritten']) {
    this.#room = new Room(system.files, spool.file.path);
    this.#batch = new BatchWriter(spool.file, onWritten);
  }

  /** Bytes that were given. */
  get length(): number {
    return this.#length;
  }

  /** Takes a chunk, which may be overwritten once it resolves. */
  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#room.take(chunk.length)) await this.#room.ask(chunk.length);
    await this.#batch.take(chunk);
    this.#length += chunk.length;
  }

  /** Resolves when everything was written. More may follow. */
  finish(): Promise<void> {
    return this.#batch.finish();
  }

  /** Resolves when nothing is being written, also after a failure: the file must not be closed under a write. */
  settle(): Promise<void> {
    return this.#batch.settle();
  }
}

/** Copies a stream into a spool; returns its length. The next chunk is read while the last one is written. */
export async function spoolStream(
  system: System,
  ctx: Context,
  spool: TempFile,
  stream: AsyncIterable<Uint8Array>,
  listener: SpoolListener = {},
): Promise<number> {
  const writer = new SpoolWriter(system, spool, (length) => listener.onWritten?.(length));
  try {
    for await (const chunk of untilAborted(ctx.signal, stream)) {
      await writer.write(chunk);
      listener.onChunk?.(chunk);
    }
    await writer.finish();
  } finally {
    await writer.settle();
  }
  return writer.length;
}

/** Collects chunks in one buffer while the other is written. */
class BatchWriter {
  readonly #file: WritableFile;
  readonly #onWritten: SpoolListener['onWritten'];
  // Shared, so that a thread writes them.
  #filling = new Uint8Array(new SharedArrayBuffer(BATCH_BYTES));
  #spare = new Uint8Array(new SharedArrayBuffer(BATCH_BYTES));
  #used = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Bytes handed to the file so far. */
  length = 0;

  constructor(file: WritableFile, onWritten: SpoolListener['onWritten']) {
    this.#file = file;
    this.#onWritten = onWritten;
  }

  async take(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BATCH_BYTES - this.#used);
      this.#filling.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === BATCH_BYTES) await this.#start();
    }
  }

  async finish(): Promise<void> {
    await this.#start();
    await this.#writing;
  }

  /** Resolves when nothing is being written, also after a failure. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #start(): Promise<void> {
    await this.#writing;
    const full = this.#filling;
    this.#writing = this.#write(full.subarray(0, this.#used), this.length);
    // Awaited before the next write and at the end.
    this.#writing.catch(() => undefined);
    this.length += this.#used;
    this.#used = 0;
    this.#filling = this.#spare;
    this.#spare = full;
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    await this.#file.write(bytes, position);
    this.#onWritten?.(position + bytes.length);
  }
}
