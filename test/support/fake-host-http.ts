// The face of a server for a host in memory: the routes about containers, networks, volumes and pulls. `engine-server.ts` has
// those about images, and the connection.
import type {
  ContainerSpec,
  ExecSpec,
  LogLine,
  RestartPolicy,
} from '../../src/engine/containers.ts';
import type { EngineLogin } from '../../src/engine/engine.ts';
import type { FakeContainer, FakeHost } from './fake-host.ts';
import {
  connectNetwork,
  createNetwork,
  createVolume,
  execIn,
  networkJson,
  pullImage,
  removeContainer,
  removeNetwork,
  restartContainer,
  statsJson,
  stopContainer,
  updatePolicy,
  volumeJson,
} from './fake-host-calls.ts';
import { getFile, putFiles } from './fake-host-files.ts';
import { containerJson, listedJson } from './fake-host-json.ts';
import { Refusal } from './fake-host-terms.ts';
import { readEvents, readLog, type Watcher, waitForEnd } from './fake-host-watch.ts';

/** A call that came in. */
export interface HostRequest {
  readonly method: string;
  /** Without the version, decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** What is answered. */
export type HostAnswer =
  | { readonly status: number; readonly json?: unknown }
  | { readonly status: number; readonly tar: Uint8Array }
  | { readonly status: number; readonly stream: AsyncIterable<Uint8Array> };

type Json = Readonly<Record<string, unknown>>;
type Handler = (host: FakeHost, name: string, request: HostRequest) => Promise<HostAnswer>;

/** Whether a call is one of these. */
export function isHostCall(method: string, path: string, query: URLSearchParams): boolean {
  return handlerOf(method, path, query) !== undefined;
}

/** Answers a call; what the engine says no to is an answer too. */
export async function answerHost(host: FakeHost, request: HostRequest): Promise<HostAnswer> {
  const found = handlerOf(request.method, request.path, request.query);
  try {
    return (
      (await found?.handle(host, found.name, request)) ??
      refused(new Refusal(404, 'page not found'))
    );
  } catch (error) {
    if (error instanceof Refusal) return refused(error);
    throw error;
  }
}

function refused({ status, message }: Refusal): HostAnswer {
  return { status, json: { message } };
}

function handlerOf(
  method: string,
  path: string,
  query: URLSearchParams,
): { readonly handle: Handler; readonly name: string } | undefined {
  for (const [verb, pattern, handle] of ROUTES) {
    const found = method === verb ? pattern.exec(path) : null;
    if (found === null) continue;
    // An import is another call at the same place.
    if (handle === pull && query.get('fromImage') === null) continue;
    return { handle, name: found[1] ?? '' };
  }
  return undefined;
}

const onContainer =
  (
    work: (
      host: FakeHost,
      container: FakeContainer,
      request: HostRequest,
    ) => Promise<HostAnswer> | HostAnswer,
  ): Handler =>
  async (host, name, request) =>
    work(host, host.need(name), request);

const DONE: HostAnswer = { status: 204 };
const NOT_MODIFIED: HostAnswer = { status: 304 };

const list: Handler = async (host, _, { query }) => ({
  status: 200,
  json: host.list(filtersOf(query)['label'] ?? []).map((each) => listedJson(host, each)),
});

const create: Handler = async (host, _, { query, body }) => {
  const spec = jsonOf(body) as ContainerSpec;
  const { id } = host.create(query.get('name') ?? '', spec);
  return { status: 201, json: { Id: id, Warnings: [] } };
};

const start = onContainer((host, container) => (host.start(container) ? DONE : NOT_MODIFIED));

const stop = onContainer(async (host, container, { query }) => {
  const graceMs = Number(query.get('t') ?? 10) * 1000;
  return (await stopContainer(host, container, graceMs)) ? DONE : NOT_MODIFIED;
});

const restart = onContainer(async (host, container, { query }) => {
  await restartContainer(host, container, Number(query.get('t') ?? 10) * 1000);
  return DONE;
});

const kill = onContainer((host, container, { query }) => {
  host.kill(container, query.get('signal') ?? 'SIGKILL');
  return DONE;
});

const unpause = onContainer((host, container) => {
  host.pause(container, false);
  return DONE;
});

const remove = onContainer(async (host, container) => {
  await removeContainer(host, container);
  return DONE;
});

const update = onContainer((host, container, { body }) => {
  const { Name = 'no', MaximumRetryCount = 0 } = (jsonOf(body)['RestartPolicy'] ?? {}) as {
    readonly Name?: RestartPolicy['name'];
    readonly MaximumRetryCount?: number;
  };
  updatePolicy(host, container, { name: Name, maximumRetryCount: MaximumRetryCount });
  return { status: 200, json: { Warnings: [] } };
});

const wait = onContainer(async (host, container, request) => ({
  status: 200,
  json: { StatusCode: await waitForEnd(host, container, watcherOf(host, request)) },
}));

const putArchive = onContainer((_, container, { query, body }) => {
  putFiles(container, query.get('path') ?? '/', body);
  return { status: 200 };
});

const getArchive = onContainer((_, container, { query }) => {
  const path = query.get('path') ?? '';
  const tar = getFile(container, path);
  if (tar === undefined) throw new Refusal(404, `Could not find the file ${path} in container`);
  return { status: 200, tar };
});

const logs = onContainer((host, container, request) => {
  const { query } = request;
  const tail = query.get('tail') ?? 'all';
  const since = query.get('since');
  const options = {
    follow: query.get('follow') === '1',
    timestamps: query.get('timestamps') === '1',
    ...(tail === 'all' ? {} : { tail: Number(tail) }),
    ...(since === null ? {} : { since }),
  };
  const lines = readLog(host, container, options, watcherOf(host, request));
  return { status: 200, stream: frames(lines) };
});

const attach = onContainer((host, container, request) => {
  const options = { follow: true, tail: 0 };
  const lines = readLog(host, container, options, watcherOf(host, request));
  return { status: 200, stream: frames(lines) };
});

interface Execution {
  readonly container: FakeContainer;
  readonly spec: ExecSpec;
  code: number | null;
}

const executions = new WeakMap<FakeHost, Map<string, Execution>>();

const makeExec = onContainer((host, container, { body }) => {
  if (container.status !== 'running') execIn(host, container, { command: [] });
  const { Cmd, Env = [] } = jsonOf(body) as {
    readonly Cmd: readonly string[];
    readonly Env?: readonly string[];
  };
  const pairs = Env.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]);
  const known = executions.get(host) ?? new Map<string, Execution>();
  executions.set(host, known);
  const id = (known.size + 1).toString(16).padStart(64, '0');
  const spec = { command: Cmd, environment: Object.fromEntries(pairs) };
  known.set(id, { container, spec, code: null });
  return { status: 201, json: { Id: id } };
});

