// Starts HTTP requests with docker-modem, and the only file that imports it: lazily, because it brings ssh2 along, which
// costs 33 ms to load and is never used (ssh goes through the system's own program, see dial-stdio.ts).
//
// docker-modem builds and starts the requests; their answers are taken from the request itself. Its own reading of
// answers follows redirects to any host without an error listener, collects the text of an error without a bound, and
// pipes uploads so that chunks pile up in the request.
import type { Agent, ClientRequest } from 'node:http';
import { Readable } from 'node:stream';
import type DockerModem from 'docker-modem';
import type { Endpoint } from './endpoint.ts';

/** A request that has neither a body nor been ended yet. */
export interface RequestLine {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With the version prefix, without a query, escaped. */
  readonly path: string;
  /** A list is given item by item, under the same name. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a tar follows. */
  readonly isUpload?: boolean;
  /** Whether JSON follows. */
  readonly isJson?: boolean;
}

/** Starts requests to one endpoint. */
export interface Modem {
  /**
   * Makes a request and calls `attach` with it before anything can happen to it; `attach` gets its only `response`
   * listener to add. Nothing is sent before it writes to the request or ends it. Rejects when the request is malformed.
   */
  start(line: RequestLine, attach: (request: ClientRequest) => void): Promise<void>;
}

/** Loads docker-modem. `agent` makes the connections, and knows about TLS. */
export async function openModem(endpoint: Endpoint, agent: Agent): Promise<Modem> {
  const { default: Dialer } = await import('docker-modem');
  // Not constructed: the constructor reads DOCKER_HOST and certificate files by itself, and fails on bad ones, though
  // the endpoint is known by now. No key is given to it either, as it prints its options with DEBUG=modem.
  const dialer: DockerModem = Object.create(Dialer.prototype);
  Object.assign(dialer, dialerFields(endpoint), { agent });
  return { start: (line, attach) => start(dialer, line, attach) };
}

function dialerFields(endpoint: Endpoint): Readonly<Record<string, unknown>> {
  const common = { headers: {}, sshOptions: {}, pathPrefix: '/', protocol: 'http' };
  switch (endpoint.kind) {
    case 'unix':
    case 'npipe':
      return { ...common, socketPath: endpoint.path };
    case 'ssh':
      return { ...common, host: 'localhost' };
    case 'tcp': {
      const protocol = endpoint.tls === undefined ? 'http' : 'https';
      return { ...common, host: endpoint.host, port: endpoint.port, protocol };
    }
  }
}

function start(
  dialer: DockerModem,
  line: RequestLine,
  attach: (request: ClientRequest) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const handover = new Handover((request) => {
      // One of these would follow redirects, the other collect the answer.
      request.removeAllListeners('response');
      if (line.isUpload !== true) request.removeHeader('Content-Type');
      if (line.isJson === true) request.setHeader('Content-Type', 'application/json');
      // Not through docker-modem: credentials may be among them, and it prints what it is given with DEBUG=modem.
      for (const [name, value] of Object.entries(line.headers ?? {}))
        request.setHeader(name, value);
      attach(request);
      resolve();
    });
    const hasQuery = line.query !== undefined && Object.keys(line.query).length > 0;
    const options = hasQuery ? { options: { _query: line.query ?? {} } } : {};
    dialer.dial(
      {
        method: line.method,
        // A question mark makes docker-modem add the query.
        path: hasQuery ? `${line.path}?` : line.path,
        headers: { 'Content-Type': 'application/x-tar', 'User-Agent': 'shipper' },
        file: handover,
        isStream: true,
        statusCodes: {},
        ...options,
      },
      (error) => reject(error ?? new Error('no request was made')),
    );
  });
}

/** Looks like a request body to docker-modem, which pipes it into the request: that is how the request gets here. */
class Handover extends Readable {
  readonly #take: (request: ClientRequest) => void;

  constructor(take: (request: ClientRequest) => void) {
    super();
    this.#take = take;
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    // docker-modem's only destination; its types call it a writable stream.
    this.#take(destination as unknown as ClientRequest);
    return destination;
  }
}
