// A Docker Engine for tests: a real HTTP server, on a unix socket by default, with images in memory and faults to order.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeClock } from '../../src/system/node.ts';
import { type Fault, Reply } from './engine-reply.ts';
import type { ImageTable } from './engine-store.ts';
import { FakeHost } from './fake-host.ts';
import { answerHost, filtersOf, isHostCall } from './fake-host-http.ts';
import { imageJson, imageList, removeImage, tagImage } from './fake-host-images.ts';
import { Refusal } from './fake-host-terms.ts';

/** The calls that a fault can hit; `host` are those about containers, networks, volumes and pulls. */
export type Operation =
  | 'host'
  | 'ping'
  | 'version'
  | 'info'
  | 'list'
  | 'inspect'
  | 'save'
  | 'load'
  | 'import'
  | 'build'
  | 'tag'
  | 'remove';

/** Options of {@link startFakeEngine}. */
export interface FakeEngineOptions {
  /** Default `1.41`. */
  readonly apiVersion?: string;
  /** Default `1.12`. */
  readonly minApiVersion?: string;
  /** Default `docker`. */
  readonly product?: 'docker' | 'podman';
  /** Default `20.10.24`. */
  readonly version?: string;
  /** Only what `/info` says; images are kept as on a graph driver. Default `graph-driver`. */
  readonly store?: 'graph-driver' | 'containerd';
  /** `Metadata.LastTagTime` of every image. Default: none. */
  readonly lastTagTime?: string;
  /** Takes the place of the parsing of manifest.json: returns lines for people, or throws an {@link EngineRefusal}. */
  readonly load?: (tar: Uint8Array, images: ImageTable) => Promise<readonly string[]>;
  /** Listens on 127.0.0.1 instead of a socket: PEM texts; with `ca`, clients must have a certificate of it. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  /** Listens on 127.0.0.1 instead of a socket. */
  readonly isTcp?: boolean;
  /** The machine that it is the engine of. Default: one of its own. */
  readonly host?: FakeHost;
  /** Each call takes so much longer. Default 0. */
  readonly latencyMs?: number;
}

/** One call that came in. */
export interface FakeRequest {
  readonly method: string;
  /** With version prefix and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of its body that were read. */
  bytes: number;
}