const startExec: Handler = async (host, id) => {
  const execution = executionOf(host, id);
  const { code, lines } = execIn(host, execution.container, execution.spec);
  execution.code = code;
  return { status: 200, stream: frames(inTurn(lines)) };
};

const inspectExec: Handler = async (host, id) => {
  const { code } = executionOf(host, id);
  return { status: 200, json: { Running: code === null, ExitCode: code } };
};

function executionOf(host: FakeHost, id: string): Execution {
  const found = executions.get(host)?.get(id);
  if (found === undefined) throw new Refusal(404, `No such exec instance: ${id}`);
  return found;
}

const events: Handler = async (host, _, request) => {
  const since = request.query.get('since');
  const nano = since === null ? undefined : since.replace('.', '');
  const happened = readEvents(host, filtersOf(request.query), nano, watcherOf(host, request));
  return { status: 200, stream: eventLines(happened) };
};

async function* eventLines(
  happened: ReturnType<typeof readEvents>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { type, action, id, attributes, timeNano } of happened) {
    const json = { Type: type, Action: action, Actor: { ID: id, Attributes: attributes } };
    // A number that JSON.stringify would round.
    yield Buffer.from(`${JSON.stringify(json).slice(0, -1)},"timeNano":${timeNano}}\n`);
  }
}

const pull: Handler = async (host, _, request) => {
  const { query, headers } = request;
  const tag = query.get('tag') ?? 'latest';
  const glue = tag.startsWith('sha256:') ? '@' : ':';
  const reference = `${query.get('fromImage')}${glue}${tag}`;
  const shown = headers['x-registry-auth'];
  const login =
    typeof shown === 'string'
      ? (JSON.parse(Buffer.from(shown, 'base64url').toString('utf8')) as EngineLogin)
      : undefined;
  await pullImage(host, reference, login, watcherOf(host, request));
  return { status: 200, stream: inTurn([Buffer.from('{"status":"Download complete"}\r\n')]) };
};

const inspectNetwork: Handler = async (host, name) => found(networkJson(host, name), 'network');

