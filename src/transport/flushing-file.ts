// A file that is flushed while it is written, so that the fsync at the end has little left to do.
import type { WritableFile } from '../system/system.ts';

const FLUSH_EVERY_BYTES = 33_554_432;

/** Writes to a file and flushes behind itself. */
export class FlushingFile {
  readonly file: WritableFile;
  #unflushed = 0;
  #flushing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: WritableFile) {
    this.file = file;
  }

  /** Calls may overlap. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    await this.file.write(bytes, position);
    this.#unflushed += bytes.length;
    if (this.#unflushed >= FLUSH_EVERY_BYTES && this.#flushing === undefined) this.#startFlush();
  }

  /** Waits for a flush under way and reports what went wrong with it: a failed flush is never repeated. */
  async settle(): Promise<void> {
    await this.#flushing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #startFlush(): void {
    this.#unflushed = 0;
    this.#flushing = (async () => {
      try {
        await this.file.dataSync();
      } catch (error) {
        this.#failure ??= { error };
      }
      this.#flushing = undefined;
    })();
  }
}
