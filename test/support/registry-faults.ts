// What can go wrong with one call to the fake registry, and the answers that carry it out.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** The calls that a fault can hit. */
export type RegistryOperation =
  | 'ping'
  | 'token'
  | 'manifest.get'
  | 'manifest.head'
  | 'manifest.put'
  | 'manifest.delete'
  | 'blob.get'
  | 'blob.head'
  | 'blob.delete'
  | 'upload.start'
  | 'upload.patch'
  | 'upload.put'
  | 'upload.status'
  | 'upload.cancel'
  | 'tags'
  | 'referrers'
  /** A blob asked for at the other origin. */
  | 'elsewhere';

/** What goes wrong with one call. */
export type RegistryFault =
  /** This status, after the call had its effect where `isDone`. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string | readonly string[]>>;
      readonly body?: string | Uint8Array;
      readonly isDone?: boolean;
    }
  /** The answer ends after so many bytes of its body: the connection breaks, or HTTP ends properly (chunked). */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly how?: 'abrupt' | 'clean' }
  /** The connection breaks once so many bytes of the request's body were read; an upload keeps them. */
  | { readonly kind: 'cutUpload'; readonly afterBytes: number }
  /** The call has its effect, and the connection breaks instead of an answer. */
  | { readonly kind: 'lost' }
  /** The connection breaks before anything. */
  | { readonly kind: 'reset' }
  /** Nothing comes any more after so many bytes of the answer's body; without a number, not even a status. */
  | { readonly kind: 'hang'; readonly afterBytes?: number }
  /** Reads nothing of the request's body, and does not answer. */
  | { readonly kind: 'stopReading' }
  | { readonly kind: 'slow'; readonly chunkBytes: number; readonly everyMs: number }
  /** One bit of the answer's body is wrong. */
  | { readonly kind: 'flip'; readonly atByte: number }
  /** Other bytes as body. */
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  /** The body never ends. */
  | { readonly kind: 'endless' }
  /** Headers in place of the right ones; undefined takes one away. */
  | { readonly kind: 'headers'; readonly set: Readonly<Record<string, string | undefined>> }
  /** To the other origin with the same path, or to a URL. */
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: number }
  /** All bytes with 200, whatever the Range. */
  | { readonly kind: 'ignoreRange' }
  /** A mount is answered like the begin of an upload. */
  | { readonly kind: 'denyMount' }
  /** The uploads of the repository are forgotten before the call. */
  | { readonly kind: 'forgetUploads' }
  /** All tokens are no longer valid, before the call. */
  | { readonly kind: 'expireTokens' };