const makeNetwork: Handler = async (host, _, { body }) => {
  const json = jsonOf(body);
  const spec = { ...specOf(json), internal: json['Internal'] === true };
  const isNew = createNetwork(host, spec);
  if (isNew) return { status: 201, json: { Id: `network-${spec.name}` } };
  throw new Refusal(409, `network with name ${spec.name} already exists`);
};

const joinNetwork: Handler = async (host, name, { body }) => {
  const { Container, EndpointConfig = {} } = jsonOf(body) as {
    readonly Container: string;
    readonly EndpointConfig?: Json;
  };
  connectNetwork(host, name, Container, EndpointConfig);
  return { status: 200 };
};

const dropNetwork: Handler = async (host, name) => {
  removeNetwork(host, name);
  return DONE;
};

const inspectVolume: Handler = async (host, name) => found(volumeJson(host, name), 'volume');

const makeVolume: Handler = async (host, _, { body }) => ({
  status: 201,
  json: createVolume(host, specOf(jsonOf(body))),
});

const inspect = onContainer((host, container) => ({
  status: 200,
  json: containerJson(host, container),
}));

const stats = onContainer((host, container) => ({ status: 200, json: statsJson(host, container) }));

const ROUTES: readonly (readonly [string, RegExp, Handler])[] = [
  ['GET', /^\/containers\/json$/, list],
  ['POST', /^\/containers\/create$/, create],
  ['GET', /^\/containers\/([^/]+)\/json$/, inspect],
  ['POST', /^\/containers\/([^/]+)\/start$/, start],
  ['POST', /^\/containers\/([^/]+)\/stop$/, stop],
  ['POST', /^\/containers\/([^/]+)\/restart$/, restart],
  ['POST', /^\/containers\/([^/]+)\/kill$/, kill],
  ['POST', /^\/containers\/([^/]+)\/unpause$/, unpause],
  ['DELETE', /^\/containers\/([^/]+)$/, remove],
  ['POST', /^\/containers\/([^/]+)\/update$/, update],
  ['POST', /^\/containers\/([^/]+)\/wait$/, wait],
  ['PUT', /^\/containers\/([^/]+)\/archive$/, putArchive],
  ['GET', /^\/containers\/([^/]+)\/archive$/, getArchive],
  ['GET', /^\/containers\/([^/]+)\/logs$/, logs],
  ['POST', /^\/containers\/([^/]+)\/attach$/, attach],
  ['GET', /^\/containers\/([^/]+)\/stats$/, stats],
  ['POST', /^\/containers\/([^/]+)\/exec$/, makeExec],
  ['POST', /^\/exec\/([^/]+)\/start$/, startExec],
  ['GET', /^\/exec\/([^/]+)\/json$/, inspectExec],
  ['GET', /^\/events$/, events],
  ['POST', /^\/images\/create$/, pull],
  ['GET', /^\/networks\/([^/]+)$/, inspectNetwork],
  ['POST', /^\/networks\/create$/, makeNetwork],
  ['POST', /^\/networks\/([^/]+)\/connect$/, joinNetwork],
  ['DELETE', /^\/networks\/([^/]+)$/, dropNetwork],
  ['GET', /^\/volumes\/([^/]+)$/, inspectVolume],
  ['POST', /^\/volumes\/create$/, makeVolume],
];

function found(json: Json | undefined, kind: string): HostAnswer {
  if (json === undefined) throw new Refusal(404, `no such ${kind}`);
  return { status: 200, json };
}

/** What networks and volumes have alike. */
function specOf(json: Json): {
  name: string;
  driver: string;
  labels: Readonly<Record<string, string>>;
} {
  return {
    name: String(json['Name']),
    driver: String(json['Driver']),
    labels: (json['Labels'] ?? {}) as Readonly<Record<string, string>>,
  };
}

/** Filters of a list or of events. */
export function filtersOf(query: URLSearchParams): Readonly<Record<string, readonly string[]>> {
  return JSON.parse(query.get('filters') ?? '{}') as Readonly<Record<string, readonly string[]>>;
}

function watcherOf({ clock }: FakeHost, { signal }: HostRequest): Watcher {
  return { clock, signal };
}

function jsonOf(body: Uint8Array): Json {
  return JSON.parse(Buffer.from(body).toString('utf8') || '{}') as Json;
}

async function* frames(lines: AsyncIterable<LogLine>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { stream, text } of lines) {
    const payload = Buffer.from(`${text}\n`);
    const header = Buffer.alloc(8);
    header[0] = stream === 'stdout' ? 1 : 2;
    header.writeUInt32BE(payload.length, 4);
    yield Buffer.concat([header, payload]);
  }
}

async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* items;
}
