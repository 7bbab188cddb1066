// A build context as the tar that an engine takes, as the docker command makes it: everything belongs to root, symbolic
// links stay links, what `.dockerignore` names is left out.

import { latin1OfText } from '../../core/bytes.ts';
import type { Context } from '../../core/context.ts';
import { throwIfAborted } from '../../core/context.ts';
import type { FolderMatch, IgnoreRules } from '../../core/dockerignore.ts';
import { ShipperError } from '../../core/errors.ts';
import type { FileFacts, System } from '../../system/system.ts';
import { encodeHeader } from '../../tar/encode.ts';
import { type EntryHead, padded } from '../../tar/entry.ts';

/** What goes into a context. */
export interface ContextChoice {
  /** Absolute. */
  readonly folder: string;
  readonly rules: IgnoreRules;
  /** Files that are not in the folder, or not so, by their paths in the context. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const CHUNK_BYTES = 1_048_576;

/** The bytes of the tar. Reads each file while it is sent; `SOURCE_CHANGED` when one shrinks meanwhile. */
export async function* contextTar(
  system: System,
  ctx: Context,
  choice: ContextChoice,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* new ContextTar(system, ctx, choice).chunks();
  for (const [path, bytes] of choice.files) {
    yield encodeHeader(head('file', path, { mode: 0o644, mtimeMs: 0 }, bytes.length));
    yield bytes;
    yield Buffer.alloc(padded(bytes.length) - bytes.length);
  }
  yield Buffer.alloc(CHUNK_BYTES / 1024);
}

class ContextTar {
  readonly #system: System;
  readonly #ctx: Context;
  readonly #choice: ContextChoice;

  constructor(system: System, ctx: Context, choice: ContextChoice) {
    this.#system = system;
    this.#ctx = ctx;
    this.#choice = choice;
  }

  chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#folder('', undefined, []);
  }

  /** `pending` are folders above that are ignored themselves: they come when something in them does not. */
  async *#folder(
    folder: string,
    match: FolderMatch | undefined,
    pending: Uint8Array[],
  ): AsyncGenerator<Uint8Array, void, undefined> {
    throwIfAborted(this.#ctx);
    const names = [...(await this.#system.files.list(this.#absolute(folder)))].sort();
    for (const name of names) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (this.#choice.files.has(path)) continue;
      const { isIgnored, below } = this.#choice.rules.match(path, match);
      const facts = await this.#system.files.lstat(this.#absolute(path));
      if (facts === undefined) throw this.#gone(path, name);
      if (facts.kind === 'directory') {
        const header = encodeHeader(head('directory', path, facts));
        if (!isIgnored) {
          yield* pending.splice(0);
          yield header;
          yield* this.#folder(path, below, pending);
        } else if (this.#choice.rules.takesBack) {
          const inside = [...pending, header];
          yield* this.#folder(path, below, inside);
          // It took ours with it.
          if (inside.length === 0) pending.length = 0;
        }
        continue;
      }
      // Sockets are nothing that a build could use, and devices and pipes have no content.
      if (isIgnored || facts.kind === 'other') continue;
      yield* pending.splice(0);
      yield* facts.kind === 'symlink' ? this.#link(path, facts) : this.#file(path, facts);
    }
  }

  async *#link(path: string, facts: FileFacts): AsyncGenerator<Uint8Array, void, undefined> {
    const target = await this.#system.files.readLink(this.#absolute(path));
    yield encodeHeader({ ...head('symlink', path, facts), linkTarget: latin1OfText(target) });
  }

  async *#file(path: string, facts: FileFacts): AsyncGenerator<Uint8Array, void, undefined> {
    await using file = await this.#system.files.openRead(this.#absolute(path));
    const { size } = file;
    yield encodeHeader(head('file', path, facts, size));
    for (let at = 0; at < size; ) {
      throwIfAborted(this.#ctx);
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

  #gone(path: string, name: string): ShipperError {
    const shown = this.#absolute(path);
    // Node gives such a name with other characters in it.
    const state = name.includes('\ufffd')
      ? 'its name is not UTF-8'
      : 'it was removed while the folder was read';
    return new ShipperError('SOURCE_CHANGED', `Cannot send ${shown} to the engine: ${state}`, {
      path: shown,
      hint: 'Name it in .dockerignore where the build does not need it',
    });
  }

  #absolute(path: string): string {
    return path === '' ? this.#choice.folder : `${this.#choice.folder}/${path}`;
  }
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
