// Files of the real machine.

import type { BigIntStats } from 'node:fs';
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  openSync,
  readSync,
  write,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { bug, type ErrorCode, isShipperError, ShipperError } from '../core/errors.ts';
import { type ChunkWriter, isChunk, WRITE_BYTES } from './chunk-writer.ts';
import { processOwner } from './owner.ts';
import type { FileFacts, Files, ReadableFile, WritableFile } from './system.ts';

/** The real file system. */
export function nodeFiles(writer: ChunkWriter): Files {
  return {
    owner: processOwner(),
    stat: (path) => factsOrUndefined(path, () => fs.stat(path, { bigint: true })),
    lstat: (path) => factsOrUndefined(path, () => fs.lstat(path, { bigint: true })),
    realPath: (path) => during('examine', path, () => realPath(path)),
    readLink: (path) => during('read', path, () => fs.readlink(path)),
    list: (path) => during('list', path, () => fs.readdir(path)),
    read: (path, maxBytes) => during('read', path, () => readCapped(path, maxBytes)),
    openRead: (path) => during('open', path, async () => openForRead(path)),
    create: (path, mode = 0o600) =>
      during('create', path, async () => openForWrite(path, mode, writer)),
    makeDirectory: (path, mode) =>
      during('create', path, async () => (await extra()).ensureDir(path, mode ?? 0o777)),
    rename: (from, to) => during('rename to', to, () => fs.rename(from, to)),
    link: (from, to) => during('link', to, () => link(from, to)),
    remove: (path) => during('remove', path, () => fs.rm(path, { recursive: true, force: true })),
    syncDirectory: (path) => during('flush', path, () => syncDirectory(path)),
    appendText: (path, text) => during('write', path, () => fs.appendFile(path, text)),
    touch: (path) => during('touch', path, () => touch(path)),
    freeBytes: (path) =>
      during('examine', path, async () => {
        const { bavail, bsize } = await fs.statfs(path);
        return bavail * bsize;
      }),
  };
}

/** Loaded when it is needed: most runs make no folder. */
async function extra(): Promise<typeof import('fs-extra')> {
  return (await import('fs-extra')).default;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
};
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EIO: 'input/output error',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'the name is too long',
};

/** Turns the failure of a system call into an error that names the path. */
export function fileError(verb: string, path: string, error: unknown): ShipperError {
  if (isShipperError(error)) return error;
  const code = errorName(error as NodeJS.ErrnoException);
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  const suffix = code === '' || reason.includes(code) ? '' : ` (${code})`;
  return new ShipperError(CODES[code] ?? 'IO', `Cannot ${verb} ${path}: ${reason}${suffix}`, {
    path,
    cause: error,
  });
}

/** `ENOENT` and the like; libuv has no name for the quota's. */
function errorName({ code = '', errno }: NodeJS.ErrnoException): string {
  return errno === -osConstants.errno.EDQUOT ? 'EDQUOT' : code;
}

async function during<T>(verb: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw fileError(verb, path, error);
  }
}

function duringSync<T>(verb: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fileError(verb, path, error);
  }
}

async function factsOrUndefined(
  path: string,
  stat: () => Promise<BigIntStats>,
): Promise<FileFacts | undefined> {
  try {
    return factsOf(await stat());
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError('examine', path, error);
  }
}

async function realPath(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return realPathOfMissing(path);
  }
}

