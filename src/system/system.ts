// The door to the machine: every file, process, thread, clock and environment variable that shipper touches comes in
// through a System. `system/node.ts` is the real one; tests pass their own.
import type { Duplex } from 'node:stream';
import type { DigestAlgorithm } from '../core/digest.ts';
import type { Clock } from '../core/events.ts';

/** The machine. */
export interface System {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly homedir: string;
  /** How this program is started: the runtime and its script, absolute. Absent where it is part of another program. */
  readonly program?: readonly string[];
  /** Where spools go: TMPDIR, else the system's own. */
  readonly tmpdir: string;
  readonly cwd: string;
  /** How many threads can run at once. */
  readonly cores: number;
  /** Memory that this process may still take, in bytes. */
  freeMemory(): number;
  readonly files: Files;
  readonly threads: Threads;
  readonly stdio: Stdio;
  /** `bytes` random bytes as hex. */
  random(bytes: number): string;
  /**
   * Starts a program without a shell and returns its stdin and stdout as one stream. The stream fails with `IO` and
   * the last lines of stderr when the program cannot start or ends with another code than 0; destroying the stream
   * ends the program.
   */
  spawnDuplex(
    command: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Duplex;
  /**
   * Runs a program to its end without a shell. Rejects with `NOT_FOUND` when there is no such program, `IO` when it cannot
   * start, `TIMEOUT`, `INTERRUPTED`, and `LIMIT_EXCEEDED` when it says more than 1 MiB; it is killed then.
   */
  run(command: string, args: readonly string[], options: RunOptions): Promise<Ran>;
  /**
   * Runs a program to its end without a shell, however long it takes, and tells the lines that it prints as they come.
   * Resolves with its exit code, undefined when a signal ended it. Rejects as `run` where it cannot start, and with
   * `INTERRUPTED` once it has ended after `signal`: its process group is asked to (SIGTERM), then made to (SIGKILL).
   */
  follow(
    command: string,
    args: readonly string[],
    options: FollowOptions,
  ): Promise<number | undefined>;
  readonly modules: Modules;
}

/** Modules that a user wrote, TypeScript or JavaScript. */
export interface Modules {
  /**
   * Runs the module at the absolute `path` in this process and resolves to its exports. What it imports as `shipper` is this
   * package. `isRunning`: it is the program itself, whose own exports are wanted. Rejects with whatever it throws.
   */
  load(path: string, isRunning?: boolean): Promise<object>;
  /**
   * The column in `text`, which is the file at `path`, of what a stack says to be at `line` and `column`; the line is the same.
   * Undefined where that cannot be told. All from 1.
   */
  column(path: string, text: string, line: number, column: number): Promise<number | undefined>;
}

/** How a program is run. */
export interface RunOptions {
  /** What it reads; nothing by default. */
  readonly input?: string;
  readonly timeoutMs: number;
  /** The folder it works in; default that of this process. */
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** How a program is followed. */
export interface FollowOptions {
  /** What it reads; nothing by default. */
  readonly input?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its working directory. Default: that of this process. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** From SIGTERM to SIGKILL, in milliseconds. Default 10,000. */
  readonly graceMs?: number;
  /** Takes a line of stdout, without its end; what is over 1 MiB of a line is left out. */
  readonly onOut?: (line: string) => void;
  /** The same for stderr. */
  readonly onError?: (line: string) => void;
}

/** A program that has ended. */
export interface Ran {
  /** Its exit code; undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the terminal side of the process offers. */
export interface Stdio {
  /** Chunks of standard input. May be read once. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Resolves when the bytes were taken, so that a slow reader holds us back. Rejects with `EPIPE` as code. */
  writeOut(bytes: Uint8Array | string): Promise<void>;
  writeErr(text: string): void;
  readonly stdinIsTTY: boolean;
  readonly stdoutIsTTY: boolean;
  readonly stderrIsTTY: boolean;
  /** Width of stderr in columns, where it is a terminal. */
  columns(): number;
}

/** Facts about a path. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly size: number;
  /** `dev:ino:size:mtimeNs`: changes when the content may have changed. */
  readonly version: string;
  readonly mtimeMs: number;
  /** When it was last read or touched, as far as the file system keeps that. */
  readonly usedMs?: number;
  /** The twelve permission bits, where the file system has them. */
  readonly mode?: number;
}

/** File operations. All failures are ShipperErrors (`IO`, `NO_SPACE`, `NOT_FOUND`) that name the path. */
export interface Files {
  stat(path: string): Promise<FileFacts | undefined>;
  lstat(path: string): Promise<FileFacts | undefined>;
  /**
   * The one path of what `path` leads to, every symbolic link followed, whether or not there is anything yet. An absolute
   * path stays as it is from the first folder that is missing.
   */
  realPath(path: string): Promise<string>;
  /** What a symbolic link says. */
  readLink(path: string): Promise<string>;
  list(path: string): Promise<readonly string[]>;
  /** The whole file; refuses with `LIMIT_EXCEEDED` past `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  openRead(path: string): Promise<ReadableFile>;
  /** Creates `path`, which must not exist, readable and writable by its owner, less the umask when `mode` is given. */
  create(path: string, mode?: number): Promise<WritableFile>;
  /** Makes a folder and those above it that are missing; `mode` less the umask. No error when it is there. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name, which must not be there. False where the two places cannot share a file. */
  link(from: string, to: string): Promise<boolean>;
  /** Removes a file or a tree; no error when it is not there. */
  remove(path: string): Promise<void>;
  /** Flushes a directory's entries to disk. */
  syncDirectory(path: string): Promise<void>;
  /** Adds to the end of a file, made where it is missing. */
  appendText(path: string, text: string): Promise<void>;
  /** Says that a file is in use now. Its own time stays, less what is below a second, so that it counts as unchanged. */
  touch(path: string): Promise<void>;
  /** Bytes that an ordinary user can still write where `path` is. */
  freeBytes(path: string): Promise<number>;
  /** Names this process so that a later run can tell its left-overs: see `spool.ts`. */
  readonly owner: TempOwner;
}

/** Whose temporary file it is. */
export interface TempOwner {
  /** `host-pid-start`, safe in a file name. */
  readonly tag: string;
  /** Whether the process that made a file with `tag` surely runs no more; undefined when it cannot be told. */
  isDead(tag: string): boolean | undefined;
  /** Registers a path to be removed if the process must exit at once; returns how to take it back. */
  onExitRemove(path: string): () => void;
}

/** A file that is read at any position. */
export interface ReadableFile extends AsyncDisposable {
  readonly path: string;
  readonly size: number;
  /** The descriptor, for `Threads.hashFile`. */
  readonly fd: number;
  /** Reads up to `target.length` bytes at `position`; fewer only at the end of the file. */
  readSync(target: Uint8Array, position: number): number;
  facts(): Promise<FileFacts>;
  close(): Promise<void>;
}

/** A file that is written at any position. */
export interface WritableFile extends ReadableFile {
  /** Writes all of `bytes` at `position`; `bytes` must not change before it resolves. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Flushes content (and what is needed to find it) to disk. */
  dataSync(): Promise<void>;
  sync(): Promise<void>;
}

/** In bytes. Less is hashed or decompressed where it is asked for, in a few milliseconds: a thread takes longer to start. */
export const THREAD_FROM_BYTES = 8_388_608;

/** Work off the main thread. */
export interface Threads {
  /** Starts the threads of the first `hashFile`, `hasher` and large write, while code still loads. */
  warm?(): void;
  /** A hasher, on a thread of its own unless it is known that there will be few `bytes`. Close it. */
  hasher(algorithm: DigestAlgorithm, bytes?: number): StreamHasher;
  /** Hashes `length` bytes of an open file from `offset`, beside other such jobs, and returns hex. */
  hashFile(job: HashFileJob): Promise<string>;
  /** Undefined where this Node has no zlib that works so: there is its own thread pool then. */
  readonly codecs: Codecs | undefined;
  /** Ends the threads that do nothing. Harmless to others who use the same System. */
  close(): Promise<void>;
}

/** One region of a file to hash. */
export interface HashFileJob {
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
  readonly algorithm: DigestAlgorithm;
  readonly signal?: AbortSignal;
}

/** Hashes chunks in the order in which they were given. */
export interface StreamHasher {
  /** `chunk` lies on a SharedArrayBuffer and must not change before it resolves. */
  update(chunk: Uint8Array): Promise<void>;
  /** Hex of all that was given. */
  digest(): Promise<string>;
  close(): void;
}

/** Zlib on threads, in memory that is used again. */
export interface Codecs {
  /** Deflates one block; returns how many bytes of `output` it has. */
  deflate(job: DeflateJob): Promise<number>;
  /** Begins a gzip stream; says how its stored bytes and its tar are hashed. */
  gunzip(stored: DigestAlgorithm, tar: DigestAlgorithm): GunzipStream;
}

/** A block for `Codecs.deflate`. The memory is shared, and is not touched before that resolves. */
export interface DeflateJob {
  readonly level: number;
  /** The dictionary, then the block. */
  readonly input: Uint8Array;
  readonly dictionaryBytes: number;
  /** Room for a block that grows. */
  readonly output: Uint8Array;
}

/** A gzip stream that a thread hashes, decompresses and hashes again. Close it. */
export interface GunzipStream {
  /**
   * Decompresses `input` as far as there is room in `target`; `isLast` says that nothing follows. Rejects with
   * `BAD_COMPRESSION`, and as `WritableFile.write`. One call at a time, in memory that is shared.
   */
  step(
    input: Uint8Array,
    target: Uint8Array | FileSpace,
    isLast: boolean,
  ): Promise<{ readonly consumed: number; readonly produced: number }>;
  /** Hex of all bytes that were taken and given. */
  digests(): Promise<{ readonly stored: string; readonly tar: string }>;
  close(): void;
}

/** A place in a file, and how many bytes may be written there. */
export interface FileSpace {
  readonly file: WritableFile;
  readonly position: number;
  readonly room: number;
}
