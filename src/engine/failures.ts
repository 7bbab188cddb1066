// What went wrong between us and an engine, as a ShipperError that says how to mend it.
import { type ErrorOptions, messageOf, ShipperError } from '../core/errors.ts';
import { tidy } from '../core/tidy.ts';
import { parseObject, textOf } from './wire.ts';

/** What was being done, for messages. */
export interface Doing {
  /** Verb and thing, for example `load images into the engine`. */
  readonly action: string;
  /** The endpoint, redacted. */
  readonly endpoint: string;
  /** The path of the request, without its query. */
  readonly path: string;
  /** The image as the caller named it. */
  readonly image?: string;
}

/** An answer of another status than 2xx. */
export interface Refusal {
  readonly status: number;
  /** The first 64 KiB of the answer's body. */
  readonly body: string;
}

/** The failure of a call, with the place filled in. */
export function failure(doing: Doing, state: string, options: ErrorOptions = {}): ShipperError {
  return new ShipperError('ENGINE', sentence(doing, state), { ...place(doing), ...options });
}

/** A call on which nothing happened for `limitMs`. */
export function timeout(doing: Doing, limitMs: number): ShipperError {
  const state = `nothing came or went for ${limitMs / 1000} s`;
  return new ShipperError('TIMEOUT', sentence(doing, state), { ...place(doing), retryable: true });
}

/** A 404: the engine has no such image. */
export function notFound(doing: Doing, refusal: Refusal): ShipperError {
  const options = { ...place(doing), status: refusal.status };
  return new ShipperError('NOT_FOUND', sentence(doing, reasonOf(refusal)), options);
}

/** An HTTP status that means failure. */
export function refused(doing: Doing, refusal: Refusal): ShipperError {
  const { status } = refusal;
  if (status === 404 && !isMissingRoute(refusal)) return notFound(doing, refusal);
  const hint = refusal.body.includes('HTTP request to an HTTPS server')
    ? 'The endpoint wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH.'
    : undefined;
  return failure(doing, `${reasonOf(refusal)} (HTTP ${status})`, {
    status,
    retryable: status === 429 || status === 502 || status === 503 || status === 504,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether a 404 is about the URL and not about an image: a proxy, or an API that lacks the call. */
function isMissingRoute(refusal: Refusal): boolean {
  return refusal.status === 404 && /page not found/i.test(refusal.body);
}

/** The reason that an answer gives: the `message` of its JSON, else its first line. */
export function reasonOf(refusal: Refusal): string {
  const value = parseObject(refusal.body);
  const message = textOf(value?.['message']) ?? textOf(value?.['error']) ?? refusal.body;
  return tidy(message) || 'the engine gave no reason';
}

/** Turns what a socket, TLS, HTTP or ssh threw into a ShipperError. */
export function connectionFailure(error: unknown, doing: Doing): ShipperError {
  const code = codeOf(error);
  const known = UNREACHABLE[code] ?? tlsState(code, error);
  if (known !== undefined) return unreachable(doing, known.state, known.hint, error);
  if (error instanceof ShipperError) {
    // A spawned ssh that failed: its last words say why.
    if (error.code !== 'IO' && error.code !== 'NOT_FOUND') return error;
    return unreachable(doing, tidy(error.message), error.hint ?? SSH_HINT, error);
  }
  if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE') {
    return unreachable(doing, 'what answers there does not speak HTTP', HTTP_HINT, error);
  }
  const cut = CUT.has(code) || /aborted|hang up/.test(messageOf(error));
  const state = cut ? 'the connection was closed before the answer was complete' : undefined;
  return failure(doing, state ?? tidy(messageOf(error)), { cause: error, retryable: cut });
}

/** Nothing usable answers at the endpoint. */
export function unreachable(
  doing: Doing,
  state: string,
  hint: string,
  cause?: unknown,
): ShipperError {
  const message = `Cannot reach the engine at ${doing.endpoint}: ${state}`;
  const options = { ...place(doing), hint, cause, retryable: true };
  return new ShipperError('ENGINE_UNREACHABLE', message, options);
}

function sentence(doing: Doing, state: string): string {
  return `Cannot ${doing.action} at ${doing.endpoint}: ${state}`;
}

function place(doing: Doing): ErrorOptions {
  return {
    host: doing.endpoint,
    path: doing.path,
    ...(doing.image === undefined ? {} : { image: doing.image }),
  };
}

interface State {
  readonly state: string;
  readonly hint: string;
}

const RUNNING =
  'Is the daemon running? `docker version` says whether the docker command reaches it.';
const GROUP =
  'Add yourself to the "docker" group (`sudo usermod -aG docker $USER`, then log in again) or run as root.';
const NETWORK = 'Check the host name, the network and the firewall.';
const HTTP_HINT = 'Check host and port; an engine with TLS needs DOCKER_TLS_VERIFY=1.';
const SSH_HINT =
  'Check that `ssh HOST docker system dial-stdio` works without a password and that docker is there.';

const UNREACHABLE: Readonly<Record<string, State>> = {
  ECONNREFUSED: { state: 'connection refused', hint: RUNNING },
  ENOENT: { state: 'the socket is not there', hint: RUNNING },
  ENOTSOCK: { state: 'the path is not a socket', hint: 'Name the socket of the daemon.' },
  EACCES: { state: 'permission denied', hint: GROUP },
  EPERM: { state: 'permission denied', hint: GROUP },
  ENOTFOUND: { state: 'the host name is unknown', hint: NETWORK },
  EAI_AGAIN: { state: 'the host name cannot be looked up now', hint: NETWORK },
  EHOSTUNREACH: { state: 'no route to the host', hint: NETWORK },
  ENETUNREACH: { state: 'the network is unreachable', hint: NETWORK },
  ETIMEDOUT: { state: 'the connection timed out', hint: NETWORK },
};

const CUT: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'HPE_INVALID_EOF_STATE',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

function tlsState(code: string, error: unknown): State | undefined {
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER/.test(code)) {
    const hint = 'Check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or in the docker context.';
    return { state: `its certificate is not accepted (${tidy(messageOf(error))})`, hint };
  }
  if (!/^(?:EPROTO|ERR_SSL_|ERR_TLS_|ERR_OSSL_)/.test(code)) return undefined;
  const hint = 'Check that the port speaks TLS and that the client certificate belongs to it.';
  return { state: `TLS failed (${tidy(messageOf(error))})`, hint };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error) || error instanceof ShipperError) return '';
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // Happy eyeballs: a host with several addresses fails with an AggregateError.
  if (own === '' && error instanceof AggregateError) return codeOf(error.errors[0]);
  return own;
}
