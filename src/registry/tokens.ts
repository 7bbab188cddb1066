// Asking a token server for a token (distribution, "Token Authentication" and "OAuth2 Token Authentication"). No message
// repeats what was sent or what came back: a server may echo the one, and the other is the secret.
import type { Context } from '../core/context.ts';
import { type ErrorOptions, ShipperError } from '../core/errors.ts';
import { parseRetryAfter } from '../core/retry.ts';
import { member } from '../image/json-text.ts';
import type { Scope } from './authorizer.ts';
import type { Login } from './credentials.ts';
import { withDeadline } from './deadline.ts';
import type { HttpRequest, HttpResponse, Send } from './exchange.ts';
import { PASSING_STATUSES } from './failures.ts';
import type { RegistryHost } from './host.ts';
import { parseObject, textOf } from './json.ts';

/** A token, and until when it is good. */
export interface Token {
  readonly token: string;
  /** On the monotonic clock: what the server says of dates depends on two clocks that may be years apart. */
  readonly expiresAtMs: number;
  /** Takes the place of the identity token that was sent in a POST. */
  readonly identity?: string;
}

/** What is asked for, where, and by whom. */
export interface TokenQuestion {
  /** The registry, for messages. */
  readonly domain: string;
  /** The token server. */
  readonly server: RegistryHost;
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly Scope[];
  /** Who asks, and where that was found; nobody where it is undefined. */
  readonly login: AskingLogin | undefined;
  readonly source: string | undefined;
}

/** What a token server can be asked with. */
export type AskingLogin = Exclude<Login, { readonly kind: 'bearer' }>;

/** All of it: connecting, waiting, reading. */
const TOKEN_MS = 30_000;
const ANSWER_BYTES = 1_048_576;
/** Where the server does not say (distribution, token.md). */
const DEFAULT_LIFE_SECONDS = 60;
/** Statuses of servers that know no POST. */
const NO_POST = [404, 405];

/**
 * A token for `question`. Fails with `UNAUTHORIZED` when the server gives none, `REGISTRY` when it answers what cannot be
 * understood, `LIMIT_EXCEEDED` past 1 MiB, `TIMEOUT` after 30 s; those that may pass are `retryable`.
 */
export function fetchToken(ctx: Context, send: Send, question: TokenQuestion): Promise<Token> {
  const late = () => failure(question, 'TIMEOUT', 'gave no token within 30 s', { retryable: true });
  return withDeadline(ctx, TOKEN_MS, late, async (timed) => {
    const { login, server } = question;
    if (login?.kind === 'identity') {
      const response = await send(timed, server, postRequest(question, login.token));
      if (!NO_POST.includes(response.status)) return readToken(timed, question, response);
      await response.discard();
    }
    const response = await send(timed, server, getRequest(question));
    const { identity: _, ...token } = await readToken(timed, question, response);
    return token;
  });
}

/** The `Authorization` of a user. */
export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

const COMMON = { accept: 'application/json', 'user-agent': 'shipper' } as const;

function getRequest({ realm, service, scopes, login }: TokenQuestion): HttpRequest {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.append('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const authorization = login === undefined ? {} : { authorization: authorizationOf(login) };
  return { method: 'GET', url, headers: { ...COMMON, ...authorization } };
}

/** Servers that know no POST take an identity token for a password. */
function authorizationOf(login: AskingLogin): string {
  if (login.kind === 'basic') return basicHeader(login.username, login.password);
  return basicHeader(login.username ?? '<token>', login.token);
}

function postRequest({ realm, service, scopes }: TokenQuestion, refreshToken: string): HttpRequest {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    ...(service === undefined ? {} : { service }),
    client_id: 'shipper',
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    refresh_token: refreshToken,
  });
  const headers = { ...COMMON, 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', url: realm, headers, body: Buffer.from(form.toString(), 'utf8') };
}

async function readToken(
  ctx: Context,
  question: TokenQuestion,
  response: HttpResponse,
): Promise<Token> {
  const receivedMs = ctx.clock.monotonic();
  const { status } = response;
  if (status < 200 || status >= 300) {
    const waitMs = parseRetryAfter(response.header('retry-after')[0], ctx.clock.now());
    await response.discard();
    throw refusal(question, status, waitMs);
  }
  const answer = parseObject(await readText(question, response));
  if (answer === undefined)
    throw failure(question, 'REGISTRY', 'did not answer with a JSON object');
  const token = textOf(answer, 'token') ?? textOf(answer, 'access_token');
  if (token === undefined) throw failure(question, 'REGISTRY', 'answered without a token');
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw failure(question, 'REGISTRY', 'gave a token that cannot be sent in a header');
  }
  const identity = textOf(answer, 'refresh_token');
  return {
    token,
    expiresAtMs: receivedMs + lifeSeconds(member(answer, 'expires_in')) * 1000,
    ...(identity === undefined ? {} : { identity }),
  };
}

/** Some servers write the number as a text. */
function lifeSeconds(value: unknown): number {
  const seconds = typeof value === 'string' && value !== '' ? Number(value) : value;
  const isLife = typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0;
  return isLife ? seconds : DEFAULT_LIFE_SECONDS;
}

async function readText(question: TokenQuestion, response: HttpResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > ANSWER_BYTES) {
      throw failure(question, 'LIMIT_EXCEEDED', `answered with more than ${ANSWER_BYTES} bytes`);
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function refusal(
  question: TokenQuestion,
  status: number,
  retryAfterMs: number | undefined,
): ShipperError {
  const { login, source, domain } = question;
  if (status !== 401 && status !== 403) {
    return failure(question, 'REGISTRY', `answered with ${status}`, {
      status,
      retryable: PASSING_STATUSES.includes(status),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  const state =
    login === undefined
      ? `gives no token without credentials (${status})`
      : `does not accept the credentials from ${source} (${status})`;
  const hint = `\`docker login ${domain}\`, --creds or --authfile give others.`;
  return failure(question, 'UNAUTHORIZED', state, { status, hint });
}

function failure(
  { domain, realm }: TokenQuestion,
  code: 'UNAUTHORIZED' | 'REGISTRY' | 'LIMIT_EXCEEDED' | 'TIMEOUT',
  state: string,
  options: ErrorOptions = {},
): ShipperError {
  const message = `Cannot log in to ${domain}: token server ${JSON.stringify(realm.host)} ${state}`;
  return new ShipperError(code, message, { host: realm.host, ...options });
}
