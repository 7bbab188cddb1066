// A registry for tests: a real HTTP server with images in memory and faults to order (distribution-spec 1.1). A second
// origin stands for the store that registries send readers to: it answers 400 to who brings credentials along.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { type FakeAuth, FakeDoor } from './registry-auth.ts';
import { RegistryCalls } from './registry-calls.ts';
import { type RegistryFault, type RegistryOperation, RegistryReply } from './registry-faults.ts';
import { FakeRepository } from './registry-store.ts';

export type { FakeAuth } from './registry-auth.ts';
export type { RegistryFault, RegistryOperation } from './registry-faults.ts';

/** Options of {@link startFakeRegistry}. */
export interface FakeRegistryOptions {
  /** Default: everybody may do everything. */
  readonly auth?: FakeAuth;
  /** Speaks TLS: PEM texts. With `ca`, clients must have a certificate of it. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  /** False answers 404 to lists of referrers, as registries did before 1.1. Default true. */
  readonly hasReferrers?: boolean;
  /** `OCI-Chunk-Min-Length` of uploads. Default: not sent. */
  readonly chunkMinBytes?: number;
  /** `Location` of uploads as a path only. Default true. */
  readonly hasRelativeLocations?: boolean;
}

/** One request that came in, at either origin. */
export interface FakeRegistryRequest {
  readonly origin: 'registry' | 'elsewhere';
  readonly operation: RegistryOperation | undefined;
  readonly method: string;
  /** With query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of its body that were read. */
  bytes: number;
  /** Set when the head of the answer went out. */
  status?: number;
}

/** A running fake. */
export interface FakeRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: the domain of references. */
  readonly address: string;
  /** `http://127.0.0.1:PORT`, or https. */
  readonly origin: string;
  /** `http://localhost:PORT`: another origin by name and port. */
  readonly elsewhere: string;
  readonly requests: readonly FakeRegistryRequest[];
  /** The repository of that path, made if it is not there. */
  repository(path: string): FakeRepository;
  /** Orders `fault` for the next call of `operation` (whose URL holds `where`), and the `times - 1` after it. */
  fault(operation: RegistryOperation, fault: RegistryFault, times?: number, where?: string): void;
  /** Takes back all faults that did not strike yet. */
  clearFaults(): void;
  /** How often an operation was asked for. */
  count(operation: RegistryOperation): number;
  /** Makes all tokens invalid. */
  expireTokens(): void;
  /** How many connections are open, at both origins. */
  connections(): number;
  /** Breaks all connections that are open. */
  dropConnections(): void;
  /** The most that were open at once. */
  mostConnections(): number;
  stop(): Promise<void>;
}

