// Layers that several runs need, kept in a folder that the user names: stored blobs by their digest, and the headers of
// their tars. Nothing in it is believed: sizes and digests are checked each time. Several processes may share it.
import { fastPacker } from '../blob/packer.ts';
import type { Context } from '../core/context.ts';
import { algorithmOf, type Digest, digestFromHex, hexOf } from '../core/digest.ts';
import { isShipperError, ShipperError } from '../core/errors.ts';
import { orAborted } from '../core/until-aborted.ts';
import type { Descriptor } from '../image/image.ts';
import { createBeside, requireSpace, splitPath, spoolStream } from '../system/spool.ts';
import type { ReadableFile, System } from '../system/system.ts';
import type { Tape } from '../tar/tape.ts';
import { decodeTape, encodeTape } from '../tar/tape-file.ts';
import { trimFolders } from './cache-trim.ts';
import type { LayerFacts, OpenRegion } from './plain-layer.ts';
import { StoredTap } from './stored-tap.ts';

/** What a cache may hold, in bytes; past it the files go that were not used for the longest time. */
export const CACHE_BYTES = 10_737_418_240;
/** A tape larger than this is not kept. */
const TAPE_BYTES = 268_435_456;

/** A blob that was just fetched may be trimmed by another process, but not each time. */
const TRIES = 3;

/** Gives the bytes that the cache does not have. */
type Fetch = (ctx: Context) => AsyncIterable<Uint8Array>;

/** A folder of blobs and tapes. One serves a whole process. */
export class LayerCache {
  readonly #system: System;
  readonly #folder: string;
  readonly #maxBytes: number;
  /** Blobs that are being fetched, by digest. */
  readonly #fetching = new Map<Digest, Promise<void>>();
  /** Versions of files whose digest was checked. */
  readonly #checked = new Set<string>();

