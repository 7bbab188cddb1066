// What stands between shipper and a real registry: it names each call that changes something, counts the repositories that
// take blobs at one time, and lets some calls fail with a status or a cut connection (`faults.md` 2.5).
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type RunningRegistry } from './registry.ts';

/** A call, by what it does: `upload` begins one, `blob` sends or ends one, `manifest` is by digest, `read` changes nothing. */
export type PassingCall = 'upload' | 'blob' | 'manifest' | 'tag' | 'read';

/** What becomes of the calls of one kind. */
export interface PassageFault {
  readonly call: PassingCall;
  /** A status in place of the registry's answer, or the end of the connection once a part of the body has come. */
  readonly how: number | 'cut';
  /** Only calls whose URL holds this. */
  readonly where?: string;
  /** Only calls to the repository that is the so-many-th to take blobs since the fault was set: 1 is the first. */
  readonly nth?: number;
  /** So many calls pass before the first that fails. Default 0. */
  readonly after?: number;
  /** So many fail. Default all. */
  readonly times?: number;
}

/** A running passage. */
export interface RegistryPassage extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Its calls are counted from the moment it is set. */
  fault: PassageFault | undefined;
  /** How often faults struck. */
  readonly struck: number;
  /** Called with each call before it is passed on. */
  onCall: ((call: PassingCall, url: string) => void) | undefined;
  /** How long a blob is held before it is passed on, in milliseconds. Default 0. */
  holdMs: number;
  /** Repositories that took blobs at one time, at most. */
  readonly most: number;
}

const CALLS: readonly (readonly [PassingCall, RegExp])[] = [
  ['upload', /^POST \/v2\/.+\/blobs\/uploads\//],
  ['blob', /^(?:PATCH|PUT) \/v2\/.+\/blobs\/uploads\//],
  ['manifest', /^PUT \/v2\/.+\/manifests\/sha256:/],
  ['tag', /^PUT \/v2\/.+\/manifests\//],
  ['read', /^(?:HEAD|GET) \/v2\/.+\/manifests\//],
];

/** Starts one in front of `registry`. */
export async function startPassage(registry: RunningRegistry): Promise<RegistryPassage> {
  const passage = new Passage(registry.address, await freePort());
  await passage.listen();
  return passage;
}

class Passage implements RegistryPassage {
  readonly address: string;
  onCall: RegistryPassage['onCall'];
  holdMs = 0;
  struck = 0;
  most = 0;
  readonly #far: string;
  readonly #port: number;
  readonly #server = createServer((call, answer) => void this.#take(call, answer));
  readonly #busy = new Map<string, number>();
  /** Repositories in the order in which blobs came. */
  readonly #takers = new Set<string>();
  #fault: PassageFault | undefined;
  #seen = 0;

  constructor(far: string, port: number) {
    this.#far = far;
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
    this.#server.requestTimeout = 0;
  }

  get fault(): PassageFault | undefined {
    return this.#fault;
  }

  set fault(fault: PassageFault | undefined) {
    this.#fault = fault;
    this.#seen = 0;
    this.#takers.clear();
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(call: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '' } = call;
    const kind = CALLS.find(([, pattern]) => pattern.test(`${method} ${url}`))?.[0];
    if (kind !== undefined) this.onCall?.(kind, url);
    const repository = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(url)?.[1];
    if (kind === 'blob' && repository !== undefined) this.#takers.add(repository);
    const fault = this.#faultOf(kind, url, repository);
    if (fault !== undefined) return this.#strike(fault, call, answer);
    if (kind === 'blob' && repository !== undefined) {
      this.#count(repository, 1);
      answer.on('close', () => this.#count(repository, -1));
      if (this.holdMs > 0) await sleep(this.holdMs);
    }
    this.#pass(call, answer);
  }

  #faultOf(
    kind: PassingCall | undefined,
    url: string,
    repository: string | undefined,
  ): PassageFault | undefined {
    const fault = this.#fault;
    if (fault === undefined || fault.call !== kind) return undefined;
    const { where = '', nth } = fault;
    const isMeant = nth === undefined || [...this.#takers][nth - 1] === repository;
    if (!isMeant || !url.includes(where)) return undefined;
    this.#seen += 1;
    const { after = 0, times = Number.POSITIVE_INFINITY } = fault;
    return this.#seen > after && this.#seen <= after + times ? fault : undefined;
  }

  #strike({ how }: PassageFault, call: IncomingMessage, answer: ServerResponse): void {
    this.struck += 1;
    if (how === 'cut') {
      call.once('data', () => call.socket.resetAndDestroy());
      call.once('end', () => call.socket.resetAndDestroy());
      return;
    }
    call.resume();
    call.once('end', () => answer.writeHead(how).end());
  }

  #count(repository: string, change: number): void {
    const left = (this.#busy.get(repository) ?? 0) + change;
    if (left > 0) this.#busy.set(repository, left);
    else this.#busy.delete(repository);
    this.most = Math.max(this.most, this.#busy.size);
  }

  #pass(call: IncomingMessage, answer: ServerResponse): void {
    const [hostname, port] = this.#far.split(':');
    const { method, url, headers } = call;
    const onward = request({ hostname, port, method, path: url, headers });
    const breakOff = () => {
      onward.destroy();
      answer.destroy();
    };
    onward.on('error', breakOff);
    call.on('error', breakOff);
    answer.on('close', () => onward.destroy());
    onward.on('response', (reply) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.on('error', breakOff);
      reply.pipe(answer);
    });
    call.pipe(onward);
  }
}
