// What a registry answered that means failure, as a ShipperError with the registry's own words.
import type { Context } from '../core/context.ts';
import { type ErrorCode, type ErrorOptions, isShipperError, ShipperError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { parseRetryAfter } from '../core/retry.ts';
import { tidy } from '../core/tidy.ts';
import type { HttpResponse } from './exchange.ts';

/** What was being done, for messages. */
export interface Doing {
  /** Verb and thing: `read manifest "app:1"`. */
  readonly action: string;
  readonly method: string;
  /** Of the request that was answered. Only its host and path are told. */
  readonly url: URL;
  /** The registry as people name it. */
  readonly domain: string;
}

/** Statuses after which the same request may go through. */
export const PASSING_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504];

/** A failure with `code` and its place filled in. */
export function failure(
  doing: Doing,
  code: ErrorCode,
  state: string,
  options: ErrorOptions = {},
): ShipperError {
  const { action, url } = doing;
  return new ShipperError(code, `Cannot ${action} at ${url.host}: ${state}`, {
    host: url.host,
    path: url.pathname,
    ...options,
  });
}

/** Turns an answer into the failure that it is. Reads what it says, up to 64 KiB. */
export async function refusal(
  ctx: Context,
  doing: Doing,
  response: HttpResponse,
  secret: string | undefined,
): Promise<ShipperError> {
  const said = wordsOf(await readWords(ctx, response), secret);
  const { status } = response;
  const afterMs = parseRetryAfter(response.header('retry-after')[0], ctx.clock.now());
  const state = `${doing.method} was answered with ${status}${said === '' ? '' : ` (${said})`}`;
  return failure(doing, codeOf(status), state, {
    status,
    retryable: PASSING_STATUSES.includes(status),
    ...(afterMs === undefined ? {} : { retryAfterMs: afterMs }),
    ...hintOf(status, doing.domain, secret?.startsWith('Basic ') === true),
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'UNAUTHORIZED';
  return status === 404 ? 'NOT_FOUND' : 'REGISTRY';
}

function hintOf(status: number, domain: string, hasLogin: boolean): { readonly hint?: string } {
  if (status === 407) return { hint: 'The proxy asks for a login: put it into HTTPS_PROXY.' };
  if (status !== 401 && status !== 403) return {};
  const login = domain === 'docker.io' ? 'docker login' : `docker login ${domain}`;
  if (!hasLogin) return { hint: `Log in with \`${login}\`, or pass --creds or --authfile.` };
  const state =
    status === 401 ? 'takes no such user and password' : 'gives this user no such right';
  return { hint: `The registry ${state}: \`${login}\`, --creds or --authfile give others.` };
}

/** What came of a body before its end, a cut or the cap. That it broke off is no news beside its status. */
async function readWords(ctx: Context, response: HttpResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      parts.push(chunk.subarray(0, LIMITS.registryErrorBytes - size));
      size += chunk.length;
      if (size >= LIMITS.registryErrorBytes) break;
    }
  } catch (error) {
    if (ctx.signal.aborted || isShipperError(error, 'INTERRUPTED')) throw error;
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The reason in an error body (distribution-spec, "Error Codes"), on one line and without `secret`. */
function wordsOf(body: string, secret: string | undefined): string {
  const errors = parsedErrors(body);
  const text = errors.length > 0 ? errors.join('; ') : /^\s*</.test(body) ? '' : body;
  return secretsIn(secret).reduce((words, each) => words.replaceAll(each, '…'), tidy(text));
}

/** What of an `Authorization` must not be told: its value, and the password in that. */
function secretsIn(authorization: string | undefined): readonly string[] {
  const [scheme = '', value = ''] = authorization?.split(' ') ?? [];
  if (value === '') return [];
  if (scheme.toLowerCase() !== 'basic') return [value];
  const login = Buffer.from(value, 'base64').toString('utf8');
  const password = login.slice(login.indexOf(':') + 1);
  return password === '' ? [value] : [value, password];
}

const MOST_ERRORS = 3;

function parsedErrors(body: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return [];
  }
  const list = memberOf(value, 'errors');
  if (!Array.isArray(list)) return [];
  return list.slice(0, MOST_ERRORS).flatMap((error: unknown) => {
    const words = [memberOf(error, 'code'), memberOf(error, 'message')];
    const text = words.filter((word) => typeof word === 'string' && word !== '').join(': ');
    return text === '' ? [] : [text];
  });
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}
