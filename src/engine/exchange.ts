// One HTTP exchange: a request that is being written, an answer that is being read, one failure that ends both, and a
// watch that ends it when the engine does nothing. The watch runs only while we wait for the engine, never while the
// engine waits for our caller.
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Context } from '../core/context.ts';
import { interruption } from '../core/context.ts';
import { ShipperError } from '../core/errors.ts';
import { onAbort } from '../core/own-abort.ts';
import { gathered } from '../system/gathered.ts';
import type { BareAnswer, BareGet } from './bare-get.ts';
import { connectionFailure, type Doing, failure, type Refusal, timeout } from './failures.ts';

/** How long an engine may do nothing, in milliseconds. */
export interface Patience {
  /** Between two bytes of a stream. Default 120,000. */
  readonly idleMs: number;
  /**
   * While the engine works without a word: after the last byte of a load or import, before the first byte of a save
   * (20.10 writes the whole image to its disk first), while it removes an image. Default 900,000.
   */
  readonly thinkMs: number;
}

/** A request that an exchange can be about. */
export type EngineRequest = ClientRequest | BareGet;

/** Its answer. */
export type EngineAnswer = IncomingMessage | BareAnswer;

/** The most that is kept of an answer that means failure, in bytes. */
const ERROR_BODY_CAP_BYTES = 65_536;

/** One request and its answer. Always {@link Exchange.close} it. */
export class Exchange {
  readonly doing: Doing;
  /** Rejects with a ShipperError. Handled here, so that nobody has to await it. */
  readonly response: Promise<EngineAnswer>;
  readonly #ctx: Context;
  readonly #patience: Patience;
  readonly #ended = new AbortController();
  #request: EngineRequest | undefined;
  #answer: EngineAnswer | undefined;
  #reason: unknown;
  #watch: { limitMs: number; since: number } | undefined;
  #settle: { resolve(answer: EngineAnswer): void; reject(reason: unknown): void };
  #receivedBytes = 0;
  #isCut = false;
  #release: () => void = () => undefined;

  constructor(ctx: Context, doing: Doing, patience: Patience) {
    this.doing = doing;
    this.#ctx = ctx;
    this.#patience = patience;
    this.#settle = { resolve: () => undefined, reject: () => undefined };
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.response.catch(() => undefined);
    this.#release = onAbort(ctx.signal, () => this.fail(interruption(ctx.signal)));
    void this.#keepWatch();
  }

  /** Why the exchange failed, undefined as long as it has not. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Whether it failed because the connection, which had been idle, was closed from the other side: nothing was done. */
  get isStale(): boolean {
    const isUnanswered = this.#reason !== undefined && this.#answer === undefined;
    return isUnanswered && this.#isCut && this.#request?.reusedSocket === true;
  }

