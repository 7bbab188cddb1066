// Members of an archive, hashed while the rest of it still comes in: planning has the processor for itself afterwards.
import { SNIFF_BYTES, sniffCompression } from '../blob/sniff.ts';
import { type OwnAbort, ownAbort } from '../core/own-abort.ts';
import { type ReadableFile, type System, THREAD_FROM_BYTES } from '../system/system.ts';
import type { Entry } from '../tar/entry.ts';
import { TarFeed } from '../tar/feed.ts';

/** Hashes the larger members of an archive that is written to a file of our own. Stop it before the file is closed. */
export class HashAhead {
  readonly #system: System;
  readonly #file: ReadableFile;
  readonly #stop: OwnAbort;
  readonly #feed = new TarFeed({ onEntry: (entry) => this.#see(entry) });
  /** Large members of which bytes may be missing in the file. */
  #coming: Entry[] = [];
  /** Hex by the offset of the member's bytes. */
  readonly #hashes = new Map<number, Promise<string>>();

  constructor(system: System, signal: AbortSignal, file: ReadableFile) {
    this.#system = system;
    this.#file = file;
    this.#stop = ownAbort(signal);
  }

  /** Takes the next bytes of the archive. */
  push(chunk: Uint8Array): void {
    this.#feed.push(chunk);
  }

  /** Says that the first `length` bytes of the archive lie in the file. */
  written(length: number): void {
    const whole = this.#coming.filter(({ dataOffset, size }) => dataOffset + size <= length);
    this.#coming = this.#coming.slice(whole.length);
    for (const entry of whole) this.#start(entry);
  }

  /** Hex of the sha256 of a member; undefined where it is not hashed here. */
  sha256(offset: number): Promise<string> | undefined {
    return this.#hashes.get(offset);
  }

  /** Resolves when nothing reads the file any more. */
  async stop(): Promise<void> {
    this.#stop.release();
    this.#stop.abort();
    await Promise.allSettled(this.#hashes.values());
  }

  /** A smaller one would be hashed here and now, in the way of what comes in. */
  #see(entry: Entry): void {
    if (entry.type === 'file' && entry.sparse === undefined && entry.size >= THREAD_FROM_BYTES)
      this.#coming.push(entry);
  }

  /** A compressed layer is hashed where it is decompressed. */
  #start({ dataOffset: offset, size: length }: Entry): void {
    const head = new Uint8Array(SNIFF_BYTES);
    this.#file.readSync(head, offset);
    if (sniffCompression(head) !== 'plain') return;
    const { fd } = this.#file;
    const { signal } = this.#stop;
    const job = { fd, offset, length, algorithm: 'sha256', signal } as const;
    const hash = this.#system.threads.hashFile(job);
    // Told to who asks for it.
    hash.catch(() => undefined);
    this.#hashes.set(offset, hash);
  }
}