/** Starts a fake registry. */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const state = new State(options);
  const { tls } = options;
  const mutual = tls?.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const here = (request: IncomingMessage, response: ServerResponse) =>
    // A client that goes away ends its call; nobody is left to hear of it.
    void state.answer(request, response).catch(() => request.destroy());
  const there = (request: IncomingMessage, response: ServerResponse) =>
    void state.answerElsewhere(request, response).catch(() => request.destroy());
  const registry =
    tls === undefined ? createServer(here) : createTlsServer({ ...tls, ...mutual }, here);
  const store = createServer(there);
  for (const server of [registry, store]) {
    server.requestTimeout = 0;
    server.on('connection', (socket) => state.watch(socket));
  }
  const [port, otherPort] = [await listen(registry), await listen(store)];
  state.origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  state.elsewhere = `http://localhost:${otherPort}`;
  const stop = async () => {
    await Promise.all([close(registry), close(store)]);
  };
  return {
    address: `127.0.0.1:${port}`,
    origin: state.origin,
    elsewhere: state.elsewhere,
    requests: state.requests,
    repository: (path) => state.repository(path),
    fault: (operation, fault, times = 1, where = '') => {
      for (let time = 0; time < times; time += 1) state.faults.push({ operation, fault, where });
    },
    clearFaults: () => void state.faults.splice(0),
    count: (operation) => state.requests.filter((each) => each.operation === operation).length,
    expireTokens: () => state.door.expireTokens(),
    connections: () => state.open.size,
    dropConnections: () => {
      for (const socket of state.open) socket.destroy();
    },
    mostConnections: () => state.most,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function listen(server: Server): Promise<number> {
  // Both families, so that `localhost` is reached by whatever it resolves to.
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function close(server: Server & { closeAllConnections(): void }): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

/** A fault that did not strike yet. */
interface OrderedFault {
  readonly operation: RegistryOperation;
  readonly fault: RegistryFault;
  readonly where: string;
}

class State {
  origin = '';
  elsewhere = '';
  readonly requests: FakeRegistryRequest[] = [];
  readonly faults: OrderedFault[] = [];
  readonly open = new Set<Socket>();
  most = 0;
  readonly door: FakeDoor;
  readonly #options: FakeRegistryOptions;
  readonly #repositories = new Map<string, FakeRepository>();

  constructor(options: FakeRegistryOptions) {
    this.#options = options;
    this.door = new FakeDoor(options.auth, () => `${this.origin}/token`);
  }

  repository(path: string): FakeRepository {
    const known = this.#repositories.get(path) ?? new FakeRepository();
    this.#repositories.set(path, known);
    return known;
  }

  watch(socket: Socket): void {
    this.open.add(socket);
    this.most = Math.max(this.most, this.open.size);
    socket.once('close', () => this.open.delete(socket));
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    const routed = route(request.method ?? '', url.pathname);
    const record = this.#record('registry', routed?.operation, request, response);
    const fault = this.#takeFault(routed?.operation, request.url);
    const reply = new RegistryReply(request, response, fault, (bytes) => {
      record.bytes += bytes;
    });
    if (routed === undefined) return reply.refuse(404, 'NOT_FOUND', 'page not found');
    if (fault?.kind === 'expireTokens') this.door.expireTokens();
    if (fault?.kind === 'forgetUploads') this.repository(routed.path).uploads.clear();
    if (await reply.breakEarly(this.elsewhere)) return;
    if (routed.operation === 'token') return this.#token(request, url, reply);
    const challenge = this.door.challenge(request, routed.path, actionOf(request.method ?? ''));
    if (challenge !== undefined) {
      return reply.refuse(401, 'UNAUTHORIZED', 'authentication required', {
        'WWW-Authenticate': challenge,
      });
    }
    const { hasReferrers = true, hasRelativeLocations = true, chunkMinBytes } = this.#options;
    const calls = new RegistryCalls((path) => this.repository(path), {
      hasReferrers,
      chunkMinBytes,
      prefix: hasRelativeLocations ? '' : this.origin,
    });
    await calls.answer(routed, url, request, reply);
  }

  async answerElsewhere(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.elsewhere);
    this.#record('elsewhere', 'elsewhere', request, response);
    const reply = new RegistryReply(
      request,
      response,
      this.#takeFault('elsewhere', request.url),
      () => undefined,
    );
    if (await reply.breakEarly(this.origin)) return;
    // As S3 does.
    if (request.headers.authorization !== undefined) {
      return reply.refuse(400, 'InvalidArgument', 'Only one auth mechanism allowed');
    }
    const routed = route(request.method ?? '', url.pathname);
    if (routed === undefined) return reply.refuse(404, 'NOT_FOUND', 'page not found');
    const calls = new RegistryCalls((path) => this.repository(path), {
      hasReferrers: true,
      chunkMinBytes: undefined,
      prefix: '',
    });
    await calls.answer(routed, url, request, reply);
  }

  async #token(request: IncomingMessage, url: URL, reply: RegistryReply): Promise<void> {
    if (await reply.replaced({ 'Content-Type': 'application/json' })) return;
    const token = this.door.token(request, url.searchParams);
    if (token !== undefined) return reply.json(200, token);
    return reply.refuse(401, 'UNAUTHORIZED', 'wrong login');
  }

  #record(
    origin: FakeRegistryRequest['origin'],
    operation: RegistryOperation | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): FakeRegistryRequest {
    const { method = '', url = '', headers } = request;
    const record: FakeRegistryRequest = { origin, operation, method, url, headers, bytes: 0 };
    this.requests.push(record);
    response.once('finish', () => {
      record.status = response.statusCode;
    });
    return record;
  }

  #takeFault(operation: RegistryOperation | undefined, url = ''): RegistryFault | undefined {
    const index = this.faults.findIndex(
      (ordered) => ordered.operation === operation && url.includes(ordered.where),
    );
    return index < 0 ? undefined : this.faults.splice(index, 1)[0]?.fault;
  }
}

/** What a request asks for. */
export interface Routed {
  readonly operation: RegistryOperation;
  /** The path of the repository. */
  readonly path: string;
  /** Tag, digest or id of an upload. */
  readonly name: string;
}

const ROUTES: readonly (readonly [
  method: string,
  pattern: RegExp,
  operation: RegistryOperation,
])[] = [
  ['GET', /^()\/v2\/()$/, 'ping'],
  ['GET', /^()\/token()$/, 'token'],
  ['POST', /^()\/token()$/, 'token'],
  ['GET', /^\/v2\/(.+)\/tags\/list()$/, 'tags'],
  ['GET', /^\/v2\/(.+)\/referrers\/([^/]+)$/, 'referrers'],
  ['GET', /^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest.get'],
  ['HEAD', /^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest.head'],
  ['PUT', /^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest.put'],
  ['DELETE', /^\/v2\/(.+)\/manifests\/([^/]+)$/, 'manifest.delete'],
  ['POST', /^\/v2\/(.+)\/blobs\/uploads\/()$/, 'upload.start'],
  ['PATCH', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, 'upload.patch'],
  ['PUT', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, 'upload.put'],
  ['GET', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, 'upload.status'],
  ['DELETE', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, 'upload.cancel'],
  ['GET', /^\/v2\/(.+)\/blobs\/([^/]+)$/, 'blob.get'],
  ['HEAD', /^\/v2\/(.+)\/blobs\/([^/]+)$/, 'blob.head'],
  ['DELETE', /^\/v2\/(.+)\/blobs\/([^/]+)$/, 'blob.delete'],
];

function route(method: string, pathname: string): Routed | undefined {
  for (const [wanted, pattern, operation] of ROUTES) {
    const found = wanted === method ? pattern.exec(pathname) : null;
    if (found !== null) {
      return { operation, path: found[1] ?? '', name: decodeURIComponent(found[2] ?? '') };
    }
  }
  return undefined;
}

function actionOf(method: string): string {
  if (method === 'GET' || method === 'HEAD') return 'pull';
  return method === 'DELETE' ? 'delete' : 'push';
}