  /** Whether it is over, well or badly. */
  get isOver(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Takes over the request, whose answer has no other listener. */
  attach(request: EngineRequest): void {
    this.#request = request;
    // Once there is an answer, its own end tells whether the exchange went well: an engine may refuse or finish
    // before it has read all of our body, and then close the connection on our next chunk.
    request.on('error', (error: Error) => {
      if (this.#answer !== undefined) return;
      this.#isCut = !this.isOver;
      this.fail(error);
    });
    request.on('response', (answer: EngineAnswer) => {
      this.#answer = answer;
      this.#touch();
      // Reported by whoever reads; without a listener it would end the process.
      answer.on('error', (error: Error) => this.fail(error));
      this.#settle.resolve(answer);
    });
    request.on('close', () => {
      if (this.#answer === undefined) this.fail(new Error('socket hang up'));
    });
    if (this.isOver) this.#destroy();
  }

  /** Ends the exchange with `error`; the first one counts. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.#reason = connectionFailure(error, this.doing);
    this.#end();
    this.#settle.reject(this.#reason);
  }

  /** Ends the exchange with an error of our caller, which is passed on as it is. */
  failAsIs(error: unknown): void {
    if (this.isOver) return;
    this.#reason = error;
    this.#end();
    this.#settle.reject(error);
  }

  /** Ends the exchange; whatever is still under way is dropped. May be called twice. */
  close(): void {
    this.#end();
  }

  /** Sends the request, with a small body or none. */
  finishRequest(limitMs: number, body?: string): void {
    this.wait(limitMs);
    if (body === undefined) this.#request?.end();
    else this.#request?.end(body);
  }

  /**
   * Writes `body` as the request's body, each chunk until the system has taken it: only then the next is asked for,
   * so the caller may use its memory again. Never rejects: a failure ends the exchange. Afterwards the engine has
   * `limitMs` for each sign of life.
   */
  async send(
    body: AsyncIterable<Uint8Array>,
    limitMs: number = this.#patience.thinkMs,
  ): Promise<void> {
    try {
      for await (const chunk of body) {
        if (this.isOver) return;
        if (chunk.length > 0 && !(await this.#write(chunk))) return;
      }
    } catch (error) {
      this.failAsIs(error);
      return;
    }
    this.finishRequest(limitMs);
  }

  /**
   * Chunks of the answer; the memory of a bare one is used again for the next. `limitMs` counts for the first, `idleMs` for those
   * that follow. Checks that it is complete.
   */
  async *chunks(
    limitMs: number,
    idleMs: number = this.#patience.idleMs,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const answer = await this.response;
    this.wait(limitMs);
    try {
      for await (const chunk of answer instanceof Readable ? gathered(answer) : answer) {
        this.#receivedBytes += chunk.length;
        this.rest();
        yield chunk;
        this.wait(idleMs);
      }
    } catch (error) {
      this.fail(error);
    }
    if (this.#reason !== undefined) throw this.#reason;
    if (!answer.complete) throw this.#cutShort();
    this.close();
  }

  /** Chunks of an answer that runs beside our body: each is a sign of life, and nothing is paused. */
  async *lines(): AsyncGenerator<Uint8Array, void, undefined> {
    const answer = await this.response;
    try {
      for await (const chunk of answer as AsyncIterable<Uint8Array>) {
        this.#touch();
        yield chunk;
      }
    } catch (error) {
      this.fail(error);
    }
    if (this.#reason !== undefined) throw this.#reason;
    if (!answer.complete) throw this.#cutShort();
  }

  /** The whole answer, refused with an `ENGINE` error past `capBytes`. `limitMs` is for it to begin. */
  async readAll(capBytes: number, limitMs: number = this.#patience.idleMs): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks(limitMs)) {
      size += chunk.length;
      if (size > capBytes) throw failure(this.doing, `the answer is over ${capBytes} bytes`);
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  }

  /** Reads what an answer says that means failure: at most 64 KiB, and what came before a cut. */
  async readRefusal(): Promise<Refusal> {
    const answer = await this.response;
    const parts: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of this.chunks(this.#patience.idleMs)) {
        parts.push(Buffer.from(chunk.subarray(0, ERROR_BODY_CAP_BYTES - size)));
        size += chunk.length;
        if (size >= ERROR_BODY_CAP_BYTES) break;
      }
    } catch (error) {
      // The status is the news; that its explanation broke off is not. A cancellation is another matter.
      if (error instanceof ShipperError && error.code === 'INTERRUPTED') throw error;
    }
    return { status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') };
  }

  /** From now on the engine has `limitMs` to give a sign of life. */
  wait(limitMs: number): void {
    this.#watch = { limitMs, since: this.#ctx.clock.monotonic() };
  }

  /** From now on it is the caller who takes the time. */
  rest(): void {
    this.#watch = undefined;
  }

  #touch(): void {
    if (this.#watch !== undefined) this.#watch.since = this.#ctx.clock.monotonic();
  }

  /** Whether the chunk was taken. */
  #write(chunk: Uint8Array): Promise<boolean> {
    this.wait(this.#patience.idleMs);
    return new Promise((resolve) => {
      const stop = () => resolve(false);
      // A request that is destroyed before it has a socket never calls back.
      this.#ended.signal.addEventListener('abort', stop);
      this.#request?.write(chunk, (error) => {
        this.#ended.signal.removeEventListener('abort', stop);
        if (error) this.#stopWriting(error);
        else this.rest();
        resolve(!error);
      });
    });
  }

  #stopWriting(error: unknown): void {
    if (this.#answer === undefined) this.fail(error);
    else this.wait(this.#patience.idleMs);
  }

  #cutShort(): ShipperError {
    const state = `the stream ended early, after ${this.#receivedBytes} bytes`;
    return failure(this.doing, state, { retryable: true });
  }

  async #keepWatch(): Promise<void> {
    const { clock } = this.#ctx;
    const { idleMs } = this.#patience;
    while (!this.isOver) {
      const watch = this.#watch;
      const leftMs = watch === undefined ? idleMs : watch.since + watch.limitMs - clock.monotonic();
      if (watch !== undefined && leftMs <= 0) {
        this.fail(timeout(this.doing, watch.limitMs));
        return;
      }
      // Never longer than `idleMs`: the limit may become that while this sleeps. It rejects when the exchange ends.
      await clock.sleep(Math.min(leftMs, idleMs), this.#ended.signal).catch(() => undefined);
    }
  }

  #end(): void {
    if (this.isOver) return;
    this.#ended.abort();
    this.#release();
    this.#destroy();
  }

  #destroy(): void {
    // An exchange that went well leaves its connection to the agent.
    const wentWell = this.#reason === undefined && this.#answer?.readableEnded === true;
    if (wentWell && this.#request?.writableFinished === true) return;
    this.#answer?.destroy();
    this.#request?.destroy();
  }
}
