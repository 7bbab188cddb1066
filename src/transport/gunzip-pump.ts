// A gzip stream on its way through a thread: what comes is collected while the thread works, and handed over as soon as it does
// nothing. So chunks of a socket cost one turn for many of them, and a writer that falls silent holds nothing back.
import type { GunzipStream } from '../system/system.ts';

/** Collected at once. A step of so much gives 256 MiB at most. */
const INPUT_BYTES = 262_144;

/** Takes the output of the thread. Called again after it resolved. */
export type StepTaker = (
  step: (
    target: Parameters<GunzipStream['step']>[1],
  ) => Promise<{ readonly produced: number; readonly isDone: boolean }>,
) => Promise<void>;

/** Hands the bytes of a stream to its thread. */
export class GunzipPump {
  readonly #stream: GunzipStream;
  readonly #drain: StepTaker;
  #filling = new Uint8Array(new SharedArrayBuffer(INPUT_BYTES));
  #spare = new Uint8Array(new SharedArrayBuffer(INPUT_BYTES));
  #used = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #failed: (error: unknown) => void = () => undefined;

  /** `drain` calls `step` with places for the output until it is done. */
  constructor(stream: GunzipStream, drain: StepTaker) {
    this.#stream = stream;
    this.#drain = drain;
  }

  /** Takes all of `source`; rejects as soon as the thread fails, even while the source is silent. */
  async take(source: AsyncIterator<Uint8Array>): Promise<void> {
    for (;;) {
      const next = await this.#orFailed(source.next());
      if (next.done === true) break;
      await this.#write(next.value);
    }
    while (this.#running !== undefined) await this.#running;
    this.#requireGoing();
    await this.#run(new Uint8Array(new SharedArrayBuffer(0)), true);
  }

  /** Resolves when the thread does nothing for this stream, also after a failure. */
  async settle(): Promise<void> {
    this.#failure ??= { error: new Error('the stream is given up') };
    while (this.#running !== undefined) await this.#running;
  }

  #requireGoing(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #orFailed<T>(work: Promise<T>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      work.then(resolve, reject);
    });
  }

  async #write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      this.#requireGoing();
      const part = chunk.subarray(at, at + INPUT_BYTES - this.#used);
      this.#filling.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#running === undefined) this.#start();
      else if (this.#used === INPUT_BYTES) await this.#orFailed(this.#running);
    }
  }

  #start(): void {
    if (this.#used === 0 || this.#failure !== undefined) return;
    const full = this.#filling;
    const input = full.subarray(0, this.#used);
    this.#filling = this.#spare;
    this.#spare = full;
    this.#used = 0;
    this.#running = this.#run(input, false).then(
      () => this.#next(),
      (error) => {
        this.#failure ??= { error };
        this.#running = undefined;
        this.#failed(error);
      },
    );
  }

  #next(): void {
    this.#running = undefined;
    this.#start();
  }

  #run(input: Uint8Array, isLast: boolean): Promise<void> {
    let at = 0;
    return this.#drain(async (target) => {
      this.#requireGoing();
      const rest = input.subarray(at);
      const { consumed, produced } = await this.#stream.step(rest, target, isLast);
      at += consumed;
      // Where the output is full, zlib may have more of what it took.
      const room = target instanceof Uint8Array ? target.length : target.room;
      return { produced, isDone: at === input.length && produced < room };
    });
  }
}