/** A running fake. */
export interface FakeEngine extends AsyncDisposable {
  /** As in DOCKER_HOST. */
  readonly host: string;
  /** Empty on TCP. */
  readonly socketPath: string;
  /** 0 on a socket. */
  readonly port: number;
  readonly machine: FakeHost;
  /** Those of the machine that were not pulled. */
  readonly images: ImageTable;
  readonly requests: readonly FakeRequest[];
  /** Orders `fault` for the next call of `operation` (whose URL holds `where`), and the `times - 1` after it. */
  fault(operation: Operation, fault: Fault, times?: number, where?: string): void;
  /** How many connections are open. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a fake engine. */
export async function startFakeEngine(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'engine-'));
  const state = new State(options);
  const handle = (request: IncomingMessage, response: ServerResponse) =>
    // A client that goes away ends its call; nobody is left to hear of it.
    void state.answer(request, response).catch(() => request.destroy());
  const { tls } = options;
  const mutual = tls?.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const server =
    tls === undefined ? createServer(handle) : createTlsServer({ ...tls, ...mutual }, handle);
  server.requestTimeout = 0;
  const isTcp = tls !== undefined || options.isTcp === true;
  const socketPath = isTcp ? '' : join(directory, 'docker.sock');
  await new Promise<void>((resolve) => {
    if (isTcp) server.listen(0, '127.0.0.1', resolve);
    else server.listen(socketPath, resolve);
  });
  const port = isTcp ? (server.address() as AddressInfo).port : 0;
  const stop = async () => {
    await closeServer(server);
    await rm(directory, { recursive: true, force: true });
  };
  return {
    host: isTcp ? `tcp://127.0.0.1:${port}` : `unix://${socketPath}`,
    socketPath,
    port,
    machine: state.host,
    images: state.images,
    requests: state.requests,
    fault: (operation, fault, times = 1, where = '') => {
      for (let time = 0; time < times; time += 1) state.faults.push({ operation, fault, where });
    },
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function closeServer(server: Pick<Server, 'close' | 'closeAllConnections'>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

interface Routed {
  readonly operation: Operation;
  /** The image of the path; of a call about containers the path itself. */
  readonly name: string;
  readonly query: URLSearchParams;
}

/** A fault that did not strike yet. */
interface OrderedFault {
  readonly operation: Operation;
  readonly fault: Fault;
  readonly where: string;
}

class State {
  readonly host: FakeHost;
  readonly images: ImageTable;
  readonly requests: FakeRequest[] = [];
  readonly faults: OrderedFault[] = [];
  readonly #options: FakeEngineOptions;
  readonly #api: string;
  readonly #minApi: string;

  constructor(options: FakeEngineOptions) {
    this.#options = options;
    this.host = options.host ?? new FakeHost('fake', nodeClock());
    this.images = this.host.images;
    this.#api = options.apiVersion ?? '1.41';
    this.#minApi = options.minApiVersion ?? '1.12';
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const record: FakeRequest = { method, url, headers, bytes: 0 };
    this.requests.push(record);
    const refusal = this.#refuseVersion(url);
    if (refusal !== undefined) return sendJson(response, 400, { message: refusal });
    const routed = route(method, url);
    if (routed === undefined) return sendJson(response, 404, { message: 'page not found' });
    const fault = this.#takeFault(routed.operation, url);
    const reply = new Reply(response, fault);
    if (this.#options.latencyMs !== undefined) await sleep(this.#options.latencyMs);
    if (await reply.breakEarly()) return;
    const body = await readBody(request, record, fault);
    if (body === undefined) return;
    if (routed.operation === 'host') await this.#ask(routed, body, reply, request, response);
    else await this.#perform(routed, body, reply);
  }

  /** A call about containers: its effect happens, whatever becomes of the answer. */
  async #ask(
    { name: path, query }: Routed,
    body: Uint8Array,
    reply: Reply,
    { method = '', headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const { signal } = gone;
    const answer = await answerHost(this.host, { method, path, query, headers, body, signal });
    if ('stream' in answer) return reply.stream(answer.stream);
    if ('tar' in answer) return reply.send(answer.status, answer.tar, { 'Content-Type': TAR });
    if (answer.json !== undefined) return reply.json(answer.status, answer.json);
    return reply.send(answer.status, new Uint8Array(), {});
  }

  async #perform(routed: Routed, body: Uint8Array, reply: Reply): Promise<void> {
    const { name, query } = routed;
    const image = this.images.find(name);
    switch (routed.operation) {
      case 'ping':
        return reply.send(200, Buffer.from('OK'), { 'Api-Version': this.#api, ...this.#brand() });
      case 'version':
        return reply.json(200, this.#version());
      case 'info':
        return reply.json(200, this.#info());
      case 'list':
        return reply.json(200, listing(this.host, query));
      case 'load':
        return reply.progress(() => (this.#options.load ?? loadInto)(body, this.images));
      case 'build':
        return reply.built(() => this.images.build(body, query));
      case 'import':
        return reply.imported(() =>
          this.images.importLayer(body, query.get('repo') ?? '', query.get('platform') ?? ''),
        );
      default:
        break;
    }
    if (image === undefined) return this.#performOnPulled(routed, reply);
    switch (routed.operation) {
      case 'inspect':
        return reply.json(200, inspection(image, this.images.layers, this.#options.lastTagTime));
      case 'save':
        return reply.send(200, await this.images.save(image, name), { 'Content-Type': TAR });
      case 'tag':
      case 'remove':
        return this.#rename(routed, reply);
    }
  }

  /** There is no more of a pulled image than what is said of it. */
  async #performOnPulled(routed: Routed, reply: Reply): Promise<void> {
    const json = imageJson(this.host, routed.name);
    if (json === undefined) return reply.json(404, { message: `No such image: ${routed.name}` });
    if (routed.operation === 'inspect') return reply.json(200, json);
    if (routed.operation !== 'save') return this.#rename(routed, reply);
    return reply.json(500, { message: 'a pulled image has no layers here' });
  }

  async #rename({ operation, name, query }: Routed, reply: Reply): Promise<void> {
    try {
      if (operation === 'remove') {
        removeImage(this.host, name);
        return reply.json(200, [{ Untagged: name }]);
      }
      tagImage(this.host, name, `${query.get('repo')}:${query.get('tag') || 'latest'}`);
      return reply.send(201, new Uint8Array(), {});
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return reply.json(error.status, { message: error.message });
    }
  }

  #takeFault(operation: Operation, url: string): Fault | undefined {
    const index = this.faults.findIndex(
      (ordered) => ordered.operation === operation && url.includes(ordered.where),
    );
    return index < 0 ? undefined : this.faults.splice(index, 1)[0]?.fault;
  }

  #refuseVersion(url: string): string | undefined {
    const asked = /^\/v(\d+\.\d+)\//.exec(url)?.[1];
    if (asked === undefined) return undefined;
    const words = `client version ${asked} is too`;
    if (number(asked) > number(this.#api)) {
      return `${words} new. Maximum supported API version is ${this.#api}`;
    }
    if (number(asked) >= number(this.#minApi)) return undefined;
    return `${words} old. Minimum supported API version is ${this.#minApi}`;
  }

  #brand(): Readonly<Record<string, string>> {
    return this.#options.product === 'podman' ? { 'Libpod-Api-Version': '4.3.1' } : {};
  }

  #version(): object {
    const name = this.#options.product === 'podman' ? 'Podman Engine' : 'Engine';
    const { version = '20.10.24' } = this.#options;
    return {
      Components: [{ Name: name, Version: version }],
      Version: version,
      ApiVersion: this.#api,
      MinAPIVersion: this.#minApi,
      Os: 'linux',
      Arch: 'amd64',
    };
  }

  #info(): object {
    const isContainerd = this.#options.store === 'containerd';
    return {
      Driver: isContainerd ? 'overlayfs' : 'overlay2',
      DriverStatus: isContainerd ? [['driver-type', 'io.containerd.snapshotter.v1']] : [],
      DockerRootDir: '/var/lib/docker',
      ID: `ID-${this.host.name}`,
      Name: this.host.name,
    };
  }
}

const TAR = 'application/x-tar';

/** The request's body; undefined when a fault broke it off. */
async function readBody(
  request: IncomingMessage,
  record: FakeRequest,
  fault: Fault | undefined,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  const stop = fault?.kind === 'stopReading' || fault?.kind === 'cutUpload' ? fault : undefined;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    parts.push(part);
    record.bytes += part.length;
    if (stop !== undefined && record.bytes >= stop.afterBytes) {
      if (stop.kind === 'cutUpload') request.destroy();
      else request.pause();
      return undefined;
    }
  }
  return Buffer.concat(parts);
}

function loadInto(tar: Uint8Array, images: ImageTable): Promise<readonly string[]> {
  return images.load(tar);
}

function inspection(
  image: NonNullable<ReturnType<ImageTable['find']>>,
  layers: ImageTable['layers'],
  lastTagTime: string | undefined,
): object {
  return {
    Id: image.id,
    RepoTags: image.tags,
    Os: image.os,
    Architecture: image.architecture,
    ...(image.variant === undefined ? {} : { Variant: image.variant }),
    Size: image.diffIds.reduce((size, id) => size + (layers.get(id)?.length ?? 0), 0),
    RootFS: { Type: 'layers', Layers: image.diffIds },
    ...(lastTagTime === undefined ? {} : { Metadata: { LastTagTime: lastTagTime } }),
  };
}

/** Images with a name of the wanted repository; as real engines do, only with those names. */
function listing(host: FakeHost, query: URLSearchParams): object {
  const { reference, label = [] } = filtersOf(query);
  const images = imageList(host, label);
  if (reference === undefined) return images;
  const matches = (tag: string) => reference.some((name) => tag.startsWith(`${name}:`));
  return images
    .map((image) => ({ ...image, RepoTags: (image['RepoTags'] as string[]).filter(matches) }))
    .filter(({ RepoTags }) => RepoTags.length > 0);
}

function route(method: string, url: string): Routed | undefined {
  const { pathname, searchParams: query } = new URL(url, 'http://engine');
  const path = decodeURIComponent(pathname.replace(/^\/v\d+\.\d+(?=\/)/, ''));
  if (isHostCall(method, path, query)) return { operation: 'host', name: path, query };
  for (const [operation, verb, pattern] of ROUTES) {
    const found = method === verb ? pattern.exec(path) : null;
    if (found !== null) return { operation, name: found[1] ?? '', query };
  }
  return undefined;
}

const ROUTES: readonly (readonly [Operation, string, RegExp])[] = [
  ['ping', 'GET', /^\/_ping$/],
  ['version', 'GET', /^\/version$/],
  ['info', 'GET', /^\/info$/],
  ['load', 'POST', /^\/images\/load$/],
  ['import', 'POST', /^\/images\/create$/],
  ['build', 'POST', /^\/build$/],
  ['list', 'GET', /^\/images\/json$/],
  ['inspect', 'GET', /^\/images\/(.+)\/json$/],
  ['save', 'GET', /^\/images\/(.+)\/get$/],
  ['tag', 'POST', /^\/images\/(.+)\/tag$/],
  ['remove', 'DELETE', /^\/images\/(.+)$/],
];

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}

function number(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 1000 + minor;
}