/** One answer, with the fault that was ordered for it. */
export class RegistryReply {
  readonly fault: RegistryFault | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #onBytes: (bytes: number) => void;
  #body: Promise<Buffer | undefined> | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    fault: RegistryFault | undefined,
    onBytes: (bytes: number) => void,
  ) {
    this.#onBytes = onBytes;
    this.#request = request;
    this.#response = response;
    this.fault = fault;
  }

  /** Faults that need no effect; true when one struck. */
  async breakEarly(elsewhere: string): Promise<boolean> {
    const fault = this.fault;
    switch (fault?.kind) {
      case 'reset':
        this.#request.socket.destroy();
        return true;
      case 'status':
        if (fault.isDone === true) return false;
        await this.body();
        await this.#ordered(fault);
        return true;
      case 'redirect': {
        await this.body();
        const { pathname } = new URL(this.#request.url ?? '/', 'http://x');
        const location = fault.to === 'elsewhere' ? `${elsewhere}${pathname}` : fault.to;
        await this.send(fault.status ?? 307, Buffer.alloc(0), { Location: location });
        return true;
      }
      case 'stopReading':
        return true;
      case 'hang':
        return fault.afterBytes === undefined;
      default:
        return false;
    }
  }

  /** The request's body; undefined when the connection was cut in the middle of it: `taken` has what came. */
  body(taken: (bytes: Buffer) => void = () => undefined): Promise<Buffer | undefined> {
    this.#body ??= this.#read(taken);
    return this.#body;
  }

  async #read(taken: (bytes: Buffer) => void): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let size = 0;
    const limit = this.fault?.kind === 'cutUpload' ? this.fault.afterBytes : Infinity;
    for await (const chunk of this.#request as AsyncIterable<Buffer>) {
      parts.push(chunk.subarray(0, limit - size));
      size += chunk.length;
      this.#onBytes(chunk.length);
      if (size < limit) continue;
      taken(Buffer.concat(parts));
      this.#request.socket.destroy();
      return undefined;
    }
    return Buffer.concat(parts);
  }

  json(status: number, value: unknown, headers: Headers = {}): Promise<void> {
    const body = Buffer.from(JSON.stringify(value));
    return this.send(status, body, { 'Content-Type': 'application/json', ...headers });
  }

  /** A refusal as the specification has them. */
  refuse(status: number, code: string, message: string, headers: Headers = {}): Promise<void> {
    return this.json(status, { errors: [{ code, message }] }, headers);
  }

  /** The whole answer, as far as the fault lets it. */
  async send(status: number, body: Uint8Array, headers: Headers): Promise<void> {
    const fault = this.fault;
    if (fault?.kind === 'lost') {
      this.#request.socket.destroy();
      return;
    }
    if (fault?.kind === 'status' && fault.isDone === true) return this.#ordered(fault);
    const response = this.#response;
    const isHead = this.#request.method === 'HEAD';
    const length = fault?.kind === 'cut' && fault.how === 'clean' ? undefined : body.length;
    const all: Headers = {
      ...(length === undefined ? {} : { 'Content-Length': String(length) }),
      ...headers,
    };
    response.writeHead(status, withLies(all, fault));
    if (isHead) {
      response.end();
      return;
    }
    await this.#sendBody(Buffer.from(body), fault);
  }

  async #sendBody(body: Buffer, fault: RegistryFault | undefined): Promise<void> {
    const response = this.#response;
    switch (fault?.kind) {
      case 'cut':
        await write(response, body.subarray(0, fault.afterBytes));
        if (fault.how === 'clean') response.end();
        else response.socket?.destroy();
        return;
      case 'hang':
        return write(response, body.subarray(0, fault.afterBytes));
      case 'flip': {
        const flipped = Buffer.from(body);
        flipped[fault.atByte] = (flipped[fault.atByte] ?? 0) ^ 1;
        response.end(flipped);
        return;
      }
      case 'slow':
        for (let at = 0; at < body.length; at += fault.chunkBytes) {
          await write(response, body.subarray(at, at + fault.chunkBytes));
          await sleep(fault.everyMs);
        }
        response.end();
        return;
      default:
        response.end(body);
    }
  }

  async #ordered(fault: Extract<RegistryFault, { kind: 'status' }>): Promise<void> {
    const { status, headers = {}, body = '' } = fault;
    this.#response.writeHead(status, { ...headers } as Record<string, string>);
    this.#response.end(body);
  }

  /** A body that comes in place of the right one: `body` and `endless`. True when it did. */
  async replaced(headers: Headers = {}): Promise<boolean> {
    const fault = this.fault;
    if (fault?.kind === 'body') {
      this.#response.writeHead(200, { ...headers, 'Content-Length': String(fault.bytes.length) });
      this.#response.end(fault.bytes);
      return true;
    }
    if (fault?.kind !== 'endless') return false;
    this.#response.writeHead(200, headers);
    const chunk = Buffer.alloc(65_536, 0x20);
    while (!this.#response.destroyed) await write(this.#response, chunk);
    return true;
  }
}

/** Headers of an answer. */
export type Headers = Readonly<Record<string, string>>;

function withLies(headers: Headers, fault: RegistryFault | undefined): Record<string, string> {
  if (fault?.kind !== 'headers') return { ...headers };
  const lies = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  for (const [name, value] of Object.entries(fault.set)) {
    if (value === undefined) lies.delete(name.toLowerCase());
    else lies.set(name.toLowerCase(), value);
  }
  return Object.fromEntries(lies);
}

async function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  response.flushHeaders();
  if (bytes.length === 0) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(bytes, done);
  });
}
