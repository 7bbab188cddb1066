// One HTTP exchange over undici: a body that is being sent, an answer that is being read, one failure that ends both.
// The low-level handler, not `request()`: only it tells when a request has got its socket, which is when time begins to
// count, and it lets us pause without a stream in between.
import type { Dispatcher } from 'undici';
import { type Context, interruption } from '../core/context.ts';
import { expectListeners } from '../core/own-abort.ts';
import { untilAborted } from '../core/until-aborted.ts';
import { connectionFailure, connectionTimeout } from './connection.ts';
import { Dispatchers, type Lane, type ProxyFor } from './dispatchers.ts';
import type { HttpRequest, HttpResponse, Send } from './exchange.ts';
import { PATIENCE, type Patience, Watch } from './watch.ts';

/** Bytes of an answer that may wait here before the socket is paused. */
const QUEUE_BYTES = 262_144;
/** What is read of an answer that nobody wants, rather than give up its connection. */
const DISCARD_BYTES = 65_536;

/** At least what a socket's queue holds before it says that it is full: 16 KiB in Node 20, 64 KiB from Node 22 on. */
const QUEUED_BYTES = 65_536;

/** How requests are sent. */
export interface UndiciOptions {
  readonly proxyFor: ProxyFor;
  /** Default: {@link PATIENCE}. */
  readonly patience?: Partial<Patience>;
}

/** A sender over undici. Connects when it must; dispose it. */
export function undiciSend({ proxyFor, patience = {} }: UndiciOptions): {
  readonly send: Send;
  close(): Promise<void>;
} {
  const limits = { ...PATIENCE, ...patience };
  const dispatchers = new Dispatchers(proxyFor, limits);
  return {
    async send(ctx, host, request) {
      const exchange = new UndiciExchange(ctx, request, limits);
      exchange.start(dispatchers.pool(request.url, host, laneOf(request)));
      return await exchange.response;
    },
    close: () => dispatchers.close(),
  };
}

class UndiciExchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<HttpResponse>;
  readonly #ctx: Context;
  readonly #request: HttpRequest;
  readonly #patience: Patience;
  readonly #watch: Watch;
  readonly #over = new AbortController();
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #isComplete = false;
  #reason: unknown;
  #settle: { resolve(response: HttpResponse): void; reject(reason: unknown): void };
  #wake: () => void = () => undefined;

  constructor(ctx: Context, request: HttpRequest, patience: Patience) {
    this.#ctx = ctx;
    this.#request = request;
    this.#patience = patience;
    this.#watch = new Watch(ctx.clock, patience, (state) =>
      this.#fail(connectionTimeout(state, request.url)),
    );
    this.#settle = { resolve: () => undefined, reject: () => undefined };
    this.response = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.response.catch(() => undefined);
  }

  /** Hands the request to its pool, where it may wait for a socket. */
  start(pool: Dispatcher): void {
    const { url, method, headers } = this.#request;
    if (this.#ctx.signal.aborted) {
      this.#onAbort();
      return;
    }
    // One listener an exchange, each taken back at its end: many are no leak.
    expectListeners(this.#ctx.signal);
    this.#ctx.signal.addEventListener('abort', this.#onAbort);
    const options = {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers,
      body: this.#body(),
      // Without it undici gives up the connection after every HEAD.
      ...(method === 'HEAD' ? { reset: false } : {}),
    };
    pool.dispatch(options, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#reason !== undefined) controller.abort(asError(this.#reason));
    else if (!isStream(this.#request.body)) this.#watch.waitForHead(this.#headMs());
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#watch.moved(0);
    if (status < 200) return;
    this.#watch.rest();
    this.#settle.resolve({
      status,
      header: (name) => valuesOf(headers[name]),
      body: this.#chunks(),
      discard: () => this.#discard(),
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#watch.moved(chunk.length);
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= QUEUE_BYTES) controller.pause();
    this.#wake();
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  readonly #onAbort = (): void => this.#fail(interruption(this.#ctx.signal));

  /** How long the answer to this request may take. */
  #headMs(): number {
    const { method } = this.#request;
    const isRead = method === 'GET' || method === 'HEAD';
    return isRead ? this.#patience.idleMs : this.#patience.thinkMs;
  }

  /** Ends the exchange with `error`; the first one counts. */
  #fail(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#reason = connectionFailure(error, this.#request.url);
    this.#end();
    this.#settle.reject(this.#reason);
    this.#controller?.abort(asError(this.#reason));
  }

  #end(): void {
    this.#over.abort();
    this.#watch.close();
    this.#ctx.signal.removeEventListener('abort', this.#onAbort);
    this.#wake();
  }

  /** The body as undici takes it. Its types do not know that it takes any iterable. */
  #body(): Buffer | null {
    const { body } = this.#request;
    if (body === undefined) return null;
    if (!isStream(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return this.#sending(body) as unknown as Buffer;
  }

  /**
   * Undici asks for the next chunk when the socket has taken the last one: so long we wait for the registry. What is smaller
   * than a socket's queue may still lie there then, so it gets memory of its own.
   */
  async *#sending(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of untilAborted(this.#over.signal, body)) {
        if (chunk.length === 0) continue;
        this.#watch.waitForBytes();
        yield chunk.length < QUEUED_BYTES ? Uint8Array.from(chunk) : chunk;
        this.#watch.moved(chunk.length);
        this.#watch.rest();
      }
    } catch (error) {
      this.#failAsIs(error);
      throw error;
    }
    this.#watch.waitForHead(this.#patience.thinkMs);
  }

  /** An error of who makes our body is passed on as it is. */
  #failAsIs(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#reason = error;
    this.#end();
    this.#settle.reject(error);
    this.#controller?.abort(asError(error));
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#queue.shift();
        if (chunk !== undefined) {
          this.#queuedBytes -= chunk.length;
          if (this.#controller?.paused === true) this.#controller.resume();
          yield chunk;
        } else if (this.#isComplete) return;
        else if (this.#reason !== undefined) throw this.#reason;
        else await this.#arrival();
      }
    } finally {
      this.#leave();
    }
  }

  /** Resolves when more bytes, the end or a failure came. */
  async #arrival(): Promise<void> {
    const arrival = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#watch.waitForBytes();
    await arrival;
    this.#watch.rest();
  }

  /** A reader that stops early gives up the connection: what is still to come may be endless. */
  #leave(): void {
    if (this.#over.signal.aborted) return;
    this.#reason = new Error('the answer is not read to its end');
    this.#end();
    this.#controller?.abort(asError(this.#reason));
  }

  async #discard(): Promise<void> {
    let size = 0;
    try {
      for await (const chunk of this.#chunks()) {
        size += chunk.length;
        if (size > DISCARD_BYTES) return;
      }
    } catch {
      // Nobody wanted the answer, so nobody minds how it ended.
    }
  }
}

function laneOf({ isDownload, body }: HttpRequest): Lane {
  if (isDownload === true) return 'downloads';
  return isStream(body) ? 'uploads' : 'questions';
}

function isStream(body: HttpRequest['body']): body is AsyncIterable<Uint8Array> {
  return body !== undefined && !(body instanceof Uint8Array);
}

function valuesOf(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
