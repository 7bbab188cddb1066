// A Docker API on a socket of its own that passes everything on to a real engine, but for one fault: connections that
// break, answers that lie, an engine that hangs or dies (`faults.md` 2.6, K12-K15).
import { rmSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { join } from 'node:path';
import type { Endpoint } from './engines.ts';

/** The long calls, which faults can hit. */
export type ProxiedCall = 'save' | 'load' | 'import';

/** What goes wrong, in the first call of its kind. */
export type ProxyFault =
  /** The answer breaks off after so many bytes of its body; `clean` with a whole last chunk, as if that were all. */
  | {
      readonly kind: 'cut';
      readonly call: ProxiedCall;
      readonly afterBytes: number;
      readonly end: 'abrupt' | 'clean';
    }
  /** An `errorDetail` line is the last of the answer, whose status stays 200; the engine itself did its work. */
  | { readonly kind: 'error-line'; readonly call: ProxiedCall; readonly message: string }
  /** Neither the request is read nor the answer sent past so many bytes of either; the connection stays open. */
  | { readonly kind: 'hang'; readonly call: ProxiedCall; readonly afterBytes: number }
  /** `run` is called once so many bytes of request and answer went by; a request's body waits for it. */
  | {
      readonly kind: 'do';
      readonly call: ProxiedCall;
      readonly afterBytes: number;
      run(): void | Promise<void>;
    };

/** A running proxy. */
export interface EngineProxy extends AsyncDisposable {
  readonly host: string;
  /** Whether the fault happened. */
  hasStruck(): boolean;
}

/** Starts a proxy in front of `engine`. */
export async function startProxy(engine: Endpoint, fault: ProxyFault): Promise<EngineProxy> {
  const socket = join(engine.directory, `p${process.hrtime.bigint()}.sock`);
  const proxy = new FaultyPassage(engine.socket, fault);
  const server = createServer((call, answer) => proxy.pass(call, answer));
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    host: `unix://${socket}`,
    hasStruck: () => proxy.hasStruck,
    async [Symbol.asyncDispose]() {
      await close(server);
      rmSync(socket, { force: true });
    },
  };
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

const CALLS: readonly (readonly [ProxiedCall, RegExp])[] = [
  ['save', /^GET \S*\/images\/.+\/get(?:\?|$)/],
  ['load', /^POST \S*\/images\/load(?:\?|$)/],
  ['import', /^POST \S*\/images\/create(?:\?|$)/],
];

class FaultyPassage {
  hasStruck = false;
  /** What `run` of a fault is doing. */
  #running: Promise<void> = Promise.resolve();
  readonly #socketPath: string;
  readonly #fault: ProxyFault;

  constructor(socketPath: string, fault: ProxyFault) {
    this.#socketPath = socketPath;
    this.#fault = fault;
  }

  pass(call: IncomingMessage, answer: ServerResponse): void {
    const { method = '', url = '', headers } = call;
    const kind = CALLS.find(([, pattern]) => pattern.test(`${method} ${url}`))?.[0];
    const fault = kind === this.#fault.call && !this.hasStruck ? this.#fault : undefined;
    const onward = request({ socketPath: this.#socketPath, method, path: url, headers });
    const breakOff = () => {
      onward.destroy();
      answer.destroy();
    };
    onward.on('error', breakOff);
    call.on('error', breakOff);
    answer.on('close', () => onward.destroy());
    const count = { bytes: 0 };
    onward.on('response', (reply) => {
      // How it is framed is between us and the caller, who may speak HTTP/1.0.
      const { 'transfer-encoding': _, ...passed } = reply.headers;
      answer.writeHead(reply.statusCode ?? 500, passed);
      // What we end ourselves is no fault of the engine.
      reply.on('error', () => {
        if (fault?.kind !== 'cut' || !this.hasStruck) breakOff();
      });
      this.#passAnswer(reply, answer, fault, count);
    });
    this.#passBody(call, onward, fault, count);
  }

  #passBody(
    call: IncomingMessage,
    onward: ReturnType<typeof request>,
    fault: ProxyFault | undefined,
    count: { bytes: number },
  ): void {
    call.on('data', (chunk: Buffer) => {
      call.pause();
      if (this.#strike(fault, count, chunk.length)) return;
      void this.#running.then(() => {
        if (onward.write(chunk)) call.resume();
        else onward.once('drain', () => call.resume());
      });
    });
    call.on('end', () => void this.#running.then(() => onward.end()));
  }

  #passAnswer(
    reply: IncomingMessage,
    answer: ServerResponse,
    fault: ProxyFault | undefined,
    count: { bytes: number },
  ): void {
    let isCut = false;
    reply.on('data', (chunk: Buffer) => {
      // What was parsed already still comes after the end.
      if (isCut) return;
      const before = count.bytes;
      if (this.#strike(fault, count, chunk.length)) {
        reply.pause();
        return;
      }
      if (fault?.kind === 'cut' && count.bytes >= fault.afterBytes) {
        this.hasStruck = true;
        isCut = true;
        reply.destroy();
        const last = chunk.subarray(0, fault.afterBytes - before);
        if (fault.end === 'clean') answer.end(last);
        else answer.write(last, () => setImmediate(() => answer.destroy()));
        return;
      }
      if (!answer.write(chunk)) {
        reply.pause();
        answer.once('drain', () => reply.resume());
      }
    });
    reply.on('end', () => {
      if (isCut) return;
      if (fault?.kind !== 'error-line') return void answer.end();
      this.hasStruck = true;
      const { message } = fault;
      answer.end(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`);
    });
  }

  /** Counts; whether the stream stops here for good. */
  #strike(fault: ProxyFault | undefined, count: { bytes: number }, bytes: number): boolean {
    count.bytes += bytes;
    if (fault === undefined || !('afterBytes' in fault) || count.bytes < fault.afterBytes) {
      return false;
    }
    if (fault.kind === 'hang') {
      this.hasStruck = true;
      return true;
    }
    if (fault.kind === 'do' && !this.hasStruck) {
      this.hasStruck = true;
      this.#running = Promise.resolve(fault.run());
    }
    return false;
  }
}