/** Of a link that leads to nothing, where that would be; else the folder's path and the name. */
async function realPathOfMissing(path: string): Promise<string> {
  const target = await fs.readlink(path).catch(() => undefined);
  if (target !== undefined) return realPath(resolve(await realPath(dirname(path)), target));
  const folder = dirname(path);
  return folder === path ? path : join(await realPath(folder), basename(path));
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function factsOf(stat: BigIntStats): FileFacts {
  return {
    kind: stat.isFile()
      ? 'file'
      : stat.isDirectory()
        ? 'directory'
        : stat.isSymbolicLink()
          ? 'symlink'
          : 'other',
    size: Number(stat.size),
    version: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`,
    mtimeMs: Number(stat.mtimeMs),
    usedMs: Number(stat.atimeMs),
    mode: Number(stat.mode) & 0o7777,
  };
}

function fstatBig(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true });
}

function viaCallback(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}

/** On Node's pool, piece by piece. */
async function writePieces(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const writeFrom = (at: number) => {
      const length = Math.min(WRITE_BYTES, bytes.length - at);
      if (length === 0) return resolve();
      write(fd, bytes, at, length, position + at, (error, written) =>
        error === null ? writeFrom(at + written) : reject(error),
      );
    };
    writeFrom(0);
  });
}

async function readCapped(path: string, maxBytes: number): Promise<Uint8Array> {
  await using file = openForRead(path);
  if (file.size > maxBytes) {
    throw new ShipperError(
      'LIMIT_EXCEEDED',
      `Cannot read ${path}: it has more than ${maxBytes} bytes`,
      { path },
    );
  }
  // A file that grows, or a device without a size, must not be read past the cap either.
  const buffer = Buffer.alloc(Math.max(file.size, 65_536));
  let length = 0;
  while (length < buffer.length) {
    const read = file.readSync(buffer.subarray(length), length);
    if (read === 0) break;
    length += read;
  }
  return buffer.subarray(0, length);
}

async function touch(path: string): Promise<void> {
  const { mtimeNs } = await fs.stat(path, { bigint: true });
  // Whole seconds: a number holds no more of a time than that without rounding.
  await fs.utimes(path, new Date(), Number(mtimeNs / 1_000_000_000n));
}

/** What the file system says where it gives no further name: another one, one without links, or too many of them. */
const NO_LINK = ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'ENOENT', 'EACCES'];

async function link(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if (NO_LINK.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function openForRead(path: string): ReadableFile {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
  return new NodeFile(path, fd);
}

/** O_EXCL and no following of a link: the name must be new. */
function openForWrite(path: string, mode: number, writer: ChunkWriter): WritableFile {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return new WrittenFile(path, openSync(path, flags, mode), writer);
}

/** An open file. Reads are synchronous: a thousand small reads a turn would drown in promises. */
class NodeFile implements ReadableFile {
  readonly path: string;
  readonly fd: number;
  readonly size: number;
  #isOpen = true;
  /** Calls on other threads, which use the descriptor until they end. */
  readonly #running = new Set<Promise<void>>();

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.size = duringSync('examine', path, () => Number(fstatBig(fd).size));
  }

  readSync(target: Uint8Array, position: number): number {
    return duringSync('read', this.path, () => {
      this.#requireOpen();
      return readSync(this.fd, target, 0, target.length, position);
    });
  }

  facts(): Promise<FileFacts> {
    return during('examine', this.path, async () => {
      this.#requireOpen();
      return factsOf(fstatBig(this.fd));
    });
  }

  /** A descriptor that was closed may be another file's by the time a late call gets to it, so there are none. */
  #requireOpen(): void {
    if (!this.#isOpen) throw bug(`${this.path} is used after it was closed`);
  }

  /** Runs what uses the descriptor elsewhere. */
  protected run(verb: string, action: () => Promise<void>): Promise<void> {
    const running = during(verb, this.path, () => {
      this.#requireOpen();
      return action();
    });
    this.#running.add(running);
    const done = () => void this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await Promise.allSettled(this.#running);
    duringSync('close', this.path, () => closeSync(this.fd));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A file that was made by us. */
class WrittenFile extends NodeFile implements WritableFile {
  readonly #writer: ChunkWriter;
  #pooled: Promise<void> = Promise.resolve();

  constructor(path: string, fd: number, writer: ChunkWriter) {
    super(path, fd);
    this.#writer = writer;
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.run('write', async () => {
      if (isChunk(bytes) && (await this.#writer.write(this.fd, bytes, position))) return;
      // One by one: writers of one file would only spin on its lock.
      const write = () => writePieces(this.fd, bytes, position);
      this.#pooled = this.#pooled.then(write, write);
      await this.#pooled;
    });
  }

  dataSync(): Promise<void> {
    return this.run('flush', () => viaCallback((done) => fdatasync(this.fd, done)));
  }

  sync(): Promise<void> {
    return this.run('flush', () => viaCallback((done) => fsync(this.fd, done)));
  }
}
