// What the fake engine answers, and the faults that can be ordered for an answer.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineRefusal } from './engine-store.ts';

/** What goes wrong with one call. */
export type Fault =
  /** The answer ends after so many bytes of its body: the connection breaks, or HTTP ends properly. */
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly how: 'abrupt' | 'clean' }
  /** The connection breaks once so many bytes of the request's body were read. */
  | { readonly kind: 'cutUpload'; readonly afterBytes: number }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Nothing comes any more after so many bytes of the answer's body; without a number, not even a status. */
  | { readonly kind: 'hang'; readonly afterBytes?: number }
  /** Reads so many bytes of the request's body and then no more. */
  | { readonly kind: 'stopReading'; readonly afterBytes: number }
  /** Answers 200 and reports this failure in its stream, without any effect. */
  | { readonly kind: 'errorDetail'; readonly message: string }
  /** These bytes come before the answer. */
  | { readonly kind: 'prefix'; readonly bytes: Uint8Array }
  /** These bytes come in place of the answer's body; `chunkBytes` splits them. */
  | { readonly kind: 'body'; readonly bytes: Uint8Array; readonly chunkBytes?: number }
  | { readonly kind: 'slow'; readonly chunkBytes: number; readonly everyMs: number }
  /** These bytes come in place of HTTP, then the connection ends. */
  | { readonly kind: 'raw'; readonly bytes: Uint8Array };

/** An answer, with the fault that was ordered for it. */
export class Reply {
  readonly #response: ServerResponse;
  readonly #fault: Fault | undefined;

  constructor(response: ServerResponse, fault: Fault | undefined) {
    this.#response = response;
    this.#fault = fault;
  }

  /** Faults that need no answer; true when one struck. */
  async breakEarly(): Promise<boolean> {
    const fault = this.#fault;
    switch (fault?.kind) {
      case 'status':
        this.#response.writeHead(fault.status, fault.headers ?? {});
        this.#response.end(fault.body ?? JSON.stringify({ message: `status ${fault.status}` }));
        return true;
      case 'raw':
        this.#response.socket?.end(fault.bytes);
        return true;
      case 'hang':
        return fault.afterBytes === undefined;
      default:
        return false;
    }
  }

  json(status: number, value: unknown): Promise<void> {
    return this.send(status, Buffer.from(JSON.stringify(value)), {
      'Content-Type': 'application/json',
    });
  }

  /** Chunks as they come, for as long as there are any. */
  async stream(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const fault = this.#fault;
    const response = this.#response;
    response.writeHead(200);
    response.flushHeaders();
    let sent = 0;
    const body = fault?.kind === 'body' ? [fault.bytes] : chunks;
    for await (const chunk of body) {
      if (fault?.kind === 'cut' && sent + chunk.length > fault.afterBytes) break;
      await write(response, chunk);
      sent += chunk.length;
    }
    if (fault?.kind === 'cut' && fault.how === 'abrupt') response.socket?.destroy();
    else if (fault?.kind !== 'hang') response.end();
  }

  /** Lines of a load; a refusal becomes an `errorDetail`, since the status is out by then. */
  async progress(load: () => Promise<readonly string[]>): Promise<void> {
    const lines = await this.#lines(async () =>
      (await load()).map((line) => ({ stream: `${line}\n` })),
    );
    return this.send(200, Buffer.from(lines), { 'Content-Type': 'application/json' });
  }

  /** Lines of a build; a step that fails becomes an `errorDetail`. */
  async built(build: () => Promise<readonly object[]>): Promise<void> {
    const lines = await this.#lines(build);
    return this.send(200, Buffer.from(lines), { 'Content-Type': 'application/json' });
  }

  /** The line of an import; a refusal is a status of its own. */
  async imported(run: () => Promise<string>): Promise<void> {
    try {
      const lines = await this.#lines(async () => [{ status: await run() }], true);
      return this.send(200, Buffer.from(lines), { 'Content-Type': 'application/json' });
    } catch (error) {
      return this.json(500, { message: String(error instanceof Error ? error.message : error) });
    }
  }

  async #lines(run: () => Promise<readonly object[]>, isStrict = false): Promise<string> {
    try {
      if (this.#fault?.kind === 'errorDetail') throw new EngineRefusal(this.#fault.message);
      return (await run()).map((line) => `${JSON.stringify(line)}\r\n`).join('');
    } catch (error) {
      const ordered = this.#fault?.kind === 'errorDetail';
      if (!(error instanceof EngineRefusal) || (isStrict && !ordered)) throw error;
      const { message } = error;
      return `${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`;
    }
  }

  /** The whole answer, as far as the fault lets it. */
  async send(
    status: number,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const fault = this.#fault;
    const response = this.#response;
    response.writeHead(status, headers);
    switch (fault?.kind) {
      case 'cut':
        await write(response, body.subarray(0, fault.afterBytes));
        if (fault.how === 'clean') response.end();
        else response.socket?.destroy();
        return;
      case 'hang':
        return write(response, body.subarray(0, fault.afterBytes));
      case 'prefix':
        await write(response, fault.bytes);
        await write(response, body);
        break;
      case 'body':
        await inChunks(response, fault.bytes, fault.chunkBytes ?? fault.bytes.length, undefined);
        break;
      case 'slow':
        await inChunks(response, body, fault.chunkBytes, fault.everyMs);
        break;
      default:
        await inChunks(response, body, 65_536, undefined);
    }
    response.end();
  }
}

async function inChunks(
  response: ServerResponse,
  body: Uint8Array,
  chunkBytes: number,
  everyMs: number | undefined,
): Promise<void> {
  for (let at = 0; at < body.length; at += chunkBytes) {
    await write(response, body.subarray(at, at + chunkBytes));
    if (everyMs !== undefined) await sleep(everyMs);
  }
}

async function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  response.flushHeaders();
  if (bytes.length === 0) return sleep(0);
  await new Promise<void>((resolve, reject) => {
    const gone = () => reject(new Error('the client went away'));
    response.once('close', gone);
    response.write(bytes, (error) => {
      response.off('close', gone);
      if (error) reject(error);
      else resolve();
    });
  });
}
