// A token server for tests (distribution, token.md and oauth.md): real HTTP, with bad manners to order. It knows which of
// its tokens still live, so that a registry beside it can ask.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** How a token server answers. May be changed while it runs. */
export interface TokenManners {
  /** Who may have tokens; with no users anybody may. */
  readonly users?: Readonly<Record<string, string>>;
  /** Identity tokens that are accepted in a POST. */
  readonly identities?: readonly string[];
  /** What a POST gets back as `refresh_token`; it is accepted from then on. */
  readonly nextIdentity?: string;
  /** Whether a POST is answered at all, and else with which status. */
  readonly postStatus?: number;
  /** Default `token`. */
  readonly field?: 'token' | 'access_token' | 'both';
  /** What is said as `expires_in`; left out by default. */
  readonly expiresIn?: unknown;
  readonly issuedAt?: string;
  /** How long tokens really live. Default: for ever. */
  readonly lifeMs?: number;
  /** Only these actions are granted. */
  readonly grants?: readonly string[];
  /** Reads only the first scope, as some servers do. */
  readonly readsOneScope?: boolean;
  /** Before it answers. */
  readonly delayMs?: number;
  /** Answers with this status, as often as `failures` says; default always. */
  readonly status?: number;
  readonly failures?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the answer; `endless` never ends, `silent` never begins. */
  readonly body?: string | 'endless' | 'silent';
}

/** One request that came in. */
export interface TokenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** Of the query, or of the form of a POST. */
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly form: Readonly<Record<string, string>>;
}

/** A running token server. */
export interface TokenServer extends AsyncDisposable {
  readonly origin: string;
  readonly realm: string;
  readonly requests: TokenRequest[];
  /** All tokens that were given, oldest first. */
  readonly tokens: string[];
  manners: TokenManners;
  /** A `WWW-Authenticate` that leads here. */
  challenge(scope?: string, error?: string): string;
  /** Whether an `Authorization` is a token from here that lives and allows `scope`. */
  accepts(authorization: string | undefined, scope?: string): boolean;
  /** Ends the life of all tokens. */
  revoke(): void;
}

const SERVICE = 'registry.test';

interface Issued {
  readonly scopes: readonly string[];
  readonly diesAtMs: number;
}

/** Starts one on 127.0.0.1. */
export async function startTokenServer(
  manners: TokenManners = {},
  tls?: { readonly key: string; readonly cert: string },
): Promise<TokenServer> {
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void keeper.answer(request, response).catch(() => response.destroy());
  const server: Server =
    tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const keeper = new TokenKeeper(origin, manners, server);
  return keeper;
}

class TokenKeeper implements TokenServer {
  readonly origin: string;
  readonly realm: string;
  readonly requests: TokenRequest[] = [];
  readonly tokens: string[] = [];
  manners: TokenManners;
  readonly #server: Server;
  readonly #issued = new Map<string, Issued>();
  readonly #identities = new Set<string>();
  #failures = 0;

  constructor(origin: string, manners: TokenManners, server: Server) {
    this.origin = origin;
    this.realm = `${origin}/token`;
    this.manners = manners;
    this.#server = server;
  }

  challenge(scope?: string, error?: string): string {
    const parts = [`realm="${this.realm}"`, `service="${SERVICE}"`];
    if (scope !== undefined) parts.push(`scope="${scope}"`);
    if (error !== undefined) parts.push(`error="${error}"`);
    return `Bearer ${parts.join(',')}`;
  }

  accepts(authorization: string | undefined, scope?: string): boolean {
    const issued = this.#issued.get(authorization?.replace(/^Bearer /, '') ?? '');
    if (issued === undefined || issued.diesAtMs < performance.now()) return false;
    return scope === undefined || allows(issued.scopes, scope);
  }

  revoke(): void {
    this.#issued.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = seenOf(request, await textOf(request));
    this.requests.push(seen);
    const { manners } = this;
    if (manners.delayMs !== undefined) await delay(manners.delayMs);
    if (manners.status !== undefined && this.#failures < (manners.failures ?? Infinity)) {
      this.#failures += 1;
      response.writeHead(manners.status, manners.headers).end('{"details":"no"}');
    } else if (manners.body !== undefined) {
      await sendBody(response, manners.body);
    } else if (seen.method === 'POST' && manners.postStatus !== undefined) {
      response.writeHead(manners.postStatus).end('not here');
    } else if (this.#knows(seen)) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(this.#issue(seen)));
    } else {
      // Echoes what it was told, as some servers do.
      response.writeHead(401).end(JSON.stringify({ details: seen }));
    }
  }

  #knows({ method, authorization, form }: TokenRequest): boolean {
    const { users, identities = [] } = this.manners;
    if (method === 'POST') {
      const token = form['refresh_token'] ?? '';
      return identities.includes(token) || this.#identities.has(token);
    }
    if (users === undefined) return true;
    const good = Object.entries(users).map((pair) => `Basic ${base64(pair.join(':'))}`);
    return authorization !== undefined && good.includes(authorization);
  }

  #issue({ method, scopes: asked }: TokenRequest): object {
    const { manners } = this;
    const token = randomBytes(12).toString('hex');
    const heard = manners.readsOneScope === true ? asked.slice(0, 1) : asked;
    const scopes = heard.map((scope) => reduced(scope, manners.grants));
    this.tokens.push(token);
    this.#issued.set(token, { scopes, diesAtMs: performance.now() + (manners.lifeMs ?? Infinity) });
    const { field = 'token', expiresIn, issuedAt, nextIdentity } = manners;
    const isRotating = method === 'POST' && nextIdentity !== undefined;
    if (isRotating) this.#identities.add(nextIdentity);
    return {
      ...(field === 'access_token' ? {} : { token }),
      ...(field === 'token' ? {} : { access_token: token }),
      ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
      ...(issuedAt === undefined ? {} : { issued_at: issuedAt }),
      ...(isRotating ? { refresh_token: nextIdentity } : {}),
    };
  }
}

function seenOf(request: IncomingMessage, body: string): TokenRequest {
  const { method = '', headers } = request;
  const url = new URL(request.url ?? '', 'http://here');
  const fields = method === 'POST' ? new URLSearchParams(body) : url.searchParams;
  const scopes =
    method === 'POST' ? (fields.get('scope') ?? '').split(' ') : fields.getAll('scope');
  return {
    method,
    path: url.pathname,
    authorization: headers.authorization,
    service: fields.get('service') ?? undefined,
    scopes: scopes.filter((scope) => scope !== ''),
    form: method === 'POST' ? Object.fromEntries(fields) : {},
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

async function sendBody(response: ServerResponse, body: string): Promise<void> {
  if (body === 'silent') return;
  response.writeHead(200, { 'content-type': 'application/json' });
  if (body !== 'endless') return void response.end(body);
  const piece = ' '.repeat(65_536);
  while (!response.destroyed) {
    if (!response.write(piece)) await delay(1);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function split(scope: string): readonly [resource: string, actions: readonly string[]] {
  const colon = scope.lastIndexOf(':');
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')];
}

function reduced(scope: string, grants: readonly string[] | undefined): string {
  if (grants === undefined) return scope;
  const [resource, actions] = split(scope);
  return `${resource}:${actions.filter((action) => grants.includes(action)).join(',')}`;
}

function allows(held: readonly string[], scope: string): boolean {
  const [resource, actions] = split(scope);
  return held.map(split).some(([name, allowed]) => {
    return name === resource && actions.every((action) => allowed.includes(action));
  });
}
