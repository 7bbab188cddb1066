// Lines of many streams as one, by time as far as it is known: a stream that is silent holds the others up only for a moment,
// and one that nobody takes fills no memory.
import type { Context } from '../core/context.ts';
import { ownAbort } from '../core/own-abort.ts';
import { compareText } from '../core/sorted.ts';

/** What has a time: texts that sort by it. */
export interface Timed {
  readonly time: string;
  readonly text: string;
}

/** Where one stream puts its lines. */
export interface LineSource<T extends Timed> {
  /** Resolves when there is room for more. */
  push(line: T): Promise<void> | undefined;
  /** Nothing more comes. */
  end(): void;
}

/** A silent stream holds up the others for so long. */
const PATIENCE_MS = 100;
/** So much may wait, of all streams together: lines of 100 bytes from 300 streams at 100,000 a second. */
const ROOM_BYTES = 2 ** 21;
/** What a line takes besides its text. */
const LINE_BYTES = 200;
/** Of one batch. */
const BATCH_LINES = 2000;

interface Queue<T> {
  readonly lines: T[];
  /** How many of `lines` were given already. */
  at: number;
  isOpen: boolean;
}

/** Merges streams. One reader takes the batches. */
export class LineMerge<T extends Timed> {
  readonly #ctx: Context;
  readonly #queues = new Set<Queue<T>>();
  /** Open streams of which nothing waits. */
  #silent = 0;
  #bytes = 0;
  #isClosed = false;
  #isDue = false;
  #isTimed = false;
  #wake: () => void = () => undefined;
  #room: (() => void)[] = [];

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  /** Adds a stream. */
  open(): LineSource<T> {
    const queue: Queue<T> = { lines: [], at: 0, isOpen: true };
    this.#queues.add(queue);
    this.#silent += 1;
    return {
      push: (line) => this.#push(queue, line),
      end: () => {
        if (!queue.isOpen) return;
        queue.isOpen = false;
        if (isEmpty(queue)) {
          this.#silent -= 1;
          this.#queues.delete(queue);
        }
        this.#wake();
      },
    };
  }

  /** No stream is added any more: the batches end with the last of them. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Lines in their order, as many at once as are there. Ends after `close`, or with `INTERRUPTED`. */
  async *batches(): AsyncGenerator<readonly T[], void, undefined> {
    const stop = ownAbort(this.#ctx.signal);
    try {
      for (;;) {
        const batch = this.#take();
        if (batch.length > 0) {
          yield batch;
          continue;
        }
        if (this.#isClosed && this.#queues.size === 0) return;
        await this.#wait(stop.signal);
      }
    } finally {
      stop.abort();
      stop.release();
    }
  }

  #push(queue: Queue<T>, line: T): Promise<void> | undefined {
    const wasEmpty = isEmpty(queue);
    queue.lines.push(line);
    this.#bytes += bytesOf(line);
    if (wasEmpty) {
      this.#silent -= 1;
      // The last that was waited for, or the first of all: then there is somebody to wait for others.
      if (this.#silent === 0 || !this.#isTimed) this.#wake();
    }
    if (this.#bytes < ROOM_BYTES) return undefined;
    this.#wake();
    return new Promise((resolve) => this.#room.push(resolve));
  }

  /** The next lines, or none while it may be that an earlier one comes. */
  #take(): readonly T[] {
    const mayTake = () => this.#silent === 0 || this.#isDue || this.#bytes >= ROOM_BYTES;
    if (!mayTake()) return [];
    const isWaitedFor = this.#silent > 0;
    const heap = new QueueHeap([...this.#queues].filter((queue) => !isEmpty(queue)));
    const batch: T[] = [];
    while (batch.length < BATCH_LINES && (isWaitedFor || this.#silent === 0)) {
      const queue = heap.first();
      const line = queue?.lines[queue.at];
      if (queue === undefined || line === undefined) break;
      batch.push(line);
      this.#advance(queue, line);
      heap.settleFirst();
    }
    if (heap.first() === undefined) this.#isDue = false;
    if (this.#bytes < ROOM_BYTES) for (const resolve of this.#room.splice(0)) resolve();
    return batch;
  }

  #advance(queue: Queue<T>, line: T): void {
    queue.at += 1;
    this.#bytes -= bytesOf(line);
    if (!isEmpty(queue)) {
      // Given lines are let go in large pieces: shifting each would cost as much as all that wait.
      if (queue.at >= 1024) queue.lines.splice(0, queue.at);
      if (queue.at >= 1024) queue.at = 0;
      return;
    }
    queue.lines.length = 0;
    queue.at = 0;
    if (queue.isOpen) this.#silent += 1;
    else this.#queues.delete(queue);
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#bytes > 0 && !this.#isTimed) this.#startTimer(signal);
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#wake = () => {
        signal.removeEventListener('abort', abort);
        this.#wake = () => undefined;
        resolve();
      };
    });
  }

  #startTimer(signal: AbortSignal): void {
    this.#isTimed = true;
    this.#ctx.clock.sleep(PATIENCE_MS, signal).then(
      () => {
        this.#isTimed = false;
        this.#isDue = true;
        this.#wake();
      },
      () => undefined,
    );
  }
}

function isEmpty<T>({ lines, at }: Queue<T>): boolean {
  return at >= lines.length;
}

function bytesOf({ text }: Timed): number {
  return LINE_BYTES + 2 * text.length;
}

/** Queues by the time of their next line: the earliest is first. */
class QueueHeap<T extends Timed> {
  readonly #queues: Queue<T>[];

  constructor(queues: readonly Queue<T>[]) {
    this.#queues = [...queues];
    for (let at = this.#queues.length >> 1; at >= 0; at -= 1) this.#sink(at);
  }

  first(): Queue<T> | undefined {
    return this.#queues[0];
  }

  /** The first has another next line now, or none. */
  settleFirst(): void {
    const [first] = this.#queues;
    if (first === undefined) return;
    if (isEmpty(first)) {
      const last = this.#queues.pop();
      if (last === undefined || last === first) return;
      this.#queues[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#queues.length && this.#isBefore(child, least)) least = child;
      }
      if (least === at) return;
      const [a, b] = [this.#queues[at], this.#queues[least]];
      if (a === undefined || b === undefined) return;
      this.#queues[at] = b;
      this.#queues[least] = a;
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    return compareText(this.#timeAt(a), this.#timeAt(b)) < 0;
  }

  #timeAt(at: number): string {
    const queue = this.#queues[at];
    return queue?.lines[queue.at]?.time ?? '';
  }
}