  constructor(system: System, folder: string, maxBytes: number = CACHE_BYTES) {
    this.#system = system;
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** The stored bytes of a blob, checked; fetched first where they are not there or are not what they should be. */
  async blob(
    ctx: Context,
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    fetch: Fetch,
  ): Promise<OpenRegion> {
    for (let own = 0; own < TRIES; ) {
      const found = await this.#openBlob(ctx, descriptor);
      if (found !== undefined) return found;
      if (await this.#fetchOnce(ctx, descriptor, fetch)) own += 1;
    }
    const path = this.#blobPath(descriptor.digest);
    throw new ShipperError('IO', `Cannot keep ${path}: it was removed or changed again and again`, {
      path,
    });
  }

  /**
   * A layer whose headers are all that is wanted: its tape, and its stored bytes with their digest not checked. Undefined
   * where one of the two is missing.
   */
  async headers(facts: LayerFacts): Promise<(OpenRegion & { readonly tape: Tape }) | undefined> {
    const opened = await this.unchecked(facts.descriptor);
    const tape = opened === undefined ? undefined : await this.tape(facts);
    if (opened !== undefined && tape !== undefined) return { ...opened, tape };
    await opened?.[Symbol.asyncDispose]();
    return undefined;
  }

  /** The stored bytes of a layer as they lie here, their digest not checked; undefined where they do not. */
  async unchecked({
    digest,
    size,
  }: Pick<Descriptor, 'digest' | 'size'>): Promise<OpenRegion | undefined> {
    const { files } = this.#system;
    const path = this.#blobPath(digest);
    if ((await files.lstat(path))?.kind !== 'file') return undefined;
    const file = await openOrNothing(this.#system, path);
    if (file?.size !== size) {
      await file?.close();
      return undefined;
    }
    await files.touch(path);
    const region = { file, offset: 0, size };
    return { region, [Symbol.asyncDispose]: () => file.close() };
  }

  /** The tape of a layer; undefined where there is none. */
  async tape(facts: LayerFacts): Promise<Tape | undefined> {
    const { files } = this.#system;
    const path = this.#tapePath(facts);
    try {
      if ((await files.lstat(path))?.kind !== 'file') return undefined;
      const tape = decodeTape(await files.read(path, TAPE_BYTES), labelOf(facts), fastPacker);
      if (tape !== undefined) {
        await files.touch(path);
        return tape;
      }
      await files.remove(path);
    } catch (error) {
      // A cache that cannot be read is none. What it would have saved is done again.
      if (!isShipperError(error)) throw error;
    }
    return undefined;
  }

  /** Keeps a tape. */
  async putTape(facts: LayerFacts, tape: Tape): Promise<void> {
    if (!facts.hasStoredDigest) return;
    const bytes = encodeTape(tape, labelOf(facts));
    if (bytes.length > TAPE_BYTES) return;
    const path = this.#tapePath(facts);
    await this.#system.files.makeDirectory(splitPath(path).folder);
    await using temp = await createBeside(this.#system, path);
    await temp.file.write(bytes, 0);
    await this.#system.files.touch(temp.file.path);
    await temp.moveTo(path);
    await this.#trim(path);
  }

  async #openBlob(
    ctx: Context,
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  ): Promise<OpenRegion | undefined> {
    const { files } = this.#system;
    const path = this.#blobPath(digest);
    // Anything but a plain file was not put there by us.
    if ((await files.lstat(path))?.kind !== 'file') return undefined;
    const file = await openOrNothing(this.#system, path);
    if (file === undefined) return undefined;
    try {
      if (file.size === size && (await this.#isRight(ctx, file, digest))) {
        await files.touch(path);
        const region = { file, offset: 0, size };
        return { region, [Symbol.asyncDispose]: () => file.close() };
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    await files.remove(path);
    return undefined;
  }

  /** Hashes a file once, as long as nobody writes to it. */
  async #isRight(ctx: Context, file: ReadableFile, digest: Digest): Promise<boolean> {
    const { kind, version } = await file.facts();
    const key = `${digest} ${version}`;
    if (kind === 'file' && this.#checked.has(key)) return true;
    const algorithm = algorithmOf(digest);
    const job = { fd: file.fd, offset: 0, length: file.size, algorithm, signal: ctx.signal };
    if (digestFromHex(algorithm, await this.#system.threads.hashFile(job)) !== digest) return false;
    this.#checked.add(key);
    return true;
  }

  /**
   * Runs of one process wait for each other; those of several may fetch twice, and the last one stays. Returns whether
   * it was this one that fetched.
   */
  async #fetchOnce(
    ctx: Context,
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    fetch: Fetch,
  ): Promise<boolean> {
    const running = this.#fetching.get(descriptor.digest);
    if (running !== undefined) {
      // Whatever stopped the other need not stop this one, which then fetches itself.
      await orAborted(
        ctx.signal,
        running.catch(() => undefined),
      );
      return false;
    }
    const fetching = this.#fetchBlob(ctx, descriptor, fetch);
    this.#fetching.set(descriptor.digest, fetching);
    try {
      await fetching;
      return true;
    } finally {
      this.#fetching.delete(descriptor.digest);
    }
  }

  async #fetchBlob(
    ctx: Context,
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    fetch: Fetch,
  ): Promise<void> {
    const path = this.#blobPath(digest);
    const { folder } = splitPath(path);
    await this.#system.files.makeDirectory(folder);
    await requireSpace(this.#system.files, folder, size, 'a layer of the cache');
    await using temp = await createBeside(this.#system, path);
    const tap = new StoredTap(ctx, fetch(ctx), algorithmOf(digest), {
      maxBytes: size,
      tooLong: () => mismatch(`it has more than ${size} bytes where the manifest says ${size}`),
    });
    try {
      await spoolStream(this.#system, ctx, temp, tap.bytes());
      const actual = await tap.finish();
      if (tap.size !== size)
        throw mismatch(`it has ${tap.size} bytes where the manifest says ${size}`);
      if (actual !== digest) throw mismatch(`its digest is ${actual} where ${digest} is claimed`);
    } finally {
      await tap.close();
    }
    await this.#system.files.touch(temp.file.path);
    const { version } = await temp.file.facts();
    await temp.moveTo(path);
    this.#checked.add(`${digest} ${version}`);
    await this.#trim(path);
  }

  #trim(kept: string): Promise<void> {
    const folders = ['blobs/sha256', 'blobs/sha512', 'tapes'].map(
      (name) => `${this.#folder}/${name}`,
    );
    return trimFolders(this.#system.files, folders, this.#maxBytes, kept);
  }

  #blobPath(digest: Digest): string {
    return `${this.#folder}/blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
  }

  /** Both digests: what an image claims of one layer must not be taken for what is true of another. */
  #tapePath({ diffId, descriptor }: LayerFacts): string {
    const stored = hexOf(descriptor.digest).slice(0, 32);
    return `${this.#folder}/tapes/${algorithmOf(diffId)}-${hexOf(diffId)}-${stored}`;
  }
}

function labelOf({ diffId, descriptor }: LayerFacts): string {
  return `${diffId} ${descriptor.digest} ${descriptor.size}`;
}

async function openOrNothing(system: System, path: string): Promise<ReadableFile | undefined> {
  try {
    return await system.files.openRead(path);
  } catch (error) {
    // Another process may have removed it meanwhile.
    if (isShipperError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function mismatch(reason: string): ShipperError {
  return new ShipperError('DIGEST_MISMATCH', `Cannot keep a layer: ${reason}`);
}
