// A GET over a unix socket whose answer is gigabytes. An engine that is asked in HTTP/1.1 frames its answer in chunks, of which
// Node's client makes 45 pieces for each MB; asked in HTTP/1.0 it sends the body bare and closes the connection behind it
// (RFC 9112, 6.3).
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { RequestLine } from './modem.ts';

/** What is read at once: a unix socket holds no more. */
const READ_BYTES = 262_144;
/** The most that the head of an answer may have. */
const HEAD_BYTES = 65_536;
const HEAD_END = '\r\n\r\n';
/** Upgrade Required, HTTP Version Not Supported. */
const WANTS_NEWER_HTTP: readonly number[] = [426, 505];

/** Such a request, as far as an exchange knows a request of Node. Nothing is sent before it is ended, and it has no body. */
export class BareGet extends EventEmitter {
  readonly reusedSocket = false;
  readonly writableFinished = true;
  readonly #socketPath: string;
  readonly #target: string;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #socket: Socket | undefined;
  #isDestroyed = false;
  #head: Buffer = Buffer.alloc(0);
  #answer: BareAnswer | undefined;

  /** `path` is escaped and without a query. */
  constructor(socketPath: string, path: string, query: RequestLine['query'] = {}) {
    super();
    this.#socketPath = socketPath;
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query))
      for (const each of [value].flat()) search.append(key, each);
    this.#target = search.size === 0 ? path : `${path}?${search}`;
  }

  write(): never {
    throw new RangeError('a GET has no body');
  }

  end(): void {
    // Of a run that was cancelled before: an engine must not pack an image for nobody.
    if (this.#isDestroyed) return;
    const callback = (length: number) => this.#take(this.#buffer.subarray(0, length));
    const socket = connect({ path: this.#socketPath, onread: { buffer: this.#buffer, callback } });
    this.#socket = socket;
    socket.on('error', (error) => {
      if (this.#answer === undefined) this.emit('error', error);
      else this.#answer.finish(error);
    });
    socket.on('close', () => {
      if (this.#answer === undefined) this.emit('close');
      else this.#answer.finish();
    });
    const fields = ['Host: localhost', 'User-Agent: shipper', 'Connection: close'];
    socket.write([`GET ${this.#target} HTTP/1.0`, ...fields].join('\r\n') + HEAD_END);
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#socket?.destroy();
  }

  /** Takes what was read. False: no more is read into the same memory until the socket is resumed. */
  #take(bytes: Buffer): boolean {
    if (this.#answer !== undefined) {
      this.#answer.give(bytes);
      return false;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    const end = this.#head.subarray(0, HEAD_BYTES).indexOf(HEAD_END);
    if (end < 0 && this.#head.length < HEAD_BYTES) return true;
    this.#answer = this.#answerOf(this.#head.toString('latin1', 0, Math.max(end, 0)));
    if (this.#answer === undefined) {
      this.#socket?.destroy(new Error('what answers does not speak HTTP'));
      return false;
    }
    this.emit('response', this.#answer);
    this.#answer.give(this.#head.subarray(end + HEAD_END.length));
    return false;
  }

  #answerOf(head: string): BareAnswer | undefined {
    const [line = '', ...fields] = head.split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(line)?.[1];
    if (status === undefined || this.#socket === undefined) return undefined;
    const headers: IncomingHttpHeaders = {};
    for (const field of fields) {
      const colon = field.indexOf(':');
      if (colon > 0) headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
    }
    return new BareAnswer(this.#socket, Number(status), headers);
  }
}

/**
 * All that comes until the connection is closed, to be iterated once: the memory of a piece is used again when the next is asked
 * for. Throws the connection's error.
 */
export class BareAnswer extends EventEmitter {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** The connection is not used again, however it ends. */
  readonly readableEnded = false;
  complete = false;
  readonly #socket: Socket;
  #piece: Uint8Array | undefined;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket, statusCode: number, headers: IncomingHttpHeaders) {
    super();
    this.#socket = socket;
    this.statusCode = statusCode;
    this.headers = headers;
  }

  /** Whether it is what was asked for: proxies may frame it all the same, or refuse to speak HTTP/1.0. */
  get isBare(): boolean {
    const isFramed = this.headers['transfer-encoding'] !== undefined;
    return !isFramed && !WANTS_NEWER_HTTP.includes(this.statusCode);
  }

  /** Takes the next piece; nothing else is given before the socket was resumed. */
  give(piece: Uint8Array): void {
    this.#piece = piece;
    this.#wake();
  }

  /** Nothing more comes. */
  finish(failure?: Error): void {
    this.#failure ??= failure;
    this.complete = this.#failure === undefined;
    this.#wake();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      if (this.#piece !== undefined) {
        if (this.#piece.length > 0) yield this.#piece;
        this.#piece = undefined;
        this.#socket.resume();
      } else if (this.#failure !== undefined) throw this.#failure;
      else if (this.complete) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
